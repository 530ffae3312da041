/** What the engine itself answers. */
import type { Answerer, InstanceAsks } from './asks.ts';
import type { InForce } from './inforce.ts';
import type { Person } from './persons.ts';
import { type ToldInstance, told } from './told.ts';

export interface AnsweringEngine {
  readonly passedUpTo: number;
  readonly inForce: InForce;
  find(workspace: number, customer: string): Person | undefined;
  until(isOver: () => boolean): Promise<void>;
}

export function answersOf(engine: AnsweringEngine): Answerer<keyof InstanceAsks> {
  return {
    passed: () => ({ passedUpTo: engine.passedUpTo }),
    async inForce({ definition, name, version, workspace }) {
      await engine.until(() => {
        const isInForce = engine.inForce.versionOf(workspace, definition, name) === version;
        // Another one was published meanwhile: this one never will be.
        return isInForce || engine.inForce.wantedOf(workspace, definition, name) !== version;
      });
      return {};
    },
    instances({ customer, ownOnly = false, workspace }) {
      const person = engine.find(workspace, customer);
      const all = (person?.state.instances ?? []).map((instance) => {
        const map = engine.inForce.map(workspace, instance.journey, instance.version);
        return { home: instance.home, ...told(instance, map) };
      });
      const name = person?.name.customer ?? customer;
      if (!ownOnly) return { customer: name, instances: all.map(withoutHome) };
      const own = all.filter(({ home }) => home === customer).map(withoutHome);
      const isKnown = name !== customer;
      return {
        customer,
        instances: own.map((each) => (isKnown ? { ...each, context: {} } : each)),
      };
    },
    steps({ journey, version, workspace }) {
      const map = engine.inForce.map(workspace, journey, version);
      return { steps: map?.steps.map(({ name }) => name) };
    },
  };
}

function withoutHome({ home: _, ...instance }: ToldInstance & { home: string }): ToldInstance {
  return instance;
}
