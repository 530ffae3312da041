/**
 * The wrapper around every handler. In this order, all within the uWS callback: abort handler, head,
 * credential, path and query, body; then the handler; then one reply, whatever happens.
 */
import type { HttpRequest, HttpResponse, TemplatedApp } from 'uWebSockets.js';
import { assert } from '../std/assert.ts';
import { AppError } from '../std/errors.ts';
import { pieceBytesMax } from '../streams/pieces.ts';
import type { Credential } from '../workspaces/types.ts';
import {
  type AuthOptions,
  authenticate,
  authenticateVisitor,
  type Demand,
  type KeyPlaces,
  presentedKey,
} from './auth.ts';
import { type BodyRules, mustClose, parseJson, receiveBody, swallowBody } from './body.ts';
import type { Front } from './context.ts';
import { type Cors, corsHeaders } from './cors.ts';
import { Exchange } from './exchange.ts';
import { type Head, readHeaders } from './head.ts';
import { decodePercent, Query } from './query.ts';
import { errorReply, type Reply, withHeaders, writeReply } from './reply.ts';
import type { Traffic } from './traffic.ts';

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';

export interface Route {
  readonly method: Method;
  /** As in OpenAPI: `/v1/customers/{customer}/tape`. */
  readonly path: string;
  /** Other paths with the same parameters at which it is served. */
  readonly also?: readonly string[];
  /** `none` needs no credential, `visitor` the token of a browser. */
  readonly scope: Demand | 'none' | 'visitor';
  /** Names of the query parameters it knows, `key` aside; others are refused, unless it takes `any`. */
  readonly query: readonly string[] | 'any';
  /** Set when the route takes a body, which is then read before the handler is called. */
  readonly bodyBytesMax?: number;
  /** The handler is done with the body's bytes when it returns: they need not be copied for it. */
  readonly borrowsBody?: boolean;
  readonly keyInQuery?: boolean;
  /** Where else the key may stand. If that is the body, the handler is called without a credential. */
  readonly keyPlaces?: KeyPlaces;
  readonly narrowed?: boolean;
  /** Keys of scope `publish` are refused: the answer tells what only the owner should know. */
  readonly secret?: boolean;
  /** The handler gets every header, not only those of `Head`. */
  readonly wantsHeaders?: boolean;
  /** `listed` when absent. */
  readonly cors?: Cors;
  /** The reply to a refusal, for clients that expect another shape than `errorReply` gives. */
  readonly refusal?: (error: unknown, front: Front) => Reply;
  /**
   * May throw AppError; anything else thrown is a bug and answered as `internal`. One that returns
   * undefined calls `request.answer` or `refuse` later: cheaper than a promise where every microsecond counts.
   */
  handle(request: RouteRequest, front: Front): Reply | Promise<Reply> | undefined;
}

/** The credential of a request that has none, or none yet. */
export const nobody: Credential = { workspace: 0, keyId: '', scopes: new Set(), views: undefined };
const noParams: ReadonlyMap<string, string> = new Map();
const noQuery = new Query('');
const noBytes = new Uint8Array(0);
const noHeaders: ReadonlyMap<string, string> = new Map();

/**
 * What a handler gets. Everything in it is decoded and owned and may be kept across awaits; the body
 * aside where the route `borrowsBody`: it is gone when the handler returns.
 */
export class RouteRequest {
  readonly head: Head;
  readonly query: Query;
  /** For routes with scope `none`: `nobody`, of workspace 0. */
  readonly credential: Credential;
  /** By their names in lower case, if the route wants them or it is a CloudEvent; otherwise empty. */
  headers: ReadonlyMap<string, string> = noHeaders;
  body: Uint8Array = noBytes;
  readonly #params: ReadonlyMap<string, string>;
  readonly #bound: Bound;
  readonly #exchange: Exchange;

  constructor(
    bound: Bound,
    exchange: Exchange,
    parts: { params: ReadonlyMap<string, string>; query: Query; credential: Credential },
  ) {
    this.#bound = bound;
    this.#exchange = exchange;
    this.head = exchange.head;
    this.#params = parts.params;
    this.query = parts.query;
    this.credential = parts.credential;
  }

  /** Answers, once, for a handler that returned undefined; or `refuse` does. */
  answer(reply: Reply): void {
    answer(this.#bound, this.#exchange, reply);
  }

  refuse(error: unknown): void {
    refuse(this.#bound, this.#exchange, error);
  }

  /** A path parameter, percent-decoded. */
  param(name: string): string {
    const value = this.#params.get(name);
    assert(value !== undefined, `the route has no parameter ${name}`);
    return value;
  }

  /**
   * The body as JSON, of any content type when it `isJson`.
   * @throws AppError unsupported_media_type, malformed.
   */
  json(isJson = false): unknown {
    return parseJson(this.body, isJson ? 'application/json' : this.head.contentType);
  }

  /** The address at the other end of the connection: the client's, or that of a proxy before us. */
  address(): string {
    return Buffer.from(this.#exchange.res.getRemoteAddressAsText()).toString('latin1');
  }
}

interface Bound {
  readonly route: Route;
  readonly names: readonly string[];
  readonly known: readonly string[] | undefined;
  readonly auth: AuthOptions;
  readonly rules: BodyRules;
  readonly front: Front;
  readonly traffic: Traffic;
}

/** Registers a route; GET is answered to HEAD as well, without the body. */
export function route(app: TemplatedApp, front: Front, traffic: Traffic, spec: Route): void {
  const bound: Bound = {
    route: spec,
    names: [...spec.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!),
    known: knownNames(spec),
    auth: {
      keyInQuery: spec.keyInQuery === true,
      narrowed: spec.narrowed === true,
      secret: spec.secret === true,
      ...(spec.keyPlaces !== undefined && { places: spec.keyPlaces }),
    },
    rules: { borrows: spec.borrowsBody === true, bytesMax: spec.bodyBytesMax ?? 0 },
    front,
    traffic,
  };
  const pattern = uwsPattern(spec.path);
  const serve = (res: HttpResponse, req: HttpRequest): void => serveRoute(bound, res, req);
  switch (spec.method) {
    case 'get':
      app.get(pattern, serve);
      app.head(pattern, serve);
      break;
    case 'post':
      app.post(pattern, serve);
      break;
    case 'put':
      app.put(pattern, serve);
      break;
    case 'patch':
      app.patch(pattern, serve);
      break;
    case 'delete':
      app.del(pattern, serve);
      break;
  }
}

/** The query parameters that are known; undefined when all are taken. */
function knownNames({ keyInQuery, keyPlaces, query }: Route): readonly string[] | undefined {
  if (query === 'any') return undefined;
  return keyInQuery === true ? [...query, 'key', ...(keyPlaces?.query ?? [])] : query;
}

/** `/v1/views/{name}` as uWS writes it: `/v1/views/:name`. */
export function uwsPattern(path: string): string {
  return path.replace(/\{(\w+)\}/g, ':$1');
}

function serveRoute(bound: Bound, res: HttpResponse, req: HttpRequest): void {
  const exchange = new Exchange(bound.front, res, req);
  const { bodyBytesMax } = bound.route;
  let request: RouteRequest;
  try {
    request = openRequest(bound, exchange, req);
  } catch (error) {
    if (bodyBytesMax === undefined) refuse(bound, exchange, error);
    else swallowBody(exchange, () => refuse(bound, exchange, error));
    return;
  }
  if (bodyBytesMax === undefined) {
    bound.traffic.follow(exchange);
    run(bound, exchange, request);
    return;
  }
  bound.traffic.followUpload(exchange);
  receiveBody(exchange, bound.traffic, bound.rules, (body) => {
    if (body instanceof AppError) {
      refuse(bound, exchange, body);
      return;
    }
    request.body = body;
    bound.traffic.follow(exchange);
    run(bound, exchange, request);
  });
}

function openRequest(bound: Bound, exchange: Exchange, req: HttpRequest): RouteRequest {
  const { head } = exchange;
  if (head.fault !== undefined) throw new AppError('malformed', head.fault);
  const credential = credentialOf(bound, head);
  exchange.workspace = credential.workspace;
  const params = bound.names.length === 0 ? noParams : paramsOf(bound, req);
  const query = head.query === '' ? noQuery : new Query(head.query);
  if (bound.known !== undefined) query.checkNames(bound.known);
  const request = new RouteRequest(bound, exchange, { params, query, credential });
  if (bound.route.wantsHeaders === true || head.isCloudEvent) request.headers = readHeaders(req);
  return request;
}

function credentialOf({ auth, front, route: spec }: Bound, head: Head): Credential {
  if (spec.scope === 'none') return nobody;
  if (spec.scope === 'visitor') return authenticateVisitor(front, head);
  // A header that is no good is refused: what a body says never overrides it.
  const mayWait = auth.places?.body === true && head.authorization === '';
  const isLater = mayWait && presentedKey(head, auth) === undefined;
  return isLater ? nobody : authenticate(front, head, spec.scope, auth);
}

function paramsOf({ names }: Bound, req: HttpRequest): ReadonlyMap<string, string> {
  const params = new Map<string, string>();
  for (const [index, name] of names.entries()) {
    params.set(name, decodePercent(req.getParameter(index) ?? '', `{${name}} in the path`));
  }
  return params;
}

function run(bound: Bound, exchange: Exchange, request: RouteRequest): void {
  let result: Reply | Promise<Reply> | undefined;
  try {
    result = bound.route.handle(request, bound.front);
  } catch (error) {
    refuse(bound, exchange, error);
    return;
  }
  if (result === undefined) return;
  if (!(result instanceof Promise)) {
    answer(bound, exchange, result);
    return;
  }
  result.then(
    (reply) => answer(bound, exchange, reply),
    (error: unknown) => refuse(bound, exchange, error),
  );
}

function answer({ route: spec, front, traffic }: Bound, exchange: Exchange, reply: Reply): void {
  const headers = corsHeaders(spec.cors ?? 'listed', exchange.head, front);
  const isOpen = !exchange.aborted && !exchange.answered;
  const isLarge = isOpen && reply.body.length > pieceBytesMax;
  if (isLarge && !traffic.reserveReply(exchange, reply.body.length)) {
    const error = new AppError('overloaded', 'too many replies are being sent; ask again');
    writeReply(exchange, withHeaders(errorReply(error, front.log), headers));
  } else writeReply(exchange, withHeaders(reply, headers));
}

function refuse(bound: Bound, exchange: Exchange, error: unknown): void {
  const { front, route: spec } = bound;
  const reply = spec.refusal?.(error, front) ?? errorReply(error, front.log);
  // What follows a faulty head, or a huge body nobody wants, cannot be read as a next request.
  const close = exchange.head.fault !== undefined || mustClose(exchange);
  answer(bound, exchange, close ? { ...reply, close } : reply);
}
