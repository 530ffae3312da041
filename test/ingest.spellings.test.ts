/** Ways to write a phone number: how many there may be, and that erasing the number reaches all of them. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { asksOf } from '../src/identity/ask.ts';
import { Identities } from '../src/identity/identities.ts';
import { createLinkMemory } from '../src/identity/memory.ts';
import { LinkReader } from '../src/identity/reader.ts';
import { identityDefaults } from '../src/identity/settings.ts';
import {
  guestSpellingsPerPhoneMax,
  otherSpellingsPerPhoneMax,
  spellingsPerPhoneMax,
} from '../src/identity/spelling.ts';
import type { Receipt } from '../src/ingest/receipt.ts';
import type { Establish } from '../src/ingest/statements.ts';
import { ManualClock, ShardKit } from './support/shardkit.ts';

const startMs = 1_790_000_000_000;
const number = '+14155552671';
/** The number with up to 13 hyphens, each time other ones. */
function spelling(n: number): string {
  const digits = [...number.slice(1)];
  return `+${digits.map((digit, at) => ((n + 1) & (1 << at) ? `${digit}-` : digit)).join('')}`;
}

async function open(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'tapeline-spellings-'));
  const clock = new ManualClock(startMs);
  const memory = createLinkMemory({ directory, hashSeed: 7, phoneRegion: undefined, fronts: 1 });
  const settings = () => identityDefaults;
  const identities = new Identities({ memory, clock, settings, tell: async () => undefined });
  await identities.open(0);
  const links = new LinkReader(memory);
  const establish: Establish = async (statements, erasures) => {
    const asks = asksOf(statements, erasures).map((ask) => identities.ask(ask));
    return (await Promise.all(asks)).flatMap(({ outcomes }) => outcomes);
  };
  const kit = new ShardKit({ directory, shards: 2, clock, links, establish });
  t.after(async () => {
    await kit.close();
    await links.close();
    await identities.close();
    rmSync(directory, { recursive: true, force: true });
  });
  let count = 0;
  const store = (texts: readonly string[], isTrusted: boolean): Promise<Receipt> => {
    const events = texts.map((customer) => ({ id: `e${++count}`, customer, type: 'Call' }));
    return kit.store(events, 1, isTrusted);
  };
  const erase = async (name: string): Promise<void> => {
    const issued = (): number => kit.erasures.issued;
    const forgotten = await identities.forget(1, name, issued, () => undefined);
    await kit.erasePlan({ workspace: 1, shares: forgotten!.shares, now: true });
    await identities.erased(forgotten!);
  };
  const left = (texts: readonly string[]): string[] => {
    kit.tape.refresh();
    return texts.filter((customer) => kit.page({ customer }, 10).events.length > 0);
  };
  return { erase, left, links, store };
}

function texts(from: number, length: number): string[] {
  return Array.from({ length }, (_, n) => spelling(from + n));
}

test('an erased number takes every way to write it along, whoever sent it', async (t) => {
  const { erase, left, links, store } = await open(t);
  const [guests, own] = [texts(0, guestSpellingsPerPhoneMax), texts(500, 60)];
  assert.equal((await store(guests, false)).accepted, guests.length);
  assert.equal((await store(own, true)).accepted, own.length);
  await store([number], true);
  links.refresh();
  assert.equal(links.membersOf(1, number).members.length, 1 + spellingsPerPhoneMax);
  assert.equal(left([...guests, ...own]).length, guests.length + own.length);
  await erase(number);
  assert.deepEqual(left([number, ...guests, ...own]), []);
  // Nothing is left that counts.
  assert.equal((await store(guests, false)).accepted, guests.length);
  await erase(guests[49]!);
  assert.deepEqual(left(guests), []);
});

test('what a key in a page wrote first is joined when others write it so', async (t) => {
  const { erase, left, links, store } = await open(t);
  const guests = texts(0, 30);
  await store(guests, false);
  await store(guests, true);
  links.refresh();
  const members = links.membersOf(1, number).members.map((each) => String(each.customer));
  assert.deepEqual(members, [number, ...guests.slice(0, spellingsPerPhoneMax)]);
  assert.deepEqual(links.node(1, number).others, guests.slice(spellingsPerPhoneMax));
  await erase(number);
  assert.deepEqual(left(guests), []);
});

test('there is an end to it, for keys in pages before others, within one batch too', async (t) => {
  const { store } = await open(t);
  const flood = texts(0, 1000);
  const first = await store(flood, false);
  assert.equal(first.accepted, guestSpellingsPerPhoneMax);
  const { code, index, message } = first.rejected[0]!;
  assert.deepEqual([code, index], ['invalid', guestSpellingsPerPhoneMax]);
  assert.match(message, /write \+14155552671/);
  assert.equal((await store(flood.slice(0, 60), false)).accepted, guestSpellingsPerPhoneMax);
  const all = spellingsPerPhoneMax + otherSpellingsPerPhoneMax;
  assert.equal((await store(texts(1000, 1000), true)).accepted, all - guestSpellingsPerPhoneMax);
  assert.equal((await store([spelling(5000), number, spelling(3)], true)).accepted, 2);
});
