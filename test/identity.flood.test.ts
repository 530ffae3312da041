/** Floods of statements: what a key in a page may cost others, and use up of theirs. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Identities } from '../src/identity/identities.ts';
import { createLinkMemory } from '../src/identity/memory.ts';
import { guestsPerCustomerMax, guestsTogetherMax } from '../src/identity/profile.ts';
import { LinkReader } from '../src/identity/reader.ts';
import type { Outcome, Statement } from '../src/identity/rules.ts';
import { identityDefaults } from '../src/identity/settings.ts';
import { spellingsPerPhoneMax } from '../src/identity/spelling.ts';
import { ManualClock } from './support/shardkit.ts';

const startMs = 1_790_000_000_000;

interface Desk {
  readonly links: LinkReader;
  readonly clock: ManualClock;
  merge(into: string, from: string): Promise<unknown>;
  state(statements: readonly Statement[]): Promise<readonly Outcome[]>;
  membersOf(customer: string): string[];
}

async function openDesk(t: TestContext): Promise<Desk> {
  const directory = mkdtempSync(join(tmpdir(), 'tapeline-flood-'));
  const clock = new ManualClock(startMs);
  const memory = createLinkMemory({ directory, hashSeed: 7, phoneRegion: undefined, fronts: 1 });
  const settings = () => identityDefaults;
  const identities = new Identities({ memory, clock, settings, tell: async () => undefined });
  await identities.open(0);
  const links = new LinkReader(memory);
  t.after(async () => {
    await links.close();
    await identities.close();
    rmSync(directory, { recursive: true, force: true });
  });
  return {
    links,
    clock,
    merge: (into, from) => identities.ask({ kind: 'merge', workspace: 1, into, from: [from] }),
    state: async (statements) => (await identities.ask({ kind: 'state', statements })).outcomes,
    membersOf(customer) {
      links.refresh();
      return links.membersOf(1, customer).members.map((each) => String(each.customer));
    },
  };
}

function said(customer: string, previous: string, isTrusted: boolean, time = startMs): Statement {
  return { workspace: 1, customer, previous, time, isTrusted };
}

const number = '+14155552671';
/** The number with up to 13 hyphens, each time other ones. */
function spelling(n: number): string {
  const digits = [...number.slice(1)];
  return `+${digits.map((digit, at) => ((n + 1) & (1 << at) ? `${digit}-` : digit)).join('')}`;
}

test('a number has a few spellings, none of a key in a page, and can be linked whatever came', async (t) => {
  const desk = await openDesk(t);
  const texts = Array.from({ length: 1000 }, (_, n) => spelling(n));
  for (const text of texts) assert.equal(desk.links.canonical(text), number, text);
  await desk.state(texts.map((text) => said(text, '', false)));
  assert.deepEqual(desk.membersOf(number), [number]);
  await desk.state(texts.map((text) => said(text, '', true)));
  assert.equal(desk.membersOf(number).length, 1 + spellingsPerPhoneMax);
  assert.deepEqual(await desk.state([said('c1', number, true)]), ['linked']);
  assert.deepEqual(desk.membersOf(texts[0]!), desk.membersOf('c1'));
  // What is not kept is read besides by whoever asks for it in just that way.
  assert.deepEqual(desk.membersOf(texts[999]!), [...desk.membersOf('c1'), texts[999]!]);
});

test('what a key in a page links takes no place of a login, and has a quota whatever times it says', async (t) => {
  const desk = await openDesk(t);
  const dayMs = 86_400_000;
  const guests = Array.from({ length: 20 }, (_, n) =>
    said('victim', `cookie:evil-${n}`, false, startMs - n * 8 * dayMs),
  );
  const outcomes = await desk.state(guests);
  assert.deepEqual([...new Set(outcomes.slice(0, 5))], ['linked']);
  assert.deepEqual([...new Set(outcomes.slice(5))], ['limit']);
  const now = Array.from({ length: 3 }, (_, n) => said('other', `cookie:now-${n}`, false));
  assert.deepEqual(await desk.state(now), ['linked', 'linked', 'linked']);
  for (const customer of ['victim', 'other']) {
    const logins = Array.from({ length: 6 }, (_, n) =>
      said(customer, `cookie:${customer}-${n}`, true),
    );
    const made = await desk.state(logins);
    assert.deepEqual(made, ['linked', 'linked', 'linked', 'linked', 'linked', 'limit'], customer);
  }
});

test('a login that says what a key in a page has linked makes it trusted, if there is room', async (t) => {
  const desk = await openDesk(t);
  const guests = ['cookie:a', 'cookie:b', 'cookie:c'];
  const outcomes = await desk.state(guests.map((guest) => said('c1', guest, false)));
  assert.deepEqual([...new Set(outcomes)], ['linked']);
  const isGuest = (identity: string): boolean => {
    desk.links.refresh();
    return desk.links.node(1, identity).claims[0]!.guestAt !== undefined;
  };
  // Neither another key in a page nor two of the strangers together vouch for one.
  await desk.state([said('c1', 'cookie:a', false), said('cookie:b', 'cookie:a', true)]);
  assert.deepEqual(guests.map(isGuest), [true, true, true]);
  assert.deepEqual(await desk.state([said('c1', 'cookie:a', true)]), ['inForce']);
  assert.deepEqual(guests.map(isGuest), [false, true, true]);
  const logins = ['d', 'e', 'f', 'g'].map((name) => said('c1', `cookie:${name}`, true));
  assert.deepEqual([...new Set(await desk.state(logins))], ['linked']);
  const full = [said('c1', 'cookie:h', true), said('c1', 'cookie:b', true)];
  assert.deepEqual(await desk.state(full), ['limit', 'limit']);
  assert.deepEqual(guests.map(isGuest), [false, true, true]);
  assert.ok(desk.membersOf('c1').includes('cookie:b'), 'it stays what it was');
});

test('what keys in pages linked is carried by merges and links up to a limit', async (t) => {
  const desk = await openDesk(t);
  const weekMs = 7 * 86_400_000;
  const customers = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => `${name}@example.com`);
  for (let n = 0; n < guestsPerCustomerMax; n += 5) {
    const time = desk.clock.now();
    const five = [0, 1, 2, 3, 4].map((k) => n + k);
    const guests = customers.flatMap((name) =>
      five.map((k) => said(name, `cookie:${name}-${k}`, false, time)),
    );
    assert.deepEqual([...new Set(await desk.state(guests))], ['linked']);
    desk.clock.advance(weekMs + 1);
  }
  const late = desk.clock.now();
  const more = said(customers[0]!, 'cookie:more', false, late);
  assert.deepEqual(await desk.state([more]), ['limit']);
  const [first, ...others] = customers;
  for (const other of others.slice(0, 3)) await desk.merge(first!, other);
  assert.deepEqual(await desk.state([said('of-e', others[3]!, true, late)]), ['linked']);
  await desk.merge('of-e', first!);
  assert.equal(desk.membersOf('of-e').length, 1 + 5 + guestsTogetherMax);
  const refusal = { code: 'conflict', message: /1000 that keys in pages linked/ };
  await assert.rejects(desk.merge('of-e', others[4]!), refusal);
  assert.deepEqual(await desk.state([said('of-e', others[4]!, true, late)]), ['limit']);
  assert.equal(desk.membersOf(others[4]!).length, 1 + guestsPerCustomerMax);
});
