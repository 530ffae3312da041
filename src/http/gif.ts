/** The smallest picture there is: what doors for pages and mails answer with, whatever happened. */
import type { Front } from './context.ts';
import { errorReply, type Headers, type Reply, withHeaders } from './reply.ts';

/** One transparent pixel, 43 bytes. */
const pixel = Buffer.from('R0lGODlhAQABAPAAAP///wAAACH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==', 'base64');

/** Proxies of mail programs and browsers must ask every time. */
const cache = 'no-store, no-cache, must-revalidate, private, max-age=0';

export function gifReply(status: number, headers: Headers = []): Reply {
  return { status, body: pixel, type: 'image/gif', cache, headers };
}

/** Refusals show no broken picture; the status and a header say what is wrong. */
export function gifRefusal(error: unknown, front: Front): Reply {
  const reply = errorReply(error, front.log);
  const { error: told } = JSON.parse(String(reply.body)) as { error: { code: string } };
  return withHeaders(gifReply(reply.status, reply.headers), [['X-Tapeline-Error', told.code]]);
}
