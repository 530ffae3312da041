/** Audiences of a customer: kept up with its events, the clock and its instances; rules hear of changes, and the tape. */
import { announcement } from '../deliver/announce.ts';
import type { Watched } from './force.ts';
import type { Moment } from './moment.ts';
import { askAbout, placeOf } from './requests.ts';
import { armPerson, disarmPerson } from './timers.ts';

function timerOf(ref: string): string {
  return `a/${ref}`;
}

/** Of who has not been asked yet it is known from here on: there must be something to change from. */
export function beginWatching({ at, force, person }: Moment): void {
  for (const { audience, ref } of force.watched) {
    if (Object.hasOwn(person.audiences, ref)) continue;
    const state = audience.start();
    person.audiences[ref] = state;
    audience.settle(state, at, person, force);
  }
}

const none: ReadonlySet<string> = new Set();

/** Notes the moment's event where it matters. @returns the audiences of which it changed membership. */
export function noteEvent(moment: Moment, type: string): ReadonlySet<string> {
  const { at, event, force, observe, person } = moment;
  const audiences = force.audiencesFor(type);
  if (event === undefined || audiences.length === 0) return none;
  const changed = new Set<string>();
  for (const { audience, ref } of audiences) {
    const state = person.audiences[ref] ?? audience.start();
    person.audiences[ref] = state;
    const { received, time } = event;
    const seen = { type, time, received, subject: moment.subject! };
    const before = audience.givenUp(state);
    if (audience.take(state, seen, person, force)) changed.add(ref);
    const givenUp = audience.givenUp(state) - before;
    if (givenUp > 0) observe?.({ at, kind: 'partials', audience: ref, givenUp });
  }
  return changed;
}

/**
 * At the end of a moment: who watches an audience hears whether it changed, and the instant at which it
 * changes by itself becomes a timer.
 * @param isMoved something happened to an instance.
 */
export function settleWatched(moment: Moment, noted: ReadonlySet<string>, isMoved: boolean): void {
  if (moment.force.watched.length === 0) return;
  const changed = new Set(noted);
  for (const watched of moment.force.watched) settleOne(moment, watched, changed, isMoved);
}

function settleOne(moment: Moment, watched: Watched, changed: Set<string>, isMoved: boolean): void {
  const { at, force, person } = moment;
  const { audience, ref } = watched;
  const state = person.audiences[ref]!;
  // Its time may be past, whether or not its timer has been read yet.
  const isOld = person.timers.some(({ due, id }) => id === timerOf(ref) && due < at);
  const mayMove = isOld || (isMoved && audience.asksJourneys);
  if (mayMove && audience.settle(state, at, person, force)) changed.add(ref);
  if (changed.has(ref)) tell(moment, watched, state.isIn === true);
  armNext(moment, watched);
}

function tell(moment: Moment, watched: Watched, isIn: boolean): void {
  const { announcedBy, name, ref, rules } = watched;
  if (announcedBy !== undefined && !moment.isSilent(announcedBy.latenessMs)) {
    const said = {
      journey: announcedBy.name,
      audience: name,
      change: isIn ? 'enter' : 'leave',
    } as const;
    const id = `${ref}/${said.change}/${placeOf(moment.cause)}`;
    moment.person.deliveries.push(announcement(id, said, moment.at));
  }
  for (const rule of rules) {
    const { when } = rule;
    if (when.kind !== 'audience' || (when.change === 'enter') !== isIn) continue;
    askAbout(moment, rule, { mark: `${name}/${placeOf(moment.cause)}` });
  }
}

/** The timer fires when the clock is past it, so it is due just before the change. */
function armNext({ at, force, person }: Moment, { audience, ref }: Watched): void {
  const next = audience.changesAt(person.audiences[ref]!, at, person, force);
  const id = timerOf(ref);
  const due = next === undefined ? undefined : next - 1;
  const known = person.timers.find((timer) => timer.id === id);
  if (known?.due === due) return;
  if (due === undefined) disarmPerson(person, id);
  else armPerson(person, id, due);
}

/** The time of an audience has come; `beginWatching` was before. */
export function audienceDue(moment: Moment, ref: string): void {
  const watched = moment.force.watched.find((each) => each.ref === ref);
  const { at, force, person } = moment;
  disarmPerson(person, timerOf(ref));
  if (watched === undefined) return;
  const state = person.audiences[ref]!;
  const isChanged = watched.audience.settle(state, at, person, force);
  settleOne(moment, watched, new Set(isChanged ? [ref] : []), false);
}
