/**
 * Payloads of Snowplow trackers → native events. All their values are text. What the event says
 * stands in `data`, everything else as it was sent in `data.sp`, the contexts decoded.
 *
 *     eid ──▶ id      uid, or else cookie:duid, tnuid, nuid, network user, sid ──▶ customer
 *     cookie:duid beside uid ──▶ previous      aid ──▶ source      p ──▶ channel      ttm, dtm ──▶ time
 */
import { AppError } from '../../std/errors.ts';
import { numberOf, objectOf, readJson, textOf, writeJson } from './json.ts';
import type { WireItem } from './store.ts';

type Members = Readonly<Record<string, unknown>>;
export type Payload = Readonly<Record<string, string>>;

export interface Sender {
  readonly nowMs: number;
  /** Who it is by the cookie of this server; undefined when anonymity is asked for. */
  readonly networkUser: string | undefined;
  /** The app id is the key, and stays out of the tape. */
  readonly isAppKey: boolean;
}

/** A device whose clock is further off than that when it sends is corrected. */
const clockOffMsMax = 60_000;

/** In the envelope, decoded, or said of the request and not of the event. */
const placed = new Set(['eid', 'e', 'stm', 'ue_pr', 'ue_px', 'co', 'cx', 'uid', 'duid', 'aid']);

const channels = new Map([
  ['mob', 'mobile'],
  ['srv', 'server'],
  ['pc', 'desktop'],
  ['cnsl', 'console'],
]);

/** What the parameters of each kind of event are called in `data`; the values of those in `#` are numbers. */
const kinds = new Map<string, { readonly type: string; readonly names: Payload }>([
  ['pv', { type: 'page_view', names: { url: 'url', page: 'title', refr: 'referrer' } }],
  [
    'pp',
    {
      type: 'page_ping',
      names: {
        ...{ url: 'url', page: 'title', refr: 'referrer' },
        ...{ pp_mix: '#xMin', pp_max: '#xMax', pp_miy: '#yMin', pp_may: '#yMax' },
      },
    },
  ],
  [
    'se',
    {
      type: 'event',
      names: {
        ...{ se_ca: 'category', se_ac: 'action', se_la: 'label', se_pr: 'property' },
        se_va: '#value',
      },
    },
  ],
  [
    'tr',
    {
      type: 'transaction',
      names: {
        ...{ tr_id: 'order', tr_af: 'affiliation', tr_tt: '#total', tr_tx: '#tax' },
        ...{
          tr_sh: '#shipping',
          tr_ci: 'city',
          tr_st: 'state',
          tr_co: 'country',
          tr_cu: 'currency',
        },
      },
    },
  ],
  [
    'ti',
    {
      type: 'transaction_item',
      names: {
        ...{ ti_id: 'order', ti_sk: 'sku', ti_nm: 'name', ti_ca: 'category' },
        ...{ ti_pr: '#price', ti_qu: '#quantity', ti_cu: 'currency' },
      },
    },
  ],
]);

/** The payloads of a tp2 body. @throws AppError malformed. */
export function payloadsOf(body: Uint8Array): readonly unknown[] {
  const list = objectOf(readJson(body))?.['data'];
  if (Array.isArray(list)) return list;
  throw new AppError('malformed', 'the body must be a payload_data object with a list as data');
}

/** A payload, its values as text: those that are no scalars as their JSON; undefined when it is none. */
function payloadOf(value: unknown): Payload | undefined {
  const object = objectOf(value);
  if (object === undefined) return undefined;
  const entries = Object.entries(object).filter(([, each]) => each !== null && each !== undefined);
  return Object.fromEntries(
    entries.map(([name, each]) => [name, typeof each === 'string' ? each : writeJson(each)]),
  );
}

/** One member of what may be a payload, if it is a scalar. */
export function memberOf(value: unknown, name: string): string | undefined {
  const object = objectOf(value);
  if (object === undefined || !Object.hasOwn(object, name)) return undefined;
  const member = object[name];
  return numberOf(member) === undefined ? textOf(member) : String(member);
}

/** @throws RangeError for a value that is nested too deep. */
export function snowplowItem(value: unknown, sender: Sender): WireItem {
  const payload = payloadOf(value);
  if (payload === undefined) return refused(undefined, 'a payload must be an object');
  let said: Said;
  let contexts: unknown;
  try {
    said = saidOf(payload);
    contexts = decoded(payload, 'co', 'cx');
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return refused(payload, error.message);
  }
  const { aid, duid, eid, nuid, p = '', sid, tnuid, uid } = payload;
  const rest = Object.entries(payload).filter(
    ([name]) => !placed.has(name) && !said.used.has(name),
  );
  const list = objectOf(contexts)?.['data'];
  const sp = {
    ...Object.fromEntries(rest),
    ...(said.schema !== undefined && { schema: said.schema }),
    ...(list !== undefined && { contexts: list }),
    ...(uid !== undefined && duid !== undefined && { duid }),
  };
  const isFree = !Object.hasOwn(said.data, 'sp');
  // Of a browser, and it says so: a bare text could be a customer's name, which a page may not link.
  const browser = firstOf(duid) === undefined ? undefined : `cookie:${duid}`;
  return {
    id: eid,
    customer: firstOf(uid, browser, tnuid, nuid, sender.networkUser, sid),
    previous: firstOf(uid) !== undefined ? browser : undefined,
    type: said.type,
    time: timeOf(payload, sender.nowMs),
    channel: firstOf(channels.get(p) ?? p),
    source: sender.isAppKey ? undefined : firstOf(aid),
    data: isFree ? { ...said.data, sp } : { value: said.data, sp },
  };
}

interface Said {
  readonly type: string;
  readonly data: Members;
  readonly used: ReadonlySet<string>;
  readonly schema?: string | undefined;
}

/** What the event itself says. @throws AppError invalid. */
function saidOf(payload: Payload): Said {
  if (payload['e'] === 'ue') return selfDescribed(decoded(payload, 'ue_pr', 'ue_px'));
  const kind = kinds.get(payload['e'] ?? '');
  if (kind === undefined) throw new AppError('invalid', 'e must be pv, pp, se, ue, tr or ti');
  const data: Record<string, unknown> = {};
  const used = new Set<string>();
  for (const [parameter, name] of Object.entries(kind.names)) {
    const text = payload[parameter];
    if (text === undefined) continue;
    used.add(parameter);
    if (name.startsWith('#')) data[name.slice(1)] = numberIn(text);
    else data[name] = text;
  }
  // The action of a structured event says what happened; that it is one, nothing.
  const action = payload['e'] === 'se' ? firstOf(payload['se_ac']) : undefined;
  return { type: action ?? kind.type, data, used };
}

/** `{schema: …unstruct_event…, data: {schema: "iglu:vendor/name/…", data}}`. */
function selfDescribed(value: unknown): Said {
  const inner = objectOf(objectOf(value)?.['data']);
  const schema = textOf(inner?.['schema']);
  const type = schema === undefined ? undefined : /^iglu:[^/]+\/([^/]+)\//.exec(schema)?.[1];
  if (type === undefined) throw new AppError('invalid', 'ue_pr must be a self-describing event');
  const data = objectOf(inner?.['data']) ?? { value: inner?.['data'] };
  return { type, data, used: new Set(), schema };
}

/** A parameter in JSON, plain or base64url. @throws AppError invalid. */
function decoded(payload: Payload, plain: string, encoded: string): unknown {
  const name = payload[plain] === undefined ? encoded : plain;
  const text = payload[name];
  if (text === undefined) return undefined;
  try {
    return readJson(name === plain ? text : Buffer.from(text, 'base64url'));
  } catch {
    throw new AppError('invalid', `${name} is not JSON`);
  }
}

/** The true time, or that of the device, moved when its clock is plainly wrong. */
function timeOf({ dtm, stm, ttm }: Payload, nowMs: number): number | string | undefined {
  if (ttm !== undefined) return msOf(ttm);
  if (dtm === undefined) return undefined;
  const time = msOf(dtm);
  const sent = stm === undefined ? undefined : msOf(stm);
  if (typeof time !== 'number' || typeof sent !== 'number') return time;
  return Math.abs(nowMs - sent) > clockOffMsMax ? Math.max(0, time + nowMs - sent) : time;
}

/** What is no number stays as it is, and is refused. */
function msOf(text: string): number | string {
  return /^\d{1,15}$/.test(text) ? Number(text) : text;
}

function numberIn(text: string): number | string {
  const number = Number(text);
  return text.trim() !== '' && Number.isFinite(number) ? number : text;
}

function firstOf(...texts: readonly (string | undefined)[]): string | undefined {
  return texts.find((text) => text !== undefined && text !== '');
}

function refused(payload: Payload | undefined, message: string): WireItem {
  return { id: payload?.['eid'], refused: { code: 'invalid', message } };
}
