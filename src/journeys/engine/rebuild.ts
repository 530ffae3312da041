/**
 * Making the file anew from the tape. What a condition, a cooldown or a date refused is not said there, so in a
 * rebuild such a request looks as one that nobody has decided. Which it is follows from what was decided: requests
 * are weighed in the order in which they are asked, so what was asked well before one that was decided was
 * weighed too, and refused if its rule can refuse in silence. Of any other nobody is known to have weighed it:
 * it is decided, or, if that was long before the rebuild, it is said that it has lapsed.
 */
import type { CompiledRule } from '../compile/compiled.ts';
import type { PersonState, Request } from '../state.ts';
import type { Happening } from './happening.ts';

/** Weighing waits for views: so much apart requests may be decided in another order than they were asked in. */
const disorderMsMax = 60_000;
/**
 * What was asked for so long before the rebuild began is not carried out any more, as if nothing had
 * happened meanwhile: the file was there once, and what it said is not known.
 */
export const rebuiltMs = 60_000;

/** Kept with every checkpoint until it is over, so that a kill does not make it another one. Epoch milliseconds. */
export interface Rebuild {
  /** When it began: nobody has decided anything since. */
  readonly since: number;
  /** When the last of those was asked that the tape says to be decided; absent: none. */
  decided?: number;
}

/** Goes along with the reading: what is learned about the requests that are met. */
export class Rebuilding {
  #rebuild: Rebuild | undefined;
  readonly #lapsed: (workspace: number, customer: string, request: Request) => void;

  /** @param rebuild undefined: it is none. @param lapsed nobody decides this any more, which is to be said. */
  constructor(
    rebuild: Rebuild | undefined,
    lapsed: (workspace: number, customer: string, request: Request) => void,
  ) {
    this.#rebuild = rebuild;
    this.#lapsed = lapsed;
  }

  /** Undefined: it is none, or over. */
  get current(): Rebuild | undefined {
    return this.#rebuild;
  }

  /** Everything is read, and settled. */
  end(): void {
    this.#rebuild = undefined;
  }

  observe(workspace: number, happening: Happening): void {
    const rebuild = this.#rebuild;
    if (happening.kind === 'lapsed') {
      // Of history it is not known what became of it.
      if (rebuild === undefined) this.#lapsed(workspace, happening.customer, happening.request);
    } else if (happening.kind === 'decision' && rebuild !== undefined) {
      rebuild.decided = Math.max(rebuild.decided ?? 0, happening.request?.at ?? 0);
    }
  }
}

/**
 * Everything is read: takes from a customer what is not to be decided.
 * @param rule as it is in force now; undefined: none is.
 * @returns what has lapsed, and is to be said.
 */
export function settleRebuilt(
  person: PersonState,
  { decided = 0, since }: Rebuild,
  rule: (name: string) => CompiledRule | undefined,
): Request[] {
  const isOld = ({ at }: Request): boolean => at < since - rebuiltMs;
  const isRefused = (request: Request): boolean => {
    return request.at < decided - disorderMsMax && isSilent(request, rule);
  };
  const lapsed = person.requests.filter((request) => isOld(request) && !isRefused(request));
  person.requests = person.requests.filter((request) => !isOld(request));
  return lapsed;
}

/** Whether a no to it may be one that is not said; a step's own actions have no guard of that kind. */
function isSilent(
  { rule: name, version }: Request,
  ruleOf: (name: string) => CompiledRule | undefined,
): boolean {
  if (name === undefined) return false;
  const rule = ruleOf(name);
  if (rule === undefined || rule.version !== version) return true;
  const { condition, cooldownMs, from, perInstanceMax, to } = rule;
  const isBounded = perInstanceMax !== Number.POSITIVE_INFINITY;
  return isBounded || [condition, cooldownMs, from, to].some((each) => each !== undefined);
}
