/**
 * Cross-origin rules. Ingest is open to any page (its keys are meant for pages, and no cookie is
 * involved); every other route only to origins listed in the settings, compared exactly.
 */
import type { Front } from './context.ts';
import type { Head } from './head.ts';
import { emptyReply, type Headers, type Reply, withHeaders } from './reply.ts';

/** `echo` is `any` for trackers of other products: they send credentials, and headers of their own. */
export type Cors = 'any' | 'echo' | 'listed';

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
  if (cors === 'echo') return head.origin === '' ? none : echoed(head.origin);
  if (front.corsOrigins.length === 0) return none;
  if (head.origin === '' || !front.corsOrigins.includes(head.origin)) return varyOnly;
  return [
    ['Access-Control-Allow-Origin', head.origin],
    ['Access-Control-Expose-Headers', 'Retry-After'],
    ...varyOnly,
  ];
}

/** Pages may send cookies along; nothing here reads one as a credential. */
function echoed(origin: string): Headers {
  return [
    ['Access-Control-Allow-Origin', origin],
    ['Access-Control-Allow-Credentials', 'true'],
    ['Access-Control-Expose-Headers', 'Retry-After'],
    ...varyOnly,
  ];
}

/** Senders of webhooks ask whether they are welcome before they send: they are, at any rate. */
function webhookHeaders({ webhookOrigin, webhookRate }: Head): Headers {
  if (webhookOrigin === '') return none;
  return [
    ['WebHook-Allowed-Origin', webhookOrigin],
    ['WebHook-Allowed-Rate', webhookRate === '' ? '*' : webhookRate],
  ];
}

const knownHeaders = 'Authorization, Content-Type, Content-Encoding, Last-Event-ID';

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
  const reply = withHeaders(emptyReply, [
    ['Allow', list],
    ...(cors === 'echo' ? webhookHeaders(head) : none),
    ...headers,
  ]);
  if (!allowed) return reply;
  const wanted = cors === 'echo' ? head.wantedHeaders : '';
  return withHeaders(reply, [
    ['Access-Control-Allow-Methods', list],
    ['Access-Control-Allow-Headers', wanted === '' ? knownHeaders : wanted],
    ['Access-Control-Max-Age', preflightSecondsMax],
  ]);
}
