/**
 * Who is asking, and may they? The workspace comes from the credential alone, never from the body
 * or the path. Synchronous, because a WebSocket must be refused within its upgrade callback.
 */
import { AppError } from '../std/errors.ts';
import type { Credential, Scope } from '../workspaces/types.ts';
import type { Front } from './context.ts';
import type { Head } from './head.ts';
import { Query } from './query.ts';

export interface AuthOptions {
  /** Accept `?key=` when there is no Authorization header (WebSocket, SSE, beacons). */
  readonly keyInQuery?: boolean;
  /** Where else clients of other products put it. */
  readonly places?: KeyPlaces;
  /** Serve keys narrowed to some views; the handler then checks which. */
  readonly narrowed?: boolean;
  /** A key of scope `publish`, which stands in web pages for everybody to read, is not enough to write. */
  readonly secret?: boolean;
}

/** Where a key may stand besides `Authorization: Bearer`. The header wins, then the query, then the body. */
export interface KeyPlaces {
  /** As the user name of Basic, with or without the colon after it; the password is not looked at. */
  readonly basic?: boolean;
  /** Under these names in the query, besides `key`. */
  readonly query?: readonly string[];
  /** Inside the body, where the handler finds it. */
  readonly body?: boolean;
}

const plainBearer = 'Bearer ';

/** `any` is satisfied by every valid credential. */
export type Demand = Scope | 'any';

/**
 * Finds the credential of a request and checks that it holds `demand`.
 * @throws AppError unauthorized (no credential, or not a valid one), forbidden (lacks the scope).
 */
export function authenticate(
  front: Pick<Front, 'directory' | 'clock'>,
  head: Head,
  demand: Demand,
  options: AuthOptions = {},
): Credential {
  return authenticateKey(front, presentedKey(head, options), demand, options);
}

/** The same, for a key that was found elsewhere. */
export function authenticateKey(
  front: Pick<Front, 'directory' | 'clock'>,
  key: string | undefined,
  demand: Demand,
  options: AuthOptions = {},
): Credential {
  if (key === undefined) {
    const where = options.keyInQuery === true ? ' or ?key=' : '';
    throw new AppError('unauthorized', `send a key as Authorization: Bearer <key>${where}`);
  }
  const credential = front.directory.authenticate(key, front.clock.now());
  if (credential === undefined) {
    throw new AppError('unauthorized', 'the key is not known, or its token has expired');
  }
  if (!holds(credential, demand, options.secret === true)) {
    throw new AppError('forbidden', `this key does not have the scope ${demand}`);
  }
  const reads = demand !== 'any' && demand !== 'write';
  const isNarrow = credential.views !== undefined || credential.role !== undefined;
  if (isNarrow && reads && options.narrowed !== true) {
    throw new AppError('forbidden', 'this key may read its views and nothing else');
  }
  return credential;
}

/** The visitor whose token is presented, in the header. @throws AppError unauthorized. */
export function authenticateVisitor(
  front: Pick<Front, 'directory' | 'clock'>,
  head: Head,
): Credential {
  const token = presentedKey(head, {});
  const credential =
    token === undefined ? undefined : front.directory.authenticateVisitor(token, front.clock.now());
  if (credential !== undefined) return credential;
  throw new AppError(
    'unauthorized',
    'send a token of POST /v1/visitors as Authorization: Bearer <token>; this one is none, or expired',
  );
}

/** Whether a narrowed or full credential may read the view `name`. */
export function mayReadView(credential: Credential, name: string): boolean {
  return credential.views === undefined || credential.views.includes(name);
}

/** Whether what a credential sends may link any two identities: a `publish` key alone may not. */
export function mayLink({ scopes }: Credential): boolean {
  return scopes.has('write') || scopes.has('admin');
}

/** The key as sent; undefined when there is none. A header always wins over the query. */
export function presentedKey(head: Head, options: AuthOptions): string | undefined {
  const { keyInQuery, places } = options;
  if (head.authorization !== '') {
    const basic = places?.basic === true ? basicUserOf(head.authorization) : undefined;
    return basic ?? bearerOf(head.authorization);
  }
  if (keyInQuery !== true || head.query === '') return undefined;
  const names = places?.query;
  if (names === undefined && !head.query.includes('key=')) return undefined;
  const query = new Query(head.query);
  for (const name of ['key', ...(names ?? [])]) {
    const key = query.one(name);
    if (key !== undefined && key !== '') return key;
  }
  return undefined;
}

/** The user name of Basic; undefined when it is another scheme, or nothing. */
function basicUserOf(authorization: string): string | undefined {
  const encoded = /^basic +([\w+/=-]+) *$/i.exec(authorization)?.[1];
  if (encoded === undefined) return undefined;
  const [user] = Buffer.from(encoded, 'base64').toString('utf8').split(':', 1);
  return user === '' ? undefined : user;
}

function bearerOf(authorization: string): string | undefined {
  // As nearly everybody writes it: found without a pattern.
  const isPlain = authorization.startsWith(plainBearer);
  if (isPlain && authorization.indexOf(' ', plainBearer.length) === -1) {
    return authorization.length === plainBearer.length
      ? undefined
      : authorization.slice(plainBearer.length);
  }
  return /^bearer +([^\s]+) *$/i.exec(authorization)?.[1];
}

/** Only who speaks for this agent, or for everybody. @throws AppError forbidden. */
export function checkAgent(credential: Credential, id: string): void {
  if (credential.agent === undefined || credential.agent === id) return;
  throw new AppError('forbidden', 'this key speaks for another agent');
}

/** `admin` implies reading, writing, deciding and answering for agents; `publish` is a way to write; `server` implies nothing. */
function holds(credential: Credential, demand: Demand, isSecret: boolean): boolean {
  const scopes = credential.scopes;
  switch (demand) {
    case 'any':
      return true;
    case 'write':
      if (scopes.has('write') || scopes.has('admin')) return true;
      return scopes.has('publish') && !isSecret;
    case 'read':
    case 'decide':
    case 'agent':
      return scopes.has(demand) || scopes.has('admin');
    default:
      return scopes.has(demand);
  }
}
