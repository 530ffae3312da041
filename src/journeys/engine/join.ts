/**
 * Two customers turn out to be one, or one to be two. Nothing is fired by it: what merged history would have
 * led to is not made up for.
 *
 *     join    instances go over; of two open ones of a map with the same key the further one stays
 *             audiences are told from both; counters are summed
 *     part    instances go back to whom they began with (`home`), also one that was put away for another;
 *             what was counted together stays
 */
import { joinCounters } from '../decide/applied.ts';
import type { InstanceState, PersonState, TimerState } from '../state.ts';
import { beginWatching, settleWatched } from './memberships.ts';
import { giveBack, isParted, putAway } from './merged.ts';
import type { Moment } from './moment.ts';
import { isOpen } from './timers.ts';

/** What is `other`'s becomes the moment's person's. `other` is not used any more. */
export function join(moment: Moment, other: PersonState): void {
  const { person } = moment;
  for (const instance of other.instances) takeOver(moment, instance);
  person.instances.sort((a, b) => a.startedAt - b.startedAt || (a.id < b.id ? -1 : 1));
  joinAudiences(moment, other);
  person.armed = Math.max(person.armed ?? 0, other.armed ?? 0) + 1;
  joinTimers(person, other.timers);
  const requests = new Set(person.requests.map(({ id }) => id));
  person.requests.push(...other.requests.filter(({ id }) => !requests.has(id)));
  const deliveries = new Set(person.deliveries.map(({ action }) => action.id));
  person.deliveries.push(...other.deliveries.filter(({ action }) => !deliveries.has(action.id)));
  joinCounters(person, other);
  if ((other.place?.at ?? 0) > (person.place?.at ?? 0)) person.place = other.place!;
  person.zone ??= other.zone!;
  if (person.zone === undefined) delete person.zone;
  person.consent = { ...other.consent, ...person.consent };
  settle(moment);
}

function takeOver(moment: Moment, instance: InstanceState): void {
  const { person } = moment;
  const same = person.instances.find((own) => {
    const isSame = own.journey === instance.journey && own.key === instance.key;
    return isSame && isOpen(own) && isOpen(instance);
  });
  person.instances.push(instance);
  if (same === undefined) return;
  if (instance.furthest > same.furthest) putAway(moment, same, instance);
  else putAway(moment, instance, same);
}

function joinAudiences({ force, person }: Moment, other: PersonState): void {
  for (const [ref, state] of Object.entries(other.audiences)) {
    const own = person.audiences[ref];
    const audience = force.audience(ref);
    if (own === undefined) person.audiences[ref] = state;
    else if (audience !== undefined) person.audiences[ref] = audience.join(own, state);
  }
}

/** Audiences are armed anew; of a rule that waits for something the customer's own wait stays. */
function joinTimers(person: PersonState, timers: readonly TimerState[]): void {
  const ruleOf = ({ id }: TimerState): string => id.slice(0, id.lastIndexOf('/'));
  const waiting = new Set(person.timers.map(ruleOf));
  for (const timer of timers) {
    if (timer.id.startsWith('n/') && !waiting.has(ruleOf(timer))) person.timers.push(timer);
  }
}

/** Membership is as it is now; nobody is told. */
function settle(moment: Moment): void {
  const { at, force, person } = moment;
  beginWatching(moment);
  for (const { audience, ref } of force.watched) {
    audience.settle(person.audiences[ref]!, at, person, force);
  }
  settleWatched(moment, new Set(), true);
}

/** What is to go from the moment's person to `other`, which may be new: instances that `isTheirs`. */
export function part(
  moment: Moment,
  other: PersonState,
  isTheirs: (home: string) => boolean,
): void {
  const { person } = moment;
  const parted = person.instances.filter((instance) => isParted(instance, isTheirs));
  other.instances.push(...person.instances.filter(({ home }) => isTheirs(home)));
  person.instances = person.instances.filter(({ home }) => !isTheirs(home));
  for (const instance of parted) {
    giveBack(moment, instance, (isTheirs(instance.home) ? other : person).instances);
  }
  other.armed = Math.max(person.armed ?? 0, other.armed ?? 0) + 1;
  settle(moment);
}
