/** Customers in memory: bounded, those in use stay, and whoever goes is as before when it comes back. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { newPerson } from '../src/journeys/engine/apply.ts';
import { contextCharactersMax, remember } from '../src/journeys/engine/context.ts';
import { type Person, Persons } from '../src/journeys/engine/persons.ts';
import { JourneyStore } from '../src/journeys/engine/store.ts';
import type { InstanceState } from '../src/journeys/state.ts';
import { seededRandom } from '../src/std/random.ts';
import { readsSoFar } from '../src/store/environment.ts';
import { count } from './support/session.ts';

async function withStore(run: (store: JourneyStore) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'tapeline-persons-'));
  const store = new JourneyStore(join(directory, 'journeys.mdb'));
  try {
    await run(store);
  } finally {
    await store.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

function nameOf(n: number): { workspace: number; customer: string } {
  return { workspace: 1, customer: `customer-${n}` };
}

async function writeAll(persons: Persons, store: JourneyStore): Promise<void> {
  persons.cut(0);
  store.cut();
  persons.writeCut(
    () => false,
    () => undefined,
  );
  await store.checkpoint();
}

test('memory is bounded, and who is asked for between two looks stays in it', async () => {
  await withStore(async (store) => {
    const rowBytes = JSON.stringify({ state: newPerson('customer-100') }).length;
    const persons = new Persons(store, rowBytes * 50);
    persons.add(nameOf(1000), newPerson('customer-1000'));
    for (const n of count(400)) {
      persons.add(nameOf(n), newPerson(`customer-${n}`));
      persons.find(nameOf(1000));
      if (n % 10 === 0) await writeAll(persons, store);
    }
    await writeAll(persons, store);
    assert.ok(persons.inMemory <= 51, `${persons.inMemory} in memory`);
    const before = readsSoFar();
    assert.ok(persons.find(nameOf(1000)) !== undefined);
    assert.equal(readsSoFar(), before, 'it was in memory');
    for (const n of count(400)) {
      assert.deepEqual(persons.find(nameOf(n))?.state, newPerson(`customer-${n}`));
    }
  });
});

test('by the hash of a tape the right customer is found, whoever shares it and whoever goes', async () => {
  await withStore(async (store) => {
    const random = seededRandom(9);
    const persons = new Persons(store, 3000);
    const state = newPerson('customer-0');
    const known = new Map<number, Person>();
    for (let n = 0; n < 4000; n++) {
      const who = random.below(40);
      const name = { workspace: 1 + (who % 2), customer: `customer-${who >> 1}` };
      // Of every four, two share one; some do not fit a small integer.
      const hash = 0xffff_fff0 + (who >> 2);
      const found = persons.findOnTape(name, hash);
      assert.equal(found !== undefined, known.has(who));
      if (found !== undefined) {
        assert.deepEqual(found.name, name);
        assert.equal(found, persons.find(name));
      }
      if (found === undefined) known.set(who, persons.add(name, structuredClone(state)));
      else if (random.next() < 0.1) {
        persons.remove(name);
        known.delete(who);
        assert.equal(persons.findOnTape(name, hash), undefined);
      }
      if (random.next() < 0.1) {
        await writeAll(persons, store);
      }
    }
  });
});

test('what an instance remembers is within its bound to the character, and what would not fit is left out', () => {
  const random = seededRandom(5);
  const names = ['a', 'bb', '__proto__', 'naïve', 'x"y', 'long_name_of_something'];
  const texts = ['', 'x'.repeat(900), '\u0001'.repeat(300), '"'.repeat(500), 'é'.repeat(700)];
  const make = (): unknown => {
    const text = texts[random.below(texts.length)]!;
    const kinds = [text, random.next() * 1e300, true, null, [text, { text }], { n: text }, -0];
    return kinds[random.below(kinds.length)];
  };
  let [kept, left] = [0, 0];
  for (let round = 0; round < 60; round++) {
    const instance = { context: {} } as InstanceState;
    // The same by counting.
    const wanted = new Map<string, string>();
    for (let n = 0; n < 40; n++) {
      const name =
        names[random.below(names.length)]! + (random.next() < 0.5 ? '' : random.below(9));
      const json = JSON.stringify(make());
      const asked = new Map(wanted).set(name, json);
      const characters = [...asked].map(
        ([key, value]) => JSON.stringify(key).length + 1 + value.length,
      );
      const size = characters.reduce((sum, each) => sum + each + 1, 1);
      if (json.length <= 4096 && size <= contextCharactersMax) {
        wanted.set(name, json);
        kept += 1;
      } else left += 1;
      remember(instance, name, json);
      const found = Object.keys(instance.context).sort();
      assert.deepEqual(found, [...wanted.keys()].sort());
      for (const key of found) {
        assert.equal(JSON.stringify(instance.context[key]), wanted.get(key));
      }
    }
  }
  assert.ok(kept > 500 && left > 50, `${kept} kept, ${left} left out`);
});
