/**
 * Messages of Segment's tracking API, and of RudderStack's, which is the same with additions, as native
 * events. What the envelope says is left out of `data`; everything else is kept there as it was sent.
 *
 *     message                             event
 *     messageId                           id
 *     userId, else anonymous:anonymousId  customer
 *     anonymousId beside a userId         previous        (alias: previousId)
 *     track: event; others: their type    type
 *     timestamp, by the server's clock    time
 *     channel, or what context tells      channel
 *     context.library.name                source
 *     properties, traits, context, …      data
 */
import { channelBytesMax, eventBytesMax, sourceBytesMax } from '../../event/envelope.ts';
import { AppError } from '../../std/errors.ts';
import { numberOf, objectOf, textOf, writeJson } from './json.ts';
import { isTimeText, timeOf } from './segmenttime.ts';
import type { WireEvent, WireItem, WireRefusal, WireSource } from './store.ts';

/** What a message can be; `merge` is RudderStack's alone. */
export const segmentCalls = [
  'track',
  'identify',
  'page',
  'screen',
  'group',
  'alias',
  'merge',
] as const;
export type SegmentCall = (typeof segmentCalls)[number];

/** As Segment has it: what a batch holds beyond is refused by index. */
export const batchMessagesMax = 2_500;

const tooMuchInherited = `what a batch says for a message may be at most ${eventBytesMax} bytes`;

type Members = Readonly<Record<string, unknown>>;

/** What the messages of a batch have in common. */
interface Shared {
  readonly context?: Members | undefined;
  readonly integrations?: Members | undefined;
  readonly sentAt?: unknown;
  /** What is added to a message that has nothing of its own, each as JSON; absent is nothing. */
  readonly bytes?: Readonly<Record<'context' | 'integrations' | 'sentAt', number>>;
}

/** When and from where a body came. */
export interface Arrival {
  readonly nowMs: number;
  /** The sender's address, for messages that want it; empty when it is not known. */
  readonly address?: string;
  /** The client says that it has sent this before. */
  readonly isResend?: boolean;
}

/**
 * The events of a batch: `{"batch":[…],"sentAt":…,"context":…,"integrations":…}`.
 *
 * @throws AppError malformed when it is no batch.
 */
export function readSegmentBatch(body: unknown, arrival: Arrival): WireSource[] {
  const members = objectOf(body);
  const messages = members?.['batch'];
  if (members === undefined || !Array.isArray(messages)) {
    throw new AppError('malformed', 'the body must be an object with a list named batch');
  }
  const shared = sharedOf(members);
  return messages.map((message: unknown, index) => {
    if (index < batchMessagesMax) return () => eventOf(message, { shared, arrival });
    return refused('too_large', `a batch may have at most ${batchMessagesMax} events`);
  });
}

/**
 * The event of a body that is one message. The browser library names the user of the moment when it
 * sends again what it first sent of an anonymous visitor: a resend may be stored under that one.
 *
 * @throws AppError malformed when it is none.
 */
export function readSegmentMessage(body: unknown, call: SegmentCall, arrival: Arrival): WireItem {
  if (objectOf(body) === undefined) throw new AppError('malformed', 'the body must be an object');
  const event = eventOf(body, { call, shared: {}, arrival });
  const isElsewhere =
    arrival.isResend === true && call !== 'alias' && call !== 'merge' && !('refused' in event);
  return isElsewhere ? { ...event, formerly: event.previous } : event;
}

/** The key that stands in a body. */
export function writeKeyOf(body: unknown): string | undefined {
  return textOf(objectOf(body)?.['writeKey']);
}

interface Circumstances {
  /** As the route says; in a batch each message says it. */
  readonly call?: SegmentCall;
  readonly shared: Shared;
  readonly arrival: Arrival;
}

function eventOf(value: unknown, { call: said, shared, arrival }: Circumstances): WireItem {
  const message = objectOf(value);
  if (message === undefined) return refused('invalid', 'a message must be an object');
  const id = identityOf(message['messageId']);
  const call = said ?? callOf(message['type']);
  if (call === undefined) {
    return refused('invalid', `type must be one of ${segmentCalls.join(', ')}`, id);
  }
  const type = call === 'track' ? textOf(message['event']) : call;
  if (type === undefined)
    return refused('invalid', 'event is required: the name of what was done', id);
  const who = identitiesOf(message, call);
  if (typeof who === 'string') return refused('invalid', who, id);
  if (inheritsTooMuch(message, shared)) {
    return refused('too_large', tooMuchInherited, id);
  }
  const whole = withAddress(withShared(message, shared), arrival);
  const context = objectOf(whole['context']);
  const { isShifted, time } = timeOf(whole, arrival);
  const channel = channelOf(message, call, context);
  const source = within(textOf(objectOf(context?.['library'])?.['name']), sourceBytesMax);
  const event: WireEvent = { ...who, id, type, time, channel, source };
  return { ...event, data: restOf(whole, { call, event, isShifted }) };
}

function callOf(type: unknown): SegmentCall | undefined {
  return segmentCalls.find((call) => call === type);
}

function refused(
  code: WireRefusal['refused']['code'],
  message: string,
  id?: string | undefined,
): WireRefusal {
  return { refused: { code, message }, id };
}

function sharedOf(members: Members): Shared {
  const context = objectOf(members['context']);
  const integrations = objectOf(members['integrations']);
  const { sentAt } = members;
  const bytes = {
    context: bytesOf(context),
    integrations: bytesOf(integrations),
    sentAt: bytesOf(sentAt),
  };
  return { context, integrations, sentAt, bytes };
}

/** As JSON; nothing is 0, and what is nested too deep for that is more than any event may have. */
function bytesOf(value: unknown): number {
  if (value === undefined) return 0;
  try {
    return Buffer.byteLength(writeJson(value));
  } catch (error) {
    if (error instanceof RangeError) return Number.POSITIVE_INFINITY;
    throw error;
  }
}

/** Whether a message would be too large by what its batch says for it alone. */
function inheritsTooMuch(message: Members, { bytes }: Shared): boolean {
  if (bytes === undefined) return false;
  const { context, integrations, sentAt } = message;
  const inherited =
    (isMixed(context) ? bytes.context : 0) +
    (isMixed(integrations) ? bytes.integrations : 0) +
    (isPresent(sentAt) ? 0 : bytes.sentAt);
  return inherited > eventBytesMax;
}

/** What a message does not say itself, its batch says for it. */
function withShared(message: Members, { context, integrations, sentAt }: Shared): Members {
  return {
    ...message,
    ...(context !== undefined && { context: beneath(message['context'], context) }),
    ...(integrations !== undefined && {
      integrations: beneath(message['integrations'], integrations),
    }),
    ...(sentAt !== undefined && { sentAt: message['sentAt'] ?? sentAt }),
  };
}

/** A message's own members over those of its batch; what is no object stays as it is. */
function beneath(own: unknown, shared: Members): unknown {
  if (!isPresent(own)) return shared;
  return isMixed(own) ? { ...shared, ...objectOf(own) } : own;
}

function isMixed(own: unknown): boolean {
  return !isPresent(own) || objectOf(own) !== undefined;
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** `context.direct` says that the sender is the customer's own device: its address is the customer's. */
function withAddress(message: Members, { address = '' }: Arrival): Members {
  const context = objectOf(message['context']);
  const isWanted = address !== '' && context?.['direct'] === true && context['ip'] === undefined;
  return isWanted ? { ...message, context: { ...context, ip: address } } : message;
}

interface Identities {
  readonly customer: string;
  readonly previous?: string | undefined;
}

/** Whose event it is, and which other identity it links to them; or what is missing. */
function identitiesOf(message: Members, call: SegmentCall): Identities | string {
  if (call === 'merge') return mergedOf(message);
  const user = identityOf(message['userId']);
  const visitor = identityOf(message['anonymousId']);
  const anonymous = visitor === undefined ? undefined : anonymousIdentity(visitor);
  const customer = user ?? anonymous;
  if (customer === undefined) return 'userId or anonymousId is required';
  if (call === 'alias') {
    const former = identityOf(message['previousId']);
    if (former === undefined) return 'previousId is required';
    return { customer, previous: former === visitor ? anonymous : former };
  }
  return { customer, previous: anonymous === customer ? undefined : anonymous };
}

/** An identity of the type that a login may take over, and a key in a page may link. */
function anonymousIdentity(id: string): string {
  return `anonymous:${id}`;
}

/** Ids are strings, and numbers in some languages. */
function identityOf(value: unknown): string | undefined {
  const text = textOf(value);
  if (text !== undefined) return text;
  return numberOf(value) === undefined ? undefined : String(value);
}

/** RudderStack's merge names two identities of one customer, each by its type and value. */
function mergedOf(message: Members): Identities | string {
  const properties = message['mergeProperties'];
  const pair = Array.isArray(properties) && properties.length === 2 ? properties.map(typedOf) : [];
  const [customer, previous] = pair;
  if (customer === undefined || previous === undefined) {
    return 'mergeProperties must be two objects with type and value';
  }
  return { customer, previous };
}

function typedOf(value: unknown): string | undefined {
  const type = textOf(objectOf(value)?.['type']);
  const identity = identityOf(objectOf(value)?.['value']);
  return type === undefined || identity === undefined ? undefined : `${type}:${identity}`;
}

/** Through what it came: as the message says, else as far as its kind or its context tells. */
function channelOf(
  message: Members,
  call: SegmentCall,
  context: Members | undefined,
): string | undefined {
  const said = textOf(message['channel']) ?? textOf(context?.['channel']);
  if (said !== undefined) return within(said, channelBytesMax);
  if (call === 'screen' || objectOf(context?.['device']) !== undefined) return 'mobile';
  return call === 'page' || objectOf(context?.['page']) !== undefined ? 'web' : undefined;
}

/** Longer than the envelope allows, it stays in `data` alone. */
function within(text: string | undefined, bytesMax: number): string | undefined {
  return text !== undefined && Buffer.byteLength(text) <= bytesMax ? text : undefined;
}

/** The members of a message that its envelope does not repeat, and no secret. */
function restOf(
  message: Members,
  made: { call: SegmentCall; event: WireEvent; isShifted: boolean },
): Members | undefined {
  const { call, event, isShifted } = made;
  const { channel, customer, id, previous, time, type } = event;
  const ids = new Set([id, customer, previous]);
  ids.delete(undefined);
  const isNamed = (identity: string | undefined): boolean =>
    ids.has(identity) || (identity !== undefined && ids.has(anonymousIdentity(identity)));
  const isSaid = (name: string, value: unknown): boolean => {
    switch (name) {
      case 'type':
      case 'writeKey':
        return true;
      case 'event':
        return call === 'track' && value === type;
      case 'channel':
        return value === channel;
      case 'messageId':
      case 'userId':
      case 'anonymousId':
      case 'previousId':
        return value === null || value === '' || isNamed(identityOf(value));
      case 'timestamp':
      case 'originalTimestamp':
        return value === time || isTimeText(value, time);
      case 'sentAt':
        return !isShifted;
      default:
        return false;
    }
  };
  const rest = Object.entries(message).filter(([name, value]) => !isSaid(name, value));
  return rest.length === 0 ? undefined : Object.fromEntries(rest);
}
