/**
 * Events of CJDS → native ones, and back. An event is a CloudEvent with an identity; its own data lies bare
 * under `data`, and what only its envelope says under `data.cjds`, so that the same event can be given back.
 *
 *     id ──▶ id      identity ──▶ customer      previousidentity, previously ──▶ previous
 *     type, source, time ──▶ the same           data.channelType ──▶ channel
 *     every other attribute ──▶ data.cjds
 */
import { channelBytesMax } from '../../event/envelope.ts';
import { AppError } from '../../std/errors.ts';
import { objectOf, readJson, textOf, writeJson } from './json.ts';
import type { WireItem } from './store.ts';

type Members = Readonly<Record<string, unknown>>;

/** In the words of its clients. */
const required: readonly (readonly [name: string, shown: string])[] = [
  ['id', 'Id'],
  ['specversion', 'Specversion'],
  ['type', 'Type'],
  ['source', 'Source'],
  ['identity', 'Identity'],
  ['identitytype', 'Identitytype'],
  ['datacontenttype', 'Datacontenttype'],
];
const texts = [...required.map(([name]) => name), 'previousidentity', 'previously', 'time'];
/** These have a place in the envelope of their own. */
const placed = new Set(['id', 'type', 'source', 'time', 'identity', 'previousidentity', 'data']);

/**
 * One event. What is wrong with it is told all at once, a line each.
 * @throws AppError malformed for what is no JSON, invalid.
 */
export function readCjdsEvent(body: Uint8Array): WireItem {
  const event = objectOf(readJson(body));
  if (event === undefined) throw new AppError('malformed', 'the event must be an object');
  const problems = required
    .filter(([name]) => !isPresent(event[name]) || event[name] === '')
    .map(([, shown]) => `${shown} cannot be null`);
  if (!isPresent(event['data'])) problems.push('Data cannot be null');
  for (const name of texts) {
    if (isPresent(event[name]) && typeof event[name] !== 'string') {
      problems.push(`${name} must be a string`);
    }
  }
  if (problems.length > 0) throw new AppError('invalid', problems.join('\n'));
  return itemOf(event);
}

function itemOf(event: Members): WireItem {
  const { data, ...attributes } = event;
  const text = (name: string): string | undefined => textOf(attributes[name]);
  const rest = Object.entries(attributes).filter(
    ([name, value]) => isPresent(value) && !placed.has(name),
  );
  const { form, members } = membersOf(data);
  const cjds = { ...Object.fromEntries(rest), ...(form !== 'object' && { form }) };
  return {
    id: text('id'),
    customer: text('identity'),
    previous: text('previousidentity') ?? text('previously'),
    type: text('type'),
    time: text('time'),
    channel: channelOf(members),
    source: text('source'),
    data: { ...members, cjds },
  };
}

/** How the data were sent: as an object, as its JSON text, or as something that stands under `value`. */
type DataForm = 'object' | 'text' | 'value';

function membersOf(data: unknown): { form: DataForm; members: Members } {
  const object = objectOf(data);
  if (object !== undefined && !Object.hasOwn(object, 'cjds')) {
    return { form: 'object', members: object };
  }
  const inside = typeof data === 'string' ? objectIn(data) : undefined;
  if (inside !== undefined) return { form: 'text', members: inside };
  return { form: 'value', members: { value: data } };
}

/** The object that a text is the JSON of, if its text can be made again from it. */
function objectIn(text: string): Members | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    const object = objectOf(readJson(text));
    const isSame = object !== undefined && writeJson(object) === text;
    return isSame && !Object.hasOwn(object, 'cjds') ? object : undefined;
  } catch {
    return undefined;
  }
}

function channelOf({ channelType }: Members): string | undefined {
  const channel = textOf(channelType);
  const fits = channel !== undefined && Buffer.byteLength(channel) <= channelBytesMax;
  return fits && channel !== '' ? channel : undefined;
}

/** A CloudEvent as CJDS gives it back; its data are an object or whatever was sent. */
export interface CjdsEvent extends Members {
  readonly id: string;
  readonly type: string;
  readonly source: string;
  readonly identity: string;
  readonly time: string;
}

/** A stored event, as the API gives it, as the CloudEvent that it was, or would have been. */
export function cjdsEventOf(stored: Members): CjdsEvent {
  const { cjds, ce, ...members } = (objectOf(stored['data']) ?? {}) as Members;
  const { form, specversion, identitytype, datacontenttype, ...others } = {
    ...objectOf(ce),
    ...objectOf(cjds),
  } as Members;
  const identity = String(stored['customer']);
  return {
    ...others,
    id: String(others['id'] ?? stored['id']),
    specversion: textOf(specversion) ?? '1.0',
    type: String(stored['type']),
    source: textOf(stored['source']) ?? '/tapeline',
    time: new Date(Number(stored['time'])).toISOString(),
    identity,
    identitytype: textOf(identitytype) ?? identityTypeOf(identity),
    ...(isPresent(stored['previous']) && { previousidentity: stored['previous'] }),
    datacontenttype: textOf(datacontenttype) ?? 'application/json',
    data: dataOf(form, members),
  };
}

function dataOf(form: unknown, members: Members): unknown {
  if (form === 'text') return writeJson(members);
  return form === 'value' ? members['value'] : members;
}

/** For what was sent without one. */
export function identityTypeOf(identity: string): string {
  if (/^[^\s@]+@[^\s@]+$/.test(identity)) return 'email';
  return /^\+?\d{7,15}$/.test(identity) ? 'phone' : 'customerId';
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null;
}
