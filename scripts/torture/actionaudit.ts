/** What arrived at the receiver, held against what stands on the tapes. */

import { type TestServer, testKeys } from '../../test/support/server.ts';
import { ask } from '../../test/support/session.ts';

const readersMax = 16;
const problemsMax = 20;
/** The rule `silent` waits so long. */
const silentMs = 1000;
/** What nobody was there to decide for so long is not decided any more. */
const lapseMs = 60_000;

export interface ActionFindings {
  /** Decided, and never arrived; or never decided. */
  lost: number;
  decidedTwice: number;
  /** Arrived, and nobody decided it. */
  unknown: number;
  early: number;
  /** Another number of outcomes, or of emitted events, than one. */
  outcomes: number;
  /** One id with different bytes. */
  changed: number;
}

interface Told {
  readonly id: string;
  readonly type: string;
  readonly received: number;
  readonly data?: {
    readonly rule?: string;
    readonly verdict?: string;
    readonly action?: string;
    readonly outcome?: string;
    readonly actions?: readonly { readonly id: string; readonly do: string }[];
  };
}

export class ActionAudit {
  readonly findings: ActionFindings = {
    ...{ lost: 0, decidedTwice: 0, unknown: 0, early: 0, outcomes: 0, changed: 0 },
  };
  readonly problems: string[] = [];
  readonly #arrived = new Map<string, { readonly body: string; count: number }>();
  readonly #decided = new Set<string>();
  arrivals = 0;
  /** Requests of times when no server lived long enough to decide them. */
  lapsed = 0;

  /** Different ids that arrived. */
  get actions(): number {
    return this.#arrived.size;
  }

  get repeated(): number {
    return this.arrivals - this.#arrived.size;
  }

  get clean(): boolean {
    return Object.values(this.findings).every((count) => count === 0);
  }

  /** @returns whether it is the first time. */
  arrived(id: string, body: string): boolean {
    this.arrivals += 1;
    const known = this.#arrived.get(id);
    if (known === undefined) {
      this.#arrived.set(id, { body, count: 1 });
      return true;
    }
    known.count += 1;
    if (known.body !== body) this.#found('changed', `${id} came with other bytes`);
    return false;
  }

  /** Nothing waits for an attempt any more, and the engine has caught up. */
  async isSettled(server: TestServer): Promise<boolean> {
    const path = '/v1/webhooks/crm/deliveries?state=pending&limit=1';
    const answer = await ask(server, path, { key: testKeys.admin });
    if (answer.status !== 200) return false;
    return (answer.json as { deliveries: unknown[] }).deliveries.length === 0;
  }

  /** Another text whenever the engine or the receiver got on. */
  async progress(server: TestServer): Promise<string> {
    const { text } = await ask(server, '/metrics');
    const counted = /^tapeline_(journey_events|decisions|webhook_attempts|actions_said)_total /;
    const lines = text.split('\n').filter((line) => counted.test(line));
    return [this.arrivals, ...lines].join();
  }

  /** Reads the tape of every customer, `c0` to `c<customers - 1>`. */
  async check(server: TestServer, customers: number): Promise<void> {
    let next = 0;
    const read = async (): Promise<void> => {
      for (let n = next++; n < customers; n = next++) await this.#checkOne(server, `c${n}`);
    };
    await Promise.all(Array.from({ length: readersMax }, read));
    for (const id of this.#arrived.keys()) {
      if (!this.#decided.has(id)) this.#found('unknown', `${id} arrived, and nobody decided it`);
    }
  }

  async #checkOne(server: TestServer, customer: string): Promise<void> {
    const path = `/v1/customers/${customer}/tape?limit=100`;
    const answer = await ask(server, path, { key: testKeys.read });
    const { events } = answer.json as { events: readonly Told[] };
    const of = (type: string): readonly Told[] => events.filter((each) => each.type === type);
    const [trigger] = of('Trigger');
    const outcomes = of('tapeline.delivery').map(({ data }) => data!);
    for (const rule of ['asked', 'silent']) {
      const decisions = of('tapeline.decision').filter(({ data }) => data!.rule === rule);
      const [decision, ...more] = decisions;
      if (more.length > 0) this.#found('decidedTwice', `${rule} decided twice for ${customer}`);
      if (decision === undefined) this.#found('lost', `${rule} decided nothing for ${customer}`);
      else this.#checkDecision(decision, trigger!, rule);
      for (const action of decision?.data?.actions ?? []) this.#checkAction(action, outcomes);
      const echoes = rule === 'asked' && decision?.data?.verdict === 'act' ? 1 : 0;
      if (rule === 'asked' && of('Echo').length !== echoes) {
        this.#found('outcomes', `${customer} has not ${echoes} echoes`);
      }
    }
  }

  #checkDecision({ data, received }: Told, trigger: Told, rule: string): void {
    const ms = received - trigger.received;
    if (rule === 'silent' && ms <= silentMs) {
      this.#found('early', `${rule} was early for ${trigger.id}`);
    }
    if (data!.verdict === 'lapsed' && ms >= lapseMs) this.lapsed += 1;
    else if (data!.verdict !== 'act') this.#found('lost', `${trigger.id}: ${data!.verdict}`);
  }

  #checkAction(
    { do: kind, id }: { readonly id: string; readonly do: string },
    outcomes: readonly NonNullable<Told['data']>[],
  ): void {
    this.#decided.add(id);
    const own = outcomes.filter(({ action }) => action === id);
    if (own.length !== 1) this.#found('outcomes', `${id} has ${own.length} outcomes`);
    if (kind === 'webhook' && !this.#arrived.has(id)) this.#found('lost', `${id} never arrived`);
  }

  #found(what: keyof ActionFindings, problem: string): void {
    this.findings[what] += 1;
    if (this.problems.length < problemsMax) this.problems.push(`${what}: ${problem}`);
  }
}
