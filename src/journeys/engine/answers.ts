/** What the engine itself answers. */
import type { Answerer, InstanceAsks } from './asks.ts';
import type { InForce } from './inforce.ts';
import type { Person } from './persons.ts';
import { told } from './told.ts';

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
    instances({ customer, workspace }) {
      const person = engine.find(workspace, customer);
      const instances = person?.state.instances ?? [];
      return {
        customer: person?.name.customer ?? customer,
        instances: instances.map((instance) => {
          return told(instance, engine.inForce.map(workspace, instance.journey, instance.version));
        }),
      };
    },
    steps({ journey, version, workspace }) {
      const map = engine.inForce.map(workspace, journey, version);
      return { steps: map?.steps.map(({ name }) => name) };
    },
  };
}
