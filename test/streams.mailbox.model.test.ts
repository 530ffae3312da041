/**
 * Messages to visitors against a plain model: whatever is sent, answered, over, erased or could not be
 * written, the list, what fronts were told and what a restart finds agree with it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Clock, systemClock } from '../src/std/clock.ts';
import { AppError } from '../src/std/errors.ts';
import { Mailbox, type MailboxChange } from '../src/streams/mailbox.ts';
import { FakeStore } from './support/documents.ts';

type Step =
  | { readonly do: 'push'; readonly to: string; readonly id: string; readonly ttlMs: number }
  | { readonly do: 'answer'; readonly to: string; readonly id: string; readonly accepts: boolean }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'forget'; readonly to: string }
  | { readonly do: 'fail'; readonly on: boolean }
  | { readonly do: 'reopen' };

const to = fc.constantFrom('1/v1', '1/v2', '2/v1');
const id = fc.constantFrom('a', 'b', 'c');
const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: push() },
    { weight: 4, arbitrary: answered() },
    fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 3000 }) }),
    fc.record({ do: fc.constant('forget' as const), to }),
    fc.record({ do: fc.constant('fail' as const), on: fc.boolean() }),
    fc.record({ do: fc.constant('reopen' as const) }),
  ),
  { maxLength: 40 },
);

function push(): fc.Arbitrary<Step> {
  return fc.record({
    do: fc.constant('push' as const),
    to,
    id,
    ttlMs: fc.constantFrom(1000, 5000, 60_000),
  });
}

function answered(): fc.Arbitrary<Step> {
  return fc.record({ do: fc.constant('answer' as const), to, id, accepts: fc.boolean() });
}

interface Kept {
  readonly expiresAt: number;
  readonly answer: string | undefined;
}

class Play {
  readonly #store = new FakeStore();
  readonly #model = new Map<string, Map<string, Kept>>();
  /** What a front that was told everything shows to visitors. */
  #shown = new Set<string>();
  #nowMs = 1_763_740_000_000;
  #tick: () => void = () => undefined;
  #mailbox = this.#open();

  async step(step: Step): Promise<void> {
    switch (step.do) {
      case 'push':
        return this.#push(step);
      case 'answer':
        return this.#answer(step);
      case 'wait':
        this.#nowMs += step.ms;
        this.#tick();
        break;
      case 'forget':
        return this.#forget(step.to);
      case 'fail':
        this.#store.failure = step.on ? new AppError('unavailable', 'full') : undefined;
        break;
      case 'reopen':
        // What could not be removed from disk is removed by the next sweep, which has to be able to.
        this.#store.failure = undefined;
        await this.#mailbox.close();
        this.#mailbox = this.#open();
        this.#tick();
        this.#shown = this.#pending();
    }
  }

  async #push({ id, to, ttlMs }: Step & { do: 'push' }): Promise<void> {
    const known = this.#living(to).get(id);
    const message = { id, kind: 'offer', data: { title: id } };
    const pushing = this.#mailbox.answer({ kind: 'push', ...addressee(to), message, ttlMs });
    if (this.#store.failure !== undefined && known === undefined) {
      await assert.rejects(pushing, { code: 'unavailable' });
      return;
    }
    // One that is known already waits for the commit before it, which may have failed.
    const reply = await pushing.catch((error: unknown) => {
      assert.ok(known !== undefined && (error as AppError).code === 'unavailable');
    });
    if (reply === undefined) return;
    assert.equal(reply.isNew, known === undefined);
    if (known === undefined) {
      this.#of(to).set(id, { expiresAt: this.#nowMs + ttlMs, answer: undefined });
    }
    assert.equal(reply.messages[0]!.answer, known?.answer);
  }

  async #answer({ accepts, id, to }: Step & { do: 'answer' }): Promise<void> {
    const answer = accepts ? 'accepted' : 'dismissed';
    const known = this.#living(to).get(id);
    const answering = this.#mailbox.answer({ kind: 'answer', ...addressee(to), id, answer });
    if (known === undefined) await assert.rejects(answering, { code: 'not_found' });
    else if (known.answer !== undefined) assert.equal((await answering).isNew, false);
    else if (this.#store.failure !== undefined) {
      await assert.rejects(answering, { code: 'unavailable' });
    } else {
      assert.equal((await answering).messages[0]!.answer, answer);
      this.#of(to).set(id, { ...known, answer });
    }
  }

  async #forget(to: string): Promise<void> {
    this.#store.failure = undefined;
    await this.#mailbox.forget(addressee(to));
    this.#model.delete(to);
  }

  async check(): Promise<void> {
    for (const to of ['1/v1', '1/v2', '2/v1']) {
      const { messages } = await this.#mailbox.answer({ kind: 'list', ...addressee(to) });
      const seen = messages.map(({ answer, expiresAt, id }) => [id, { answer, expiresAt }]);
      assert.deepEqual(new Map(seen as [string, Kept][]), this.#living(to), to);
    }
    assert.deepEqual([...this.#shown].sort(), [...this.#pending()].sort());
  }

  #open(): Mailbox {
    const clock: Clock = {
      now: () => this.#nowMs,
      monotonicMs: () => this.#nowMs,
      after: () => () => undefined,
      every: (_, run) => {
        this.#tick = run;
        return () => undefined;
      },
    };
    const onChange = (change: MailboxChange): void => {
      const { visitor, workspace } = change;
      if ('gone' in change) this.#shown.delete(`${workspace}/${visitor} ${change.gone}`);
      else this.#shown.add(`${workspace}/${visitor} ${change.message.id}`);
    };
    return new Mailbox({ documents: this.#store, clock, onChange });
  }

  #of(to: string): Map<string, Kept> {
    const kept = this.#model.get(to) ?? new Map<string, Kept>();
    this.#model.set(to, kept);
    return kept;
  }

  #living(to: string): Map<string, Kept> {
    const kept = this.#of(to);
    for (const [id, { expiresAt }] of kept) if (expiresAt <= this.#nowMs) kept.delete(id);
    return kept;
  }

  #pending(): Set<string> {
    const pending = new Set<string>();
    for (const to of this.#model.keys()) {
      for (const [id, { answer }] of this.#living(to)) {
        if (answer === undefined) pending.add(`${to} ${id}`);
      }
    }
    return pending;
  }
}

function addressee(to: string): { workspace: number; visitor: string } {
  const [workspace, visitor] = to.split('/');
  return { workspace: Number(workspace), visitor: visitor! };
}

test('messages to visitors behave as a plain model of them', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (played) => {
      const play = new Play();
      for (const step of played) {
        await play.step(step);
        await play.check();
      }
    }),
    { numRuns: 300 },
  );
});

test('changes that come while a commit is under way share the next one', async () => {
  const store = new FakeStore();
  let open = (): void => undefined;
  store.gate = new Promise((resolve) => {
    open = resolve;
  });
  const clock: Clock = {
    now: () => 0,
    monotonicMs: () => 0,
    after: () => () => undefined,
    every: () => () => undefined,
  };
  const mailbox = new Mailbox({ documents: store, clock, onChange: () => undefined });
  const pushes = Array.from({ length: 15 }, (_, number) =>
    mailbox.answer({
      kind: 'push',
      workspace: 1,
      visitor: 'v',
      message: { id: `m${number}`, kind: 'offer', data: {} },
      ttlMs: 1000,
    }),
  );
  open();
  await Promise.all(pushes);
  assert.equal(store.documents.size, 15);
  assert.ok(store.commits <= 2, `${store.commits} commits`);
});

test('one answer to a message of several browsers ends it in all of them', async () => {
  const store = new FakeStore();
  const clock: Clock = { ...systemClock, now: () => 0 };
  const told: string[] = [];
  const onChange = (change: MailboxChange): void => {
    told.push('gone' in change ? `${change.visitor} gone` : `${change.visitor} told`);
  };
  const mailbox = new Mailbox({ documents: store, clock, onChange });
  const all = ['v1', 'v2', 'v3'];
  for (const visitor of all.slice(0, 2)) {
    const about = { customer: 'c1', request: 'r1', others: all.filter((each) => each !== visitor) };
    const message = { id: 'm', kind: 'offer', data: {}, about };
    await mailbox.answer({ kind: 'push', workspace: 1, visitor, message, ttlMs: 1000 });
  }
  const answer = (visitor: string) =>
    mailbox.answer({ kind: 'answer', workspace: 1, visitor, id: 'm', answer: 'accepted' });
  const stateOf = async (visitor: string) =>
    (await mailbox.answer({ kind: 'list', workspace: 1, visitor })).messages[0]?.answer;
  // What the first try could not write, the second does.
  let commits = 0;
  const commit = store.commit.bind(store);
  store.commit = (changes) => {
    commits += 1;
    if (commits === 2) return Promise.reject(new AppError('unavailable', 'full'));
    return commit(changes);
  };
  await assert.rejects(answer('v1'), { code: 'unavailable' });
  assert.deepEqual([await stateOf('v1'), await stateOf('v2')], ['accepted', undefined]);
  assert.equal((await answer('v1')).isNew, false);
  assert.deepEqual([await stateOf('v1'), await stateOf('v2')], ['accepted', 'withdrawn']);
  assert.deepEqual(told, ['v1 told', 'v2 told', 'v1 gone', 'v2 gone']);
  await mailbox.close();
});
