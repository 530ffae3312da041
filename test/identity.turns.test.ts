/** Floods of statements that are refused: how much work they are, and who waits for them. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { statementsPerAskMax } from '../src/identity/ask.ts';
import { change } from '../src/identity/change.ts';
import { Draft } from '../src/identity/draft.ts';
import { Identities } from '../src/identity/identities.ts';
import { createLinkMemory } from '../src/identity/memory.ts';
import { noNode } from '../src/identity/node.ts';
import type { Outcome, Statement } from '../src/identity/rules.ts';
import { type IdentitySettings, identityDefaults } from '../src/identity/settings.ts';
import { ManualClock } from './support/shardkit.ts';

const nowMs = 1_790_000_000_000;
const email = { ...identityDefaults.types['email']!, limit: 1000 };
const settings: IdentitySettings = {
  ...identityDefaults,
  types: { ...identityDefaults.types, email },
};
const emails = Array.from({ length: 900 }, (_, n) => `m${n}@example.com`);

function said(customer: string, previous: string, isTrusted: boolean, workspace = 1): Statement {
  return { workspace, customer, previous, time: nowMs, isTrusted };
}

/** What a victim has, and 5,000 claims of a key in a page to it. */
const owned = emails.map((name) => said('victim', name, true));
const claims = Array.from({ length: 5000 }, (_, n) =>
  said(`evil-${n}`, emails[n % emails.length]!, false),
);

function stateAll(draft: Draft, statements: readonly Statement[]): readonly Outcome[] {
  const parts = { nowMs, region: undefined, settings: () => settings };
  const walk = change(draft, { kind: 'state', statements }, parts);
  for (;;) {
    const { done, value } = walk.next();
    if (done === true) return value.outcomes;
  }
}

test('a customer is counted once for all that is claimed of it, and again when it has changed', () => {
  const draft = new Draft({ node: () => noNode }, 0);
  assert.deepEqual([...new Set(stateAll(draft, owned))], ['linked']);
  const before = draft.looks;
  assert.deepEqual([...new Set(stateAll(draft, claims))], ['untrusted']);
  const looks = draft.looks - before;
  assert.ok(looks < claims.length * 20, `${looks} nodes were looked at`);
  // It has room for 100 more: each link makes it another.
  const more = Array.from({ length: 200 }, (_, n) => said('victim', `n${n}@example.com`, true));
  const made = stateAll(draft, more);
  assert.equal(made.lastIndexOf('linked'), 98);
  assert.equal(made.indexOf('limit'), 99);
});

async function open(t: TestContext): Promise<Identities> {
  const directory = mkdtempSync(join(tmpdir(), 'tapeline-turns-'));
  const clock = new ManualClock(nowMs);
  const memory = createLinkMemory({ directory, hashSeed: 7, phoneRegion: undefined, fronts: 1 });
  const tell = async (): Promise<void> => undefined;
  const identities = new Identities({ memory, clock, settings: () => settings, tell });
  await identities.open(0);
  t.after(async () => {
    await identities.close();
    rmSync(directory, { recursive: true, force: true });
  });
  return identities;
}

/** As a front asks. */
function askAll(identities: Identities, statements: readonly Statement[]): Promise<unknown>[] {
  const asked: Promise<unknown>[] = [];
  for (let n = 0; n < statements.length; n += statementsPerAskMax) {
    const part = statements.slice(n, n + statementsPerAskMax);
    asked.push(identities.ask({ kind: 'state', statements: part }));
  }
  return asked;
}

test('a workspace waits for a few turns of a flood of another, and all others have turns too', async (t) => {
  const identities = await open(t);
  await Promise.all(askAll(identities, owned));
  let answered = 0;
  const flood = askAll(identities, [...claims, ...claims]).map((ask) =>
    ask.then(() => {
      answered += 1;
    }),
  );
  let turns = 0;
  const turn = (): void => {
    turns += 1;
    if (answered < flood.length) setImmediate(turn);
  };
  setImmediate(turn);
  const link = said('c1', 'cookie:1', true, 2);
  const answer = await identities.ask({ kind: 'state', statements: [link] });
  assert.deepEqual(answer.outcomes, ['linked']);
  const answeredBefore = answered;
  await Promise.all(flood);
  assert.ok(answeredBefore < flood.length / 2, `${answeredBefore} of ${flood.length} came before`);
  assert.ok(turns > 20, `others had ${turns} turns`);
});

test('an ask that is refused leaves nothing of itself in the commit that it shares', async (t) => {
  const identities = await open(t);
  const merge = (into: string, ...from: string[]) => {
    return identities.ask({ kind: 'merge', workspace: 1, into, from });
  };
  await merge('b', 'a');
  const [refused, made] = await Promise.allSettled([merge('a-1', 'c', 'd', 'c'), merge('e', 'f')]);
  assert.deepEqual([refused.status, made.status], ['fulfilled', 'fulfilled']);
  const link = { kind: 'link', workspace: 1, from: 'cookie:9', to: 'null' } as const;
  const [none, some] = await Promise.allSettled([identities.ask(link), merge('g', 'h')]);
  assert.deepEqual([none.status, some.status], ['rejected', 'fulfilled']);
  assert.deepEqual(identities.node(1, 'cookie:9'), noNode);
  assert.equal(identities.node(1, 'h').merged!.into, 'g');
});
