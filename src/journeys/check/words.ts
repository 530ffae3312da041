/** Shapes of what maps and rules have in common: names, triggers, times of the day, audiences. */
import { parseAudience } from '../../audiences/parse.ts';
import { conditionCharactersMax } from '../../event/condition.ts';
import {
  channelBytesMax,
  dataDepthMax,
  reservedTypePrefix,
  typeBytesMax,
} from '../../event/envelope.ts';
import { isZone } from '../../std/zone.ts';
import { definitionNameBytesMax } from '../../workspaces/definition.ts';
import { viewNameBytesMax } from '../../workspaces/view.ts';
import {
  typeOfAudience,
  typeOfCommand,
  typeOfDelivery,
  typeOfOffer,
  typeOfResponse,
} from '../words.ts';
import { typesOfAudience } from './audience.ts';
import {
  audienceNameCharactersMax,
  audiencesMax,
  descriptionCharactersMax,
  partNameBytesMax,
  pathCharactersMax,
  titleCharactersMax,
  triggersMax,
} from './limits.ts';
import {
  bytes,
  characters,
  described,
  list,
  looked,
  object,
  optional,
  record,
  type Shape,
} from './shape.ts';

export const title = optional(characters(titleCharactersMax));
export const description = optional(characters(descriptionCharactersMax));
export const partName = bytes(partNameBytesMax);
export const definitionName = bytes(definitionNameBytesMax);
export const viewName = bytes(viewNameBytesMax);
export const channel = described(bytes(channelBytesMax), 'Only events of this channel.');
export const condition = described(characters(conditionCharactersMax), 'A condition, in CEL.');

/** The server's own types that may be listened to; the others tell of what is done because of it. */
export const serverTypes: readonly string[] = [
  ...[typeOfCommand, typeOfDelivery, typeOfOffer, typeOfResponse, typeOfAudience],
  ...['tapeline.link', 'tapeline.merge', 'tapeline.unmerge'],
];

/** A type that is listened to. */
export const listenedType: Shape = described(
  looked(bytes(typeBytesMax), (type: string, place, faults) => {
    if (type.includes('*')) {
      faults.add(
        place,
        'must be one type; * stands for none',
        'name each type in a trigger of its own',
      );
    } else if (type.startsWith(reservedTypePrefix) && !serverTypes.includes(type)) {
      const known = serverTypes.join(', ');
      faults.add(place, 'is a type of the server that cannot be listened to', `those are ${known}`);
    }
  }),
  'A type of event.',
);

/** A type that is said. */
export const saidType: Shape = looked(bytes(typeBytesMax), (type: string, place, faults) => {
  if (!type.startsWith(reservedTypePrefix)) return;
  faults.add(place, `must not begin with ${reservedTypePrefix}`, 'such types are the server’s own');
});

export const triggerMembers = {
  event: listenedType,
  channel: optional(channel),
  where: optional(condition),
};
export const trigger = object('a trigger', triggerMembers);

export function triggers(least: number): Shape {
  return list(trigger, least, triggersMax);
}

/** A dotted path into `data`. */
export const path: Shape = looked(characters(pathCharactersMax), (text: string, place, faults) => {
  const names = text.split('.');
  if (names.includes('')) faults.add(place, 'has an empty name in it', 'write it as in a.b.c');
  else if (names.length > dataDepthMax) {
    faults.add(place, `may be at most ${dataDepthMax} names deep`);
  }
});

export const timeOfDay: Shape = {
  schema: { type: 'string', pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$', examples: ['18:30'] },
  check(value, place, faults) {
    if (typeof value === 'string' && /^([01][0-9]|2[0-3]):[0-5][0-9]$/.test(value)) return;
    faults.add(place, 'must be a time of the day', 'write 09:00 or 18:30');
  },
};

export const zone: Shape = {
  schema: { type: 'string', examples: ['Europe/Berlin'] },
  check(value, place, faults) {
    if (typeof value === 'string' && value.length <= 64 && isZone(value)) return;
    faults.add(place, 'must be an IANA time zone', 'write Europe/Berlin, America/New_York or UTC');
  },
};

const audience: Shape = {
  schema: { type: 'object', description: 'An audience: one of `performed`, `notPerformed` …' },
  check(value, place, faults) {
    const parsed = faults.attempt(() => parseAudience(value, place), place);
    if (parsed === undefined) return;
    for (const type of typesOfAudience(parsed)) listenedType.check(type, place, faults);
  },
};

export const audiences = record(audience, audiencesMax, {
  pattern: new RegExp(
    `^(?!(__proto__|constructor)$)[A-Za-z_][A-Za-z0-9_]{0,${audienceNameCharactersMax - 1}}$`,
  ),
  hint: `use letters, digits and _, at most ${audienceNameCharactersMax}, so that audience.name can be written`,
});
