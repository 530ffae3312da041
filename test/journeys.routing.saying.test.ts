/** Agents who know of their offer from the tape may answer before the engine has read it back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Rows } from '../src/journeys/engine/work.ts';
import { applyOffer } from '../src/journeys/route/applied.ts';
import { openRouting, type Routing } from '../src/journeys/route/route.ts';
import type { PersonState } from '../src/journeys/state.ts';
import type { OfferSaid } from '../src/journeys/words.ts';
import { personWith } from './support/routemake.ts';
import { ManualClock } from './support/shardkit.ts';

const noRows: Rows = {
  get: () => undefined,
  range: () => [],
  put: () => undefined,
  flush: async () => undefined,
};

/** A routing with one agent, and a customer who is offered to it; what it says is durable at once, and read back by `read`. */
class Stage {
  readonly clock = new ManualClock(1_763_740_000_000);
  readonly person: PersonState;
  readonly #tape: OfferSaid[] = [];
  readonly #routing: Routing;

  constructor() {
    const action = { id: 'x', do: 'agent', kind: 'offer', title: 'Talk to us' };
    this.person = personWith('ann', [{ action, request: 'r', at: this.clock.now() }]);
    const context = {
      clock: this.clock,
      metrics: { add: () => undefined, observe: () => undefined },
      tape: { issued: () => this.#tape.length },
      passedUpTo: 0,
      directory: { workspace: () => ({}) },
      definitions: { map: () => undefined },
      person: () => this.person,
      tell: () => undefined,
      rows: () => noRows,
      say: async (_workspace: number, events: readonly { data: OfferSaid }[]) => {
        for (const { data } of events) if (data.change !== undefined) this.#tape.push(data);
      },
    };
    this.#routing = openRouting(context as unknown as Parameters<typeof openRouting>[0]);
  }

  async open(): Promise<void> {
    const { answerer } = this.#routing;
    const agent = { workspace: 1, agent: 'a' };
    const definition = { name: 'A', skills: {}, capacity: 1 };
    const wish = { status: 'available', ttlSeconds: 60 } as const;
    await answerer.putAgent({ kind: 'putAgent', ...agent, definition });
    await answerer.presence({ kind: 'presence', ...agent, wish });
    this.#routing.changed(1, this.person);
    await this.turn();
  }

  answer(change: 'accepted' | 'declined'): Promise<unknown> {
    const wish = { kind: 'answerOffer', workspace: 1, agent: 'a', offer: 'x', change } as const;
    return Promise.resolve(this.#routing.answerer.answerOffer(wish));
  }

  async turn(): Promise<void> {
    this.clock.advance(0);
    await new Promise((resolve) => setImmediate(resolve));
  }

  get said(): string[] {
    return this.#tape.map(({ change }) => change);
  }

  /** All of it that was not read before. */
  async read(): Promise<void> {
    for (const said of this.#tape) applyOffer(this.person, said, this.clock.now());
    this.#routing.changed(1, this.person);
    await this.turn();
  }
}

test('an answer waits until the offer that it is about has been read back', async () => {
  const stage = new Stage();
  await stage.open();
  assert.deepEqual(stage.said, ['reserved']);
  const answers = [stage.answer('accepted'), stage.answer('accepted')];
  await stage.turn();
  assert.deepEqual(stage.said, ['reserved'], 'nothing is said before');
  await stage.read();
  assert.deepEqual(stage.said, ['reserved', 'accepted']);
  // The same again before it is read back, as a client does that has heard nothing.
  answers.push(stage.answer('accepted'));
  await stage.read();
  for (const each of answers) {
    const { offer } = (await each) as { offer: { id: string; state: string } };
    assert.deepEqual([offer.id, offer.state], ['x', 'accepted']);
  }
  assert.deepEqual(stage.said, ['reserved', 'accepted'], 'said once');
});
