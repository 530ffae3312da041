/** The engine's file: what is a function of the tape is in it as of one moment, whoever else writes meanwhile. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { newPerson } from '../src/journeys/engine/apply.ts';
import { aliasKey, personKey, roomKey } from '../src/journeys/engine/layout.ts';
import { Persons } from '../src/journeys/engine/persons.ts';
import { RoomStore } from '../src/journeys/engine/roomstore.ts';
import { JourneyStore } from '../src/journeys/engine/store.ts';
import { KeyedReader } from '../src/store/keyed.ts';

const root = mkdtempSync(join(tmpdir(), 'tapeline-store-'));
after(() => rmSync(root, { recursive: true }));

const ann = { workspace: 1, customer: 'ann' };
const bob = { workspace: 1, customer: 'bob' };

function open(): { readonly store: JourneyStore; again(): Promise<JourneyStore> } {
  const path = join(mkdtempSync(join(root, 'file-')), 'journeys.mdb');
  const store = new JourneyStore(path);
  return {
    store,
    async again() {
      await store.close();
      return new JourneyStore(path);
    },
  };
}

test('what no checkpoint has written is not there after a start', async () => {
  const { again, store } = open();
  store.put(aliasKey(ann), Buffer.from('bob'));
  store.rows('counts').put('n', 1);
  store.cut();
  await store.checkpoint();
  store.put(aliasKey(ann), Buffer.from('cid'));
  store.rows('counts').put('n', 2);
  assert.equal(store.get(aliasKey(ann))?.toString(), 'cid');
  assert.equal(store.rows('counts').get('n'), 2);
  const later = await again();
  assert.equal(later.get(aliasKey(ann))?.toString(), 'bob');
  assert.equal(later.rows('counts').get('n'), 1);
  await later.close();
});

test('a room that cannot wait has its rows written; the others go when the file is closed', async () => {
  const path = join(mkdtempSync(join(root, 'rooms-')), 'rooms.mdb');
  const store = new RoomStore(path);
  const rows = store.rows('webhooks');
  rows.put('n', 1);
  await rows.flush();
  const reader = new KeyedReader(path);
  assert.equal(reader.get(roomKey('webhooks', 'n'))?.toString(), '1');
  await reader.close();
  rows.put('n', 2);
  rows.put('gone', 'a secret');
  await rows.flush();
  rows.put('gone', undefined);
  await store.rewrite();
  assert.equal(readFileSync(path).includes('a secret'), false);
  rows.put('n', 3);
  await store.close();
  const later = new RoomStore(path);
  assert.equal(later.rows('webhooks').get('n'), 3);
  assert.deepEqual([...later.rows('webhooks').range('')], [['n', 3]]);
  await later.close();
});

test('a checkpoint has everybody as they were when it was cut, also who changes before it is written', async () => {
  const { again, store } = open();
  const persons = new Persons(store);
  const touch = (name: typeof ann, zone: string): void => {
    const person = persons.find(name) ?? persons.add(name, newPerson(name.customer));
    person.state.zone = zone;
    persons.touch(person);
  };
  touch(ann, 'before');
  touch(bob, 'before');
  persons.cut(0);
  store.cut();
  touch(ann, 'after');
  persons.remove(bob);
  const isWritten = persons.writeCut(
    () => true,
    () => undefined,
  );
  assert.ok(isWritten);
  await store.checkpoint();
  assert.equal(persons.find(bob), undefined);
  assert.equal(persons.unwritten, 1, 'what came after is of the next checkpoint');
  const later = new Persons(await again());
  assert.deepEqual(
    [ann, bob].map((name) => later.find(name)?.state.zone),
    ['before', 'before'],
  );
});

test('a checkpoint is written a slice at a time, and reads what is written already', async () => {
  const { store } = open();
  const persons = new Persons(store, 0);
  const names = Array.from({ length: 5 }, (_, n) => ({ workspace: 1, customer: `c${n}` }));
  for (const name of names) persons.add(name, newPerson(name.customer));
  persons.cut(0);
  store.cut();
  let slices = 1;
  const writeOne = (): boolean =>
    persons.writeCut(
      () => true,
      () => undefined,
    );
  while (!writeOne()) slices += 1;
  assert.equal(slices, 5);
  assert.equal(persons.inMemory, 0);
  assert.ok(store.get(personKey(names[3]!)));
  await store.checkpoint();
  assert.ok(names.every((name) => persons.find(name) !== undefined));
  await store.close();
});
