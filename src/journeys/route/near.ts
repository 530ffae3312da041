/**
 * Who is near: agents with a place in a tree of points, so that a search within some miles does not look
 * at everybody. The tree cannot be changed; it is built anew when somebody has moved since the last search.
 */
import { around } from 'geokdbush';
import KDBush from 'kdbush';
import { metersPerMile, type Place } from '../place.ts';

/** Below that, looking at everybody is as quick. */
const treeAgentsMin = 64;
/** The library's sphere is a little smaller than ours; who is found is measured again anyway. */
const slack = 1.001;

interface Placed {
  readonly place: Place | undefined;
}

export class Nearby<Agent extends Placed> {
  readonly #agents: ReadonlyMap<string, Agent>;
  #tree: { readonly index: KDBush; readonly agents: readonly Agent[] } | undefined;

  constructor(agents: ReadonlyMap<string, Agent>) {
    this.#agents = agents;
  }

  /** Somebody came, went or moved. */
  change(): void {
    this.#tree = undefined;
  }

  /** Everybody within so many miles, and perhaps others. */
  within(place: Place | undefined, miles: number): Iterable<Agent> {
    if (!Number.isFinite(miles) || this.#agents.size < treeAgentsMin) return this.#agents.values();
    if (place === undefined) return [];
    this.#tree ??= treeOf(this.#agents.values());
    const { agents, index } = this.#tree;
    const kilometers = (miles * metersPerMile * slack) / 1000;
    const found = around(
      index,
      place.longitude,
      place.latitude,
      Number.POSITIVE_INFINITY,
      kilometers,
    );
    return found.map((number) => agents[number]!);
  }
}

function treeOf<Agent extends Placed>(
  all: Iterable<Agent>,
): { index: KDBush; agents: readonly Agent[] } {
  const agents = [...all].filter(({ place }) => place !== undefined);
  const index = new KDBush(agents.length);
  for (const { place } of agents) index.add(place!.longitude, place!.latitude);
  // An empty tree cannot be finished, and nothing is found in it.
  if (agents.length > 0) index.finish();
  return { index, agents };
}
