/** What events said of identities and nobody took note of is found on the tape again. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Identities } from '../src/identity/identities.ts';
import { createLinkMemory } from '../src/identity/memory.ts';
import { LinkReader } from '../src/identity/reader.ts';
import { LeftBehind } from '../src/identity/recover.ts';
import { identityDefaults } from '../src/identity/settings.ts';
import { createMetricsMemory, openMetrics } from '../src/std/metrics.ts';
import { ManualClock, ShardKit } from './support/shardkit.ts';

const startMs = 1_790_000_000_000;

test('rows with links are found behind a stamp, sealed or not, with what their keys may', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'tapeline-recover-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const clock = new ManualClock(startMs);
  const memory = createLinkMemory({ directory, hashSeed: 7, phoneRegion: undefined, fronts: 1 });
  const settings = () => identityDefaults;
  const identities = new Identities({ memory, clock, settings, tell: async () => undefined });
  await identities.open(0);
  const links = new LinkReader(memory);
  const limits = { events: 10, bytes: 2 ** 30, ageMs: 2 ** 40 };
  const kit = new ShardKit({
    directory,
    shards: 2,
    clock,
    limits,
    links,
    // The process ends before anything is established.
    establish: () => new Promise(() => undefined),
  });
  const event = (n: number, previous?: string): object => {
    const made = { id: `e${n}`, customer: `c${n}`, type: 'T', time: startMs - 100 + n };
    return previous === undefined ? made : { ...made, previous };
  };
  let middle = 0;
  for (let n = 0; n < 60; n += 3) {
    void kit.send('json', body([event(n), event(n + 1, `cookie:k${n}`)]));
    void kit.send('json', body([event(n + 2, `cookie:p${n}`)]), 1, false);
    await kit.commit();
    if (n === 27) middle = kit.tape.horizon();
  }
  void kit.send('json', body([{ ...event(60), customer: 'tel:+1 415 555 2671' }]));
  await kit.commit();
  await kit.settle();
  const left = new LeftBehind(kit.memory, openMetrics(createMetricsMemory(1), 0), undefined);
  const found = [...left.statements(0)].flat().sort((a, b) => a.time - b.time);
  const expected = Array.from({ length: 60 }, (_, n) => n)
    .filter((n) => n % 3 > 0)
    .map((n) => {
      const previous = n % 3 === 1 ? `cookie:k${n - 1}` : `cookie:p${n - 2}`;
      const time = startMs - 100 + n;
      return { workspace: 1, customer: `c${n}`, previous, time, isTrusted: n % 3 === 1 };
    });
  assert.deepEqual(found.slice(0, -1), expected);
  assert.deepEqual([found.at(-1)!.customer, found.at(-1)!.previous], ['tel:+1 415 555 2671', '']);
  assert.equal([...left.statements(middle)].flat().length, 21);
  assert.deepEqual([...left.statements(left.horizon)], []);
  await identities.ask({ kind: 'state', statements: found });
  kit.tape.refresh();
  for (const { customer, previous } of expected) {
    const names = links.membersOf(1, previous).members.map((each) => String(each.customer));
    assert.deepEqual(names, [customer, previous]);
  }
  await left.close();
  await kit.close();
  await links.close();
  await identities.close();
});

function body(events: readonly object[]): Buffer {
  return Buffer.from(JSON.stringify(events));
}
