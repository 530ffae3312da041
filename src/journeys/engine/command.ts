/** What somebody commands (`tapeline.journey`), applied where it stands on the tape. */
import { unreachable } from '../../std/assert.ts';
import type { InstanceState } from '../state.ts';
import type { CommandSaid } from '../words.ts';
import { rememberAll } from './context.ts';
import {
  armStalls,
  completeIfDone,
  end,
  enter,
  mayStart,
  noteActivity,
  runWaits,
  start,
} from './instance.ts';
import { Moment } from './moment.ts';
import { pause, resume, seenAgain } from './pause.ts';
import { react } from './react.ts';
import { isOpen } from './timers.ts';

/** A command that cannot be carried out any more changes nothing. */
export function command(moment: Moment, said: CommandSaid): void {
  switch (said.command) {
    case 'start':
      startBy(moment, said);
      return;
    case 'stop':
      for (const instance of moment.person.instances) {
        if (instance.journey === said.journey && isOpen(instance)) {
          end(moment, instance, 'exited', said.reason);
        }
      }
      return;
    case 'pause':
    case 'resume':
    case 'complete':
    case 'cancel':
    case 'exit':
    case 'step': {
      const instance = moment.person.instances.find(({ id }) => id === said.instance);
      if (instance !== undefined && isOpen(instance)) commandOne(moment, instance, said);
      return;
    }
    default:
      unreachable(said);
  }
}

/** Somebody who asks for it need not wait for a re-entry; one at a time holds all the same. */
function startBy(moment: Moment, said: CommandSaid & { readonly command: 'start' }): void {
  const map = moment.force.map(said.journey);
  if (map === undefined || !mayStart(moment, { ...map, reentryMs: 0 }, said.key)) return;
  const instance = start(moment, map, said.key, said.context);
  completeIfDone(moment, instance, map);
  armStalls(moment, instance, map);
}

type OneSaid = Extract<CommandSaid, { readonly instance: string }>;

function commandOne(moment: Moment, instance: InstanceState, said: OneSaid): void {
  switch (said.command) {
    case 'pause':
      pause(moment, instance);
      return;
    case 'resume':
      resumeBy(moment, instance);
      return;
    case 'complete':
      end(moment, instance, 'completed');
      return;
    case 'cancel':
      end(moment, instance, 'cancelled', said.reason);
      return;
    case 'exit':
      end(moment, instance, 'exited', said.reason);
      return;
    case 'step':
      stepBy(moment, instance, said);
      return;
    default:
      unreachable(said);
  }
}

function resumeBy(moment: Moment, instance: InstanceState): void {
  const held = resume(moment, instance);
  const map = moment.force.map(instance.journey, instance.version);
  if (held === undefined || map === undefined) return;
  for (const each of held) {
    if (instance.status !== 'active') return;
    const { at, force, happenings, home, observe, person } = moment;
    const again = new Moment({
      ...{ force, person, home, at, observe },
      cause: { stamp: each.stamp, ordinal: each.ordinal },
      event: seenAgain(each, at),
      isSilent: !map.replaysOnResume,
    });
    react(again, instance, each.type);
    happenings.push(...again.happenings);
  }
  if (instance.status !== 'active') return;
  // What it came to meanwhile is waited for from now on.
  runWaits(moment, instance, map);
  armStalls(moment, instance, map);
}

/** A touchpoint says where the customer is; it counts as activity. */
function stepBy(
  moment: Moment,
  instance: InstanceState,
  said: OneSaid & { readonly command: 'step' },
): void {
  const map = moment.force.map(instance.journey, instance.version);
  const step = map?.steps.find(({ name }) => name === said.step);
  if (map === undefined || step === undefined || instance.status !== 'active') return;
  rememberAll(instance, said.context);
  noteActivity(moment, instance, map);
  if (step.ordinal !== instance.current) enter(moment, instance, map, step);
  completeIfDone(moment, instance, map);
  armStalls(moment, instance, map);
}
