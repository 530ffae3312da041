/** The maps that come with the project, on the files they were made for. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { loadMap } from '../scripts/import/map.ts';
import { openReport } from '../scripts/import/report.ts';
import { run } from '../scripts/import/run.ts';
import { openSource } from '../scripts/import/source.ts';
import type { openIngest } from '../src/client/ingest.ts';
import type { Event } from '../src/client/types.ts';

const folder = fileURLToPath(new URL('../../../shared/data/', import.meta.url));

function pathOf(t: TestContext, file: string): string | undefined {
  const path = join(process.env['TAPELINE_TEST_DATA'] ?? folder, file);
  if (existsSync(path)) return path;
  t.skip(`${file} is not there`);
  return undefined;
}

/** Every event of a file, and the lines it refuses. */
async function readFile(
  path: string,
  mapName: string,
): Promise<{ events: Event[]; refused: number[] }> {
  const events: Event[] = [];
  const refused: number[] = [];
  const report = openReport(() => undefined, { path: undefined, isContinued: false });
  const client: ReturnType<typeof openIngest> | undefined = undefined;
  const end = await run({
    map: loadMap(mapName),
    source: await openSource(path),
    report: { ...report, refuse: ({ line }) => void refused.push(line) },
    batchEvents: 1000,
    client,
    from: undefined,
    progressed: () => undefined,
    shown: () => undefined,
    made: (event) => void events.push(event),
    isStopping: () => false,
  });
  assert.equal(end, 'complete');
  assert.equal(report.counts.read, events.length + refused.length);
  return { events, refused };
}

function countBy(events: readonly Event[], key: (event: Event) => unknown): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const event of events) {
    const name = String(key(event));
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

function sum(events: readonly Event[], name: string): number {
  return events.reduce((total, { data }) => total + (data as Record<string, number>)[name]!, 0);
}

function fingerprint(path: string): string {
  const head = gunzipSync(readFileSync(path)).subarray(0, 64 * 1024);
  return createHash('sha256').update(head).digest('hex').slice(0, 12);
}

test('cdnow: every purchase, with an id of its own', async (t) => {
  const path = pathOf(t, 'cdnow_purchases.txt.gz');
  if (path === undefined) return;
  const { events, refused } = await readFile(path, 'cdnow');
  assert.equal(events.length, 69_659);
  assert.deepEqual(refused, []);
  assert.equal(new Set(events.map(({ id }) => id)).size, 69_659);
  assert.equal(new Set(events.map(({ customer }) => customer)).size, 23_570);
  assert.equal(sum(events, 'cds'), 167_881);
  assert.equal(sum(events, 'value').toFixed(2), '2500315.63');
  assert.deepEqual(events[0], {
    id: `cdnow-${fingerprint(path)}-2`,
    customer: 'cdnow:00001',
    type: 'purchase',
    channel: 'web',
    time: Date.UTC(1997, 0, 1),
    data: { cds: 1, value: 11.77, currency: 'USD' },
  });
});

test('otto: every event of every session', async (t) => {
  const path = pathOf(t, 'otto_web_sessions.jsonl.gz');
  if (path === undefined) return;
  const { events, refused } = await readFile(path, 'otto');
  assert.deepEqual(refused, []);
  assert.equal(new Set(events.map(({ id }) => id)).size, 862);
  assert.deepEqual(
    countBy(events, ({ type }) => type),
    { product_click: 800, cart_add: 52, order: 10 },
  );
  assert.equal(new Set(events.map(({ customer }) => customer)).size, 20);
  const times = events.map(({ time }) => time as number);
  assert.equal(Math.min(...times), Date.parse('2022-07-31T22:00:00.025Z'));
  assert.equal(Math.max(...times), Date.parse('2022-08-28T21:59:57.885Z'));
  assert.deepEqual(events[1], {
    id: `otto-${fingerprint(path)}-1-1`,
    customer: 'otto:0',
    type: 'product_click',
    channel: 'web',
    time: 1_659_304_904_511,
    data: { article: 1_563_459 },
  });
});

test('incidents: every contact but those of nobody, refused by line', async (t) => {
  const path = pathOf(t, 'incident_contacts.csv.gz');
  if (path === undefined) return;
  const { events, refused } = await readFile(path, 'incidents');
  assert.equal(events.length + refused.length, 119_998);
  const lines = gunzipSync(readFileSync(path)).toString().split('\n');
  const nobody = lines.flatMap((line, i) => (line.split(',')[7] === '?' ? [i + 1] : []));
  assert.deepEqual(refused, nobody);
  assert.equal(refused.length, 29);
  assert.equal(new Set(events.map(({ id }) => id)).size, 119_969);
  assert.equal(new Set(events.map(({ customer }) => customer)).size, 4_828);
  assert.ok(events.every(({ customer }) => /^caller:\d+$/.test(customer)));
  const types = countBy(events, ({ type }) => type);
  assert.equal(types['contact.unknown'], 2);
  assert.deepEqual(Object.keys(types).sort(), [
    'contact.active',
    'contact.awaiting_evidence',
    'contact.awaiting_problem',
    'contact.awaiting_user_info',
    'contact.awaiting_vendor',
    'contact.closed',
    'contact.new',
    'contact.resolved',
    'contact.unknown',
  ]);
  assert.deepEqual(Object.keys(countBy(events, ({ channel }) => channel)).sort(), [
    'email',
    'phone',
  ]);
  assert.equal(countBy(events, ({ customer }) => customer)['caller:1904'], 1_421);
  assert.deepEqual(events[1], {
    id: 'INC0000045/29/2/2016 08:53/2',
    customer: 'caller:2403',
    type: 'contact.resolved',
    channel: 'phone',
    time: Date.UTC(2016, 1, 29, 8, 53),
    data: {
      number: 'INC0000045',
      sys_mod_count: 2,
      priority: '3 - Moderate',
      impact: '2 - Medium',
      urgency: '2 - Medium',
      category: 'Category 55',
      subcategory: 'Subcategory 170',
      assignment_group: 'Group 56',
      reassignment_count: 0,
      reopen_count: 0,
      made_sla: true,
    },
  });
});
