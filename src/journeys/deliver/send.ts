/**
 * One request to a webhook: no redirect followed, an end to everything. The connection goes to the
 * addresses of the target and nowhere else; the certificate is that of the host in the URL.
 */
import {
  type ClientRequest,
  type IncomingMessage,
  Agent as PlainAgent,
  request as plain,
} from 'node:http';
import { Agent as SecureAgent, request as secure } from 'node:https';
import type { LookupFunction } from 'node:net';
import type { Clock } from '../../std/clock.ts';
import type { WebhookMethod } from '../../workspaces/webhook.ts';
import type { Target } from './guard.ts';
import type { Answer } from './schedule.ts';

/** From the first byte of a connection to the last of an answer. */
export const attemptMsMax = 20_000;
/** Of an answer is read at most so much; what is more cuts the connection, and changes nothing. */
const answerBytesMax = 64 * 1024;
/** Of an answer that is no success, what is kept for people. */
export const excerptCharactersMax = 256;
/** A connection that nobody uses is kept for the next message. */
const idleMs = 15_000;
const idleMax = 64;
const cut = 'the connection was cut';
const userAgent = 'Tapeline-Webhooks/1';
const timeUp = 'the time is up';

export interface SenderParts {
  readonly clock: Clock;
  /** Absent: `attemptMsMax`. */
  readonly timeoutMs?: number;
  /** Certificates to trust instead of the usual ones. */
  readonly ca?: string;
}

export interface Posted {
  /** `GET` has no body. */
  readonly method: WebhookMethod;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export class Sender {
  readonly #parts: SenderParts;
  readonly #agents: { readonly plain: PlainAgent; readonly secure: SecureAgent };
  readonly #open = new Set<ClientRequest>();
  #closed = false;

  constructor(parts: SenderParts) {
    this.#parts = parts;
    const options = { keepAlive: true, maxFreeSockets: idleMax, timeout: idleMs };
    const { ca } = parts;
    this.#agents = {
      plain: new PlainAgent(options),
      secure: new SecureAgent({ ...options, ...(ca !== undefined && { ca }) }),
    };
  }

  /** Never rejects. */
  async post(target: Target, posted: Posted): Promise<Answer> {
    const once = await this.#try(target, posted);
    if (once !== 'stale') return once;
    // Its connection was idle, and most likely closed before it was read there.
    const again = this.#closed ? 'stale' : await this.#try(target, posted);
    return again === 'stale' ? { failure: cut } : again;
  }

  /** Cuts what is under way: those answers are failures. */
  close(): void {
    this.#closed = true;
    for (const request of this.#open) request.destroy();
    this.#agents.plain.destroy();
    this.#agents.secure.destroy();
  }

  async #try(target: Target, posted: Posted): Promise<Answer | 'stale'> {
    try {
      return await this.#answer(this.#request(target, posted), posted);
    } catch (error) {
      // What cannot stand in a head (a header of an action of CJDS, say) never will.
      return { failure: `the request cannot be made (${codeOf(error)})`, final: true };
    }
  }

  #answer(request: ClientRequest, { body, method }: Posted): Promise<Answer | 'stale'> {
    const { clock, timeoutMs = attemptMsMax } = this.#parts;
    this.#open.add(request);
    return new Promise((resolve) => {
      let status: number | undefined;
      const settle = (answer: Answer | 'stale'): void => {
        cancel();
        this.#open.delete(request);
        resolve(answer);
      };
      const cancel = clock.after(timeoutMs, () => {
        request.destroy(new Error(timeUp));
      });
      request.on('response', (response) => {
        status = response.statusCode;
        void read(response).then(settle);
      });
      request.on('error', (error: NodeJS.ErrnoException) => {
        // What came before counts: `read` ends with it.
        if (status === undefined) settle(failureOf(error, request.reusedSocket));
      });
      request.end(method === 'GET' ? undefined : body);
    });
  }

  /** @throws TypeError when there is something in it that HTTP cannot say. */
  #request({ addresses, url }: Target, { body, headers, method }: Posted): ClientRequest {
    const lookup: LookupFunction = (_host, options, callback) => {
      const { address, family } = addresses[0]!;
      if (options.all === true) callback(null, [...addresses]);
      else callback(null, address, family);
    };
    const content = {
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(body)),
    };
    const options = {
      method,
      headers: { ...(method !== 'GET' && content), 'user-agent': userAgent, ...headers },
      lookup,
    };
    return url.protocol === 'https:'
      ? secure(url, { ...options, agent: this.#agents.secure })
      : plain(url, { ...options, agent: this.#agents.plain });
  }
}

/** Reads so much of a body that the connection can be used again, if it is not too much. */
function read(response: IncomingMessage): Promise<Answer> {
  const { headers, statusCode = 0 } = response;
  let excerpt = '';
  let bytes = 0;
  return new Promise((resolve) => {
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (excerpt.length < excerptCharactersMax) excerpt += chunk.toString('utf8');
      if (bytes > answerBytesMax) response.destroy();
    });
    response.on('error', () => undefined);
    response.on('close', () => {
      const retryAfter = headers['retry-after'];
      const seen = plainText(excerpt);
      resolve({
        status: statusCode,
        ...(retryAfter !== undefined && { retryAfter }),
        ...(seen !== '' && { excerpt: seen }),
      });
    });
  });
}

function plainText(text: string): string {
  return text
    .slice(0, excerptCharactersMax)
    .replace(/[\p{Control}\p{Surrogate}]+/gu, ' ')
    .trim();
}

/** Without what an error of a connection tells of addresses. */
function failureOf(
  { code = '', message }: NodeJS.ErrnoException,
  isReused: boolean,
): Answer | 'stale' {
  if (message === timeUp) return { failure: 'no answer in time' };
  if (code === 'ECONNREFUSED') return { failure: 'the connection was refused' };
  if (code === 'ECONNRESET' || code === 'EPIPE') return isReused ? 'stale' : { failure: cut };
  if (/CERT|^ERR_TLS|SELF_SIGNED|UNABLE_TO/.test(code)) {
    return { failure: `the certificate is not good (${code})` };
  }
  return { failure: `no answer (${code === '' ? 'the connection failed' : code})` };
}

function codeOf(error: unknown): string {
  return (error as { code?: string }).code ?? 'unknown';
}
