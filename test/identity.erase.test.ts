/** An erasure that is refused: it changes nothing, or it is kept and carried out as it was asked for. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { asksOf } from '../src/identity/ask.ts';
import { createLinkMemory, type LinkMemory } from '../src/identity/memory.ts';
import { noNode } from '../src/identity/node.ts';
import { LinkReader } from '../src/identity/reader.ts';
import { identityDefaults } from '../src/identity/settings.ts';
import { showCustomer } from '../src/identity/shown.ts';
import type { Establish } from '../src/ingest/statements.ts';
import { AppError } from '../src/std/errors.ts';
import { createMetricsMemory } from '../src/std/metrics.ts';
import type { ErasedShare, ErasureState } from '../src/tape/erasure.ts';
import { erasuresPendingMax } from '../src/tape/room.ts';
import { createBells } from '../src/threads/bells.ts';
import { LinkDesk } from '../src/threads/linkdesk.ts';
import { FakeStore } from './support/documents.ts';
import { ManualClock, ShardKit } from './support/shardkit.ts';

const startMs = 1_790_000_000_000;
const noRoom = new AppError('unavailable', 'the disk is full');
const [ann, cookie] = ['ann', 'cookie:ann'];

function openDesk(memory: LinkMemory, clock: ManualClock): LinkDesk {
  const desk: LinkDesk = new LinkDesk({
    memory,
    clock,
    log: { info() {}, warn() {}, error() {} },
    fronts: 1,
    settings: () => undefined,
    forget: async () => undefined,
    post: (_, message) => {
      if (message.kind === 'relink') desk.relinked(0, message.change);
    },
  });
  return desk;
}

/** Who is who, and what is on the tape. */
function stateOf(kit: ShardKit, links: LinkReader, customer: string) {
  kit.tape.refresh();
  const shown = showCustomer(links, 1, customer, identityDefaults);
  const ids = kit.page({ customer }, 100).events.map(({ id }) => id);
  return { identities: shown.identities.map(({ identity }) => identity), ids };
}

/** A customer of two identities, as main and a shard have them. */
async function open(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'tapeline-erase-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const clock = new ManualClock(startMs);
  const documents = new FakeStore();
  const memory = createLinkMemory({ directory, hashSeed: 7, phoneRegion: undefined, fronts: 1 });
  let desk = openDesk(memory, clock);
  const links = new LinkReader(memory);
  const disk = { isFull: true };
  const establish: Establish = async (statements, erasures) => {
    if (disk.isFull) throw noRoom;
    for (const ask of asksOf(statements, erasures)) await desk.answer(0, 1, ask);
    return statements.map(() => 'linked');
  };
  const kit = new ShardKit({ directory, shards: 2, clock, links, documents, establish });
  const [metrics, bells] = [createMetricsMemory(1), createBells(1)];
  const shown = new SharedArrayBuffer(0);
  const start = { tape: kit.memory, links: memory, metrics, row: 0, bells, shown };
  await desk.open(start, kit.erasures);
  const store = async (customer: string, id: string, previous?: string): Promise<void> => {
    const event = { customer, id, type: 'T', ...(previous !== undefined && { previous }) };
    const sent = kit.send('json', Buffer.from(JSON.stringify([event])));
    await kit.commit();
    await sent;
  };
  /** The process ends and begins again. */
  const restart = async (): Promise<void> => {
    await desk.close();
    desk = openDesk(memory, clock);
    await desk.open(start, kit.erasures);
  };
  await store(ann, 'a1');
  await store(cookie, 'k1');
  await desk.answer(0, 1, { kind: 'link', workspace: 1, from: cookie, to: ann });
  t.after(async () => {
    await kit.close();
    await links.close();
    await desk.close();
  });
  const state = (customer: string) => stateOf(kit, links, customer);
  const pass = async (): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
    kit.tape.refresh();
    clock.advance(5);
  };
  const erase = async (customer: string): Promise<ErasureState> => {
    let isAnswered = false;
    const wish = { workspace: 1, customer, now: true };
    const answer = desk.erase(kit.erasures, wish).finally(() => {
      isAnswered = true;
    });
    answer.catch(() => undefined);
    while (!isAnswered) await pass();
    return answer;
  };
  const unmerge = (customer: string) =>
    desk.answer(0, 1, { kind: 'unmerge', workspace: 1, customer });
  return { clock, disk, documents, erase, kit, links, pass, restart, state, store, unmerge };
}

const untouched = { identities: [ann, cookie], ids: ['k1', 'a1'] };

function whole(identity: string): ErasedShare {
  return { identity, from: null, to: null };
}

test('without room an erasure is refused and the customer stays whole', async (t) => {
  const { erase, kit, state } = await open(t);
  const releases = Array.from({ length: erasuresPendingMax }, (_, n) =>
    kit.erasures.reserve(2, [{ identity: `c${n}`, from: null, to: null }]),
  );
  for (const name of [cookie, 'nobody']) {
    await assert.rejects(erase(name), { code: 'overloaded' });
    assert.deepEqual(state(ann), untouched);
  }
  releases[0]!();
  assert.equal((await erase(cookie)).status, 'done');
  assert.deepEqual(state(ann), { identities: [ann], ids: [] });
  assert.deepEqual(state(cookie), { identities: [cookie], ids: [] });
  // The place is free again, once.
  assert.equal((await erase('nobody')).status, 'done');
});

test('an ask after a refused one erases under every identity', async (t) => {
  const { documents, erase, state, store } = await open(t);
  documents.failure = noRoom;
  await assert.rejects(erase(ann), { code: 'unavailable' });
  documents.failure = undefined;
  await store(cookie, 'k2');
  assert.equal((await erase(ann)).status, 'done');
  assert.deepEqual(state(ann).ids, []);
  assert.deepEqual(state(cookie).ids, ['k2'], 'what came after the first ask was not asked for');
});

test('a refused erasure is carried out by itself, and spares what came later', async (t) => {
  const { clock, documents, erase, pass, state, store } = await open(t);
  documents.failure = noRoom;
  await assert.rejects(erase(cookie), { code: 'unavailable' });
  await store(ann, 'a2');
  await store(cookie, 'k2');
  clock.advance(5000);
  for (let n = 0; n < 10; n++) await pass();
  assert.deepEqual(state(ann).ids, ['a2', 'a1'], 'no room yet');
  documents.failure = undefined;
  clock.advance(5000);
  while (state(ann).ids.includes('a1')) await pass();
  assert.deepEqual(state(ann).ids, ['a2']);
  assert.deepEqual(state(cookie).ids, ['k2']);
});

test('a link that was lost is not made any more when one of the two was erased meanwhile', async (t) => {
  const { clock, disk, erase, links, pass, state, store } = await open(t);
  await store('dora', 'd1', 'cookie:dora');
  await store('emil', 'e1', 'emil@example.com');
  await store('finn', 'f1', 'cookie:finn');
  await erase('dora');
  await erase('emil@example.com');
  disk.isFull = false;
  clock.advance(5000);
  while (state('finn').identities.length === 1) await pass();
  for (const name of ['dora', 'cookie:dora', 'emil', 'emil@example.com']) {
    assert.equal(links.node(1, name), noNode, name);
  }
  assert.deepEqual(state('emil').ids, ['e1']);
  // What is said after it holds, in the same words too.
  await store('dora', 'd2', 'cookie:dora');
  assert.deepEqual(state('dora'), { identities: ['dora', 'cookie:dora'], ids: ['d2'] });
});

test('a start brings back no link of somebody whose erasure is still to be carried out', async (t) => {
  const { documents, disk, erase, kit, links, restart, state, store } = await open(t);
  await store('dora', 'd1', 'cookie:dora');
  await store('emil', 'e1', 'emil@example.com');
  await store('finn', 'f1', 'cookie:finn');
  documents.failure = noRoom;
  disk.isFull = false;
  // Known to the graph, so that what is asked is kept.
  await store('dora', 'd2', 'device:dora');
  // What was lost stays so until the start, however long the erasure takes.
  disk.isFull = true;
  await assert.rejects(erase('dora'), { code: 'unavailable' });
  documents.failure = undefined;
  await kit.erasures.erase({ workspace: 1, now: false, shares: [whole('emil@example.com')] });
  await restart();
  assert.deepEqual(state('finn').identities, ['finn', 'cookie:finn']);
  for (const name of ['dora', 'cookie:dora', 'device:dora', 'emil@example.com']) {
    assert.equal(links.node(1, name), noNode, name);
  }
  assert.deepEqual(state('dora').ids, []);
});

test('what another had through a device that both have had stays with that other', async (t) => {
  const { clock, disk, erase, links, state, store } = await open(t);
  disk.isFull = false;
  // A household's device, and its address: first Gina's, then Hal logs in.
  await store('10.1.2.3', 'i1');
  await store('cookie:home', 'h1', '10.1.2.3');
  await store('gina', 'g1', 'cookie:home');
  const before = state('gina');
  assert.deepEqual([...before.ids].sort(), ['g1', 'h1', 'i1']);
  clock.advance(1000);
  await store('hal', 'x1', 'cookie:home');
  await store('10.1.2.3', 'i2');
  assert.deepEqual(state('hal').ids, ['i2', 'x1']);
  await erase('hal');
  assert.deepEqual(state('gina').ids, before.ids);
  assert.equal(links.node(1, 'hal'), noNode);
  assert.deepEqual(state('cookie:home').ids, []);
});

test('a device that is nobody’s after an erasure and an un-merge belongs to whoever claims it first', async (t) => {
  const { clock, disk, erase, links, state, store, unmerge } = await open(t);
  disk.isFull = false;
  await store('gina', 'g1', 'cookie:home');
  clock.advance(1000);
  await store('hal', 'x1', 'cookie:home');
  clock.advance(1000);
  await store('cookie:home', 'h1');
  await erase('gina');
  await unmerge('cookie:home');
  assert.deepEqual(links.node(1, 'cookie:home').claims, []);
  clock.advance(1000);
  await store('ida', 'i1', 'cookie:home');
  assert.deepEqual(state('ida').ids, ['i1', 'h1']);
});
