/**
 * Cross-origin rules. Ingest is open to any page (its keys are meant for pages, and no cookie is
 * involved); every other route only to origins listed in the settings, compared exactly.
 */
import type { Front } from './context.ts';
import type { Head } from './head.ts';
import { emptyReply, type Headers, type Reply, withHeaders } from './reply.ts';

export type Cors = 'any' | 'listed';

const anyOrigin: Headers = [
  ['Access-Control-Allow-Origin', '*'],
  ['Access-Control-Expose-Headers', 'Retry-After'],
];
const none: Headers = [];
const varyOnly: Headers = [['Vary', 'Origin']];
const preflightSecondsMax = '86400';

/** The headers that let (or by their absence do not let) the page read the reply. */
export function corsHeaders(cors: Cors, head: Head, front: Pick<Front, 'corsOrigins'>): Headers {
  if (cors === 'any') return head.origin === '' ? none : anyOrigin;
  if (front.corsOrigins.length === 0) return none;
  if (head.origin === '' || !front.corsOrigins.includes(head.origin)) return varyOnly;
  return [
    ['Access-Control-Allow-Origin', head.origin],
    ['Access-Control-Expose-Headers', 'Retry-After'],
    ...varyOnly,
  ];
}

/** The reply to OPTIONS on a known path: a preflight's, or just the methods. */
export function optionsReply(
  cors: Cors,
  head: Head,
  front: Pick<Front, 'corsOrigins'>,
  methods: readonly string[],
): Reply {
  const list = [...methods, 'OPTIONS'].join(', ');
  const headers = corsHeaders(cors, head, front);
  const allowed = headers.some(([name]) => name === 'Access-Control-Allow-Origin');
  const reply = withHeaders(emptyReply, [['Allow', list], ...headers]);
  if (!allowed) return reply;
  return withHeaders(reply, [
    ['Access-Control-Allow-Methods', list],
    [
      'Access-Control-Allow-Headers',
      'Authorization, Content-Type, Content-Encoding, Last-Event-ID',
    ],
    ['Access-Control-Max-Age', preflightSecondsMax],
  ]);
}
