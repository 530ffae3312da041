/** What is remembered of deliveries: bounded, the oldest going first, in order, and whole after a start. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ledger } from '../src/journeys/deliver/ledger.ts';
import type { DeliveryState, Entry } from '../src/journeys/deliver/record.ts';
import type { Rows } from '../src/journeys/engine/work.ts';
import { DeliverKit } from './support/deliverkit.ts';
import { count } from './support/session.ts';

class MapRows implements Rows {
  readonly values = new Map<string, unknown>();
  get = (key: string): unknown => this.values.get(key);
  *range(prefix: string): Iterable<readonly [string, unknown]> {
    for (const key of [...this.values.keys()].sort()) {
      if (key.startsWith(prefix)) yield [key, this.values.get(key)];
    }
  }
  put(key: string, value: unknown): void {
    if (value === undefined) this.values.delete(key);
    else this.values.set(key, value);
  }
  flush = (): Promise<void> => Promise.resolve();
}

function entryOf(n: number, more: Partial<Entry> = {}): Entry {
  const place = { workspace: 1, webhook: 'crm', id: `act_${n}` };
  const kept = { customer: 'c1', request: 'r', decidedAt: n, at: n, nextAt: n };
  return { ...place, ...kept, state: 'pending', attempts: 0, replays: 0, ...more };
}

const limits = {
  ...{ pendingPerWorkspaceMax: 20, pendingMax: 30 },
  ...{ failedPerWebhookMax: 10, deliveredPerWebhookMax: 4 },
};

test('settled deliveries are bounded, and the oldest go with their bodies', () => {
  const bounds: [DeliveryState, number][] = [
    ['failed', limits.failedPerWebhookMax],
    ['delivered', limits.deliveredPerWebhookMax],
  ];
  for (const [state, most] of bounds) {
    const rows = new MapRows();
    const ledger = new Ledger(rows, limits);
    for (const n of count(most + 3)) {
      const entry = entryOf(n);
      ledger.add(entry, '{}');
      ledger.move(entry, state as 'failed', n);
    }
    assert.equal(rows.values.size, 2 * most);
    const [newest] = ledger.list(1, 'crm', state);
    assert.equal(newest!.id, `act_${most + 2}`);
    assert.equal(ledger.find({ workspace: 1, webhook: 'crm', id: 'act_2' }), undefined);
    assert.equal(ledger.pending, 0);
    // What a start finds is the same.
    const again = new Ledger(rows, limits);
    assert.deepEqual(
      [...again.list(1, 'crm')].map(({ id }) => id),
      [...ledger.list(1, 'crm')].map(({ id }) => id),
    );
  }
});

test('so many may wait in a workspace, and in all, and no other is held up by the first', () => {
  const ledger = new Ledger(new MapRows(), limits);
  for (const n of count(20)) {
    assert.ok(ledger.hasRoom(1));
    ledger.add(entryOf(n), '{}');
  }
  assert.deepEqual([ledger.hasRoom(1), ledger.hasRoom(2)], [false, true]);
  ledger.remove(ledger.find({ workspace: 1, webhook: 'crm', id: 'act_7' })!);
  assert.ok(ledger.hasRoom(1));
  for (const n of count(11)) ledger.add(entryOf(n, { workspace: 2 }), '{}');
  assert.deepEqual([ledger.hasRoom(1), ledger.hasRoom(3)], [false, false]);
});

test('one too many fails at once, and can be sent when there is room', async () => {
  const kit = await DeliverKit.open();
  await kit.webhook('crm', 'https://127.0.0.1:9/');
  const ledger = Ledger.prototype;
  const { hasRoom } = ledger;
  ledger.hasRoom = () => false;
  try {
    kit.decide('c1', { id: 'act_x', do: 'webhook', endpoint: 'crm' });
    const { attempts, detail, outcome } = await kit.outcome('act_x');
    assert.deepEqual([outcome, attempts], ['failed', 0]);
    assert.equal(detail, 'too many deliveries wait already');
    const ask = { kind: 'replay', workspace: 1, webhook: 'crm' } as const;
    await assert.rejects(async () => kit.deliveries.answerer.replay(ask), { code: 'overloaded' });
  } finally {
    ledger.hasRoom = hasRoom;
  }
});

test('pages go through a list once, the newest first', async () => {
  const kit = await DeliverKit.open();
  for (const n of count(25)) {
    kit.decide('c1', { id: `act_${String(n).padStart(2, '0')}`, do: 'webhook', endpoint: 'none' });
    kit.clock.advance(n % 3);
  }
  await kit.outcome('act_24');
  const seen: string[] = [];
  let before: string | null | undefined;
  do {
    const answer = await kit.deliveries.answerer.deliveries({
      ...{ kind: 'deliveries', workspace: 1, webhook: 'none', limit: 4, state: 'failed' },
      ...(typeof before === 'string' && { before }),
    });
    seen.push(...answer.deliveries.map(({ id }) => id));
    before = answer.next;
  } while (before !== null);
  assert.equal(new Set(seen).size, 25);
  assert.equal(seen.length, 25);
});
