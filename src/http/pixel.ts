/** `GET /pixel.gif`: a picture for e-mails and pages without scripts; to look at it is an event. */
import { pixelEvent } from '../ingest/wire/pixel.ts';
import { gifRefusal, gifReply } from './gif.ts';
import type { Door } from './wire.ts';

export const pixelDoor: Door = {
  method: 'get',
  path: '/pixel.gif',
  query: 'any',
  keys: {},
  cors: 'echo',
  read({ nowMs, query }) {
    const address = new Map(query.firsts());
    // A key is never stored.
    address.delete('key');
    return { items: () => [pixelEvent(address, nowMs)] };
  },
  answer({ rejected }) {
    const [refused] = rejected;
    if (refused === undefined) return gifReply(200);
    return gifReply(422, [['X-Tapeline-Error', refused.code]]);
  },
  refusal: gifRefusal,
};
