/**
 * Doors for clients of other products: what a route of theirs must say (`Door`), and the route made of
 * it. A door translates; credentials, compression, load, quotas and receipts are the same for all.
 *
 *     head ─ key ─▶ body ─ inflate ─▶ door.read ─▶ key, quota ─▶ items() ─ storeEvents ─▶ receipt ─ door.answer ─▶ reply
 */
import { batchBytesMax } from '../event/envelope.ts';
import type { Ingest } from '../ingest/ingest.ts';
import type { Receipt } from '../ingest/receipt.ts';
import {
  doorItemsMax,
  isIncomplete,
  type StorableItem,
  storeEvents,
} from '../ingest/wire/store.ts';
import { AppError } from '../std/errors.ts';
import type { Credential } from '../workspaces/types.ts';
import { authenticateKey, type KeyPlaces, mayLink } from './auth.ts';
import type { Front } from './context.ts';
import type { Cors } from './cors.ts';
import type { Head } from './head.ts';
import { checkQuota, checkServing, inflate, isPlain, notStored } from './ingest.ts';
import type { Query } from './query.ts';
import { type Headers, type Reply, withHeaders } from './reply.ts';
import { asFirstSent } from './resend.ts';
import { type Method, nobody, type Route, type RouteRequest } from './route.ts';

/** A body whose key stands inside it is read before it is known whose it is: so much of it, inflated. */
export const keylessBytesMax = 1024 * 1024;

/** What a door translates; all of it is decoded and its own. */
export interface WireRequest {
  readonly head: Head;
  readonly query: Query;
  /** By their names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** Inflated. */
  readonly body: Uint8Array;
  /** Who asks; undefined when the key is still to be found in the body. */
  readonly credential: Credential | undefined;
  readonly nowMs: number;
  param(name: string): string;
  /** Where the request came from; empty unless the door wants it. */
  readonly address: string;
}

export interface WireBatch {
  /** Called once it is known whose they are and that they may send; what costs is done there. */
  items(): readonly StorableItem[];
  /** The key that was found in the body; looked at only when the head had none. */
  readonly key?: string | undefined;
  /** For the reply, when everything went well. */
  readonly headers?: Headers;
}

export interface Door {
  readonly method: Method;
  readonly path: string;
  /** Other paths at which it is served. */
  readonly also?: readonly string[];
  /** Besides `key` and those of `keys`; `any` for clients that send what they like. */
  readonly query: readonly string[] | 'any';
  /** Where the key may stand, besides a Bearer header and `?key=`. */
  readonly keys: KeyPlaces;
  readonly cors: Cors;
  /** Before decompression; absent for a route without a body. */
  readonly bodyBytesMax?: number;
  readonly wantsAddress?: boolean;
  /** @throws AppError for a body that cannot be read as a whole. */
  read(request: WireRequest): WireBatch;
  /** Everything accepted is durable, and nothing is left that is worth sending again. */
  answer(receipt: Receipt, request: WireRequest): Reply;
  /** A refusal in the shape that the clients understand; that of `/v1/events` when absent. */
  refusal?(error: unknown, front: Front): Reply;
}

/** The route of a door, on the front's own `ingest`; undefined while the front is not ready. */
export function wireRoute(door: Door, ingest: () => Ingest | undefined): Route {
  return {
    method: door.method,
    path: door.path,
    ...(door.also !== undefined && { also: door.also }),
    scope: 'write',
    query: door.query,
    ...(door.bodyBytesMax !== undefined && { bodyBytesMax: door.bodyBytesMax }),
    keyInQuery: true,
    keyPlaces: door.keys,
    wantsHeaders: true,
    cors: door.cors,
    ...(door.refusal !== undefined && { refusal: door.refusal }),
    handle: (request, front) => acceptWire(door, request, front, ingest()),
  };
}

/**
 * Serves one request of a door, also on another's route; replies when what it accepted is durable.
 *
 * @throws AppError as `door.read` and `storeEvents` do, `unauthorized`, `forbidden`, `too_large` or
 *   `unavailable`. Sending again is safe after each, for events with ids.
 */
export async function acceptWire(
  door: Pick<Door, 'read' | 'answer' | 'wantsAddress'>,
  request: RouteRequest,
  front: Front,
  ingest: Ingest | undefined,
): Promise<Reply> {
  checkServing(front, ingest);
  const { head, headers, query } = request;
  const early = request.credential === nobody ? undefined : request.credential;
  if (early !== undefined) checkQuota(front, early);
  // Now: the connection may be gone after the first wait.
  const address = door.wantsAddress === true ? request.address() : '';
  const wire: WireRequest = {
    head,
    headers,
    query,
    body: await plainBody(request, front, ingest),
    credential: early,
    nowMs: front.clock.now(),
    param: (name) => request.param(name),
    address,
  };
  const batch = charged(() => door.read(wire), wire, front);
  const credential = early ?? authenticateKey(front, batch.key, 'write', { keyInQuery: true });
  if (early === undefined) checkQuota(front, credential);
  // HEAD is asked by scanners and changes nothing.
  const items =
    head.method === 'head' ? [] : charged(() => itemsOf(batch), { ...wire, credential }, front);
  const { keyId, workspace } = credential;
  const receipt = await storeEvents(await asFirstSent(items, workspace, front), {
    ingest,
    quotas: front.quotas,
    metrics: front.metrics,
    workspace,
    isTrusted: mayLink(credential),
    limits: front.directory.limits(keyId),
    nowMs: wire.nowMs,
  });
  if (receipt.unavailable || isIncomplete(receipt)) throw notStored(front.metrics);
  return withHeaders(door.answer(receipt, wire), batch.headers ?? []);
}

/** @throws AppError too_large, and as `door.read` does. */
function itemsOf(batch: WireBatch): readonly StorableItem[] {
  const items = batch.items();
  if (items.length <= doorItemsMax) return items;
  throw new AppError('too_large', `a body may have at most ${doorItemsMax} events`);
}

/** What cannot be read costs its sender as much as what can. */
function charged<Read>(read: () => Read, { body, credential }: WireRequest, front: Front): Read {
  try {
    return read();
  } catch (error) {
    front.metrics.add('batches_malformed_total', 1);
    if (credential !== undefined) {
      front.quotas.charge(front.directory.limits(credential.keyId), 0, body.length);
    }
    throw error;
  }
}

/** The body as it was before it was compressed. */
async function plainBody(
  { body, credential, head }: RouteRequest,
  front: Front,
  { budget }: Ingest,
): Promise<Uint8Array> {
  const bytesMax = credential === nobody ? keylessBytesMax : batchBytesMax;
  if (!isPlain(head.contentEncoding)) {
    return inflate(body, { budget, credential, front, bytesMax });
  }
  if (body.length > bytesMax) {
    const message = `a body with the key inside may have at most ${bytesMax} bytes; send the key in a header`;
    throw new AppError('too_large', message);
  }
  return body;
}
