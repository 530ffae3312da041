/** The prose of the document: what holds for all routes, and what the contract leaves open. */
import { keysPerWorkspaceMax, workspacesMax } from '../../workspaces/plan.ts';
import { viewsPerWorkspaceMax } from '../../workspaces/viewplan.ts';
import { ingestSocketsMax } from '../ingestsocket.ts';
import { receivingBytesMax } from '../traffic.ts';

const count = (most: number): string => most.toLocaleString('en');

export const guide = `
Tapeline keeps every touchpoint of a customer on one immutable **tape**, answers **profile views** by reading that tape from newest to oldest, and **streams** events live.

Three promises to build on:

- **A receipt means durable.** The events are on disk, flushed. There is no "202, maybe".
- **The same customer and event id is stored once**, whenever it is sent again (past the newest 100 million events of a shard: sent again as it was).
- **One customer's tape has one order**, the same for every reader.

## Start

\`\`\`
export KEY=wk_…     # a key with the scope write
curl -s http://127.0.0.1:8787/v1/events -H "Authorization: Bearer $KEY" \\
  -H 'Content-Type: application/json' \\
  -d '{"id":"v1","customer":"c1","type":"Page View","channel":"web"}'
# {"accepted":1,"duplicates":0,"rejected":[]}

export KEY=rk_…     # a key with the scope read
curl -s http://127.0.0.1:8787/v1/customers/c1/tape -H "Authorization: Bearer $KEY"
\`\`\`

## Credentials

Send \`Authorization: Bearer <key>\`. Clients that cannot set headers (WebSocket, Server-Sent Events, beacons) pass \`?key=\` instead; make that a short-lived token (\`POST /v1/tokens\`) whenever you can, because URLs end up in logs. A header wins over the query. A key belongs to one workspace, which is never named in a request.

| scope | may | key prefix |
|---|---|---|
| \`write\` | send events | \`wk_\` |
| \`publish\` | send events; safe in a web page: links devices that nobody has, never two customers | \`pk_\` |
| \`read\` | read tapes, views and streams; may be narrowed to named views, or given a role | \`rk_\` |
| \`decide\` | ask what to do next for a customer, and tell what it answered | \`dk_\` |
| \`agent\` | speak for one agent, named with the key: its presence, its offers and nothing else | \`gk_\` |
| \`admin\` | everything in the workspace, reading, writing, deciding and answering for agents included | \`ak_\` |
| \`server\` | workspaces, nothing inside them | \`ak_\` |

No key or an unknown one is \`unauthorized\`; one that lacks the scope is \`forbidden\`.

## Errors

Every refusal is JSON: \`{"error":{"code":"…","message":"…"}}\`. Rely on the code; the message is for people.

| code | status | meaning | send again? |
|---|---|---|---|
| \`malformed\` | 400 | the bytes are not what they claim to be: body, percent-encoding, headers | no |
| \`unauthorized\` | 401 | no key, or not a valid one | no |
| \`forbidden\` | 403 | the key lacks the scope or the view, or its role does | no |
| \`not_found\` | 404 | no such path, method, view, key or workspace | no |
| \`conflict\` | 409 | the state of things forbids it | no |
| \`cursor_expired\` | 410 | older than what is kept; \`earliest\` is the earliest cursor still held | from \`earliest\` |
| \`too_large\` | 413 | the body is over its limit | smaller |
| \`unsupported_media_type\` | 415 | a content type or encoding this route does not read | no |
| \`invalid\` | 422 | well-formed, but against a rule; the message says which | no |
| \`rate_limited\` | 429 | more than the key or its workspace may send in a second | after \`Retry-After\` |
| \`internal\` | 500 | a bug; the server's log has it | yes, with the same ids |
| \`overloaded\` | 503 | too much in flight | after \`Retry-After\` |
| \`unavailable\` | 503 | it cannot write, or no answer in time | after \`Retry-After\` |

\`Retry-After\` is in whole seconds. Sending events with ids again is always safe.

## Quotas

A workspace and a key can each have a quota of events and of bytes a second (\`PUT /v1/workspaces/{id}/quota\`, \`PUT /v1/keys/{id}/quota\`); all that apply hold, on all connections and both doors together. One second’s worth may come at once. A batch is taken as long as something is left, even if it is larger than that: what it takes too much is waited for afterwards. A batch that comes too early is \`rate_limited\`, whole and unread, with the time after which one will be taken: \`Retry-After\` in seconds, \`retryAfterMs\` on a WebSocket (where the connection stays open). Reads have no quota.

## Limits

| what | at most |
|---|---|
| an event, as sent | 32 KiB |
| a batch | 10,000 events and 16 MiB, after decompression |
| \`id\`, \`customer\`, \`previous\`, \`source\` | 256 bytes each |
| \`type\` · \`channel\` | 128 · 64 bytes |
| \`data\` | 32 levels deep |
| bodies on their way in to a front · of one workspace | ${receivingBytesMax / 2 ** 20} MiB · as much as is free, alone half |
| ingest sockets on a front · of one workspace | ${count(ingestSocketsMax)} · as many as are free, alone half |
| workspaces · keys in a workspace | ${count(workspacesMax)} · ${count(keysPerWorkspaceMax)} |
| views in a workspace | ${count(viewsPerWorkspaceMax)} |
| a tape page | 1,000 events |
| a view | 100 fields, 256 KiB |
| a condition | 4,096 characters, 1,000 nodes; 100,000 steps on an event, then the event is \`undecided\` |
| views at once · evidence of a field | 20 · 100 events |
| a role | 100 views, 100 masks; 100 roles in a workspace |
| followed views on a front · of one workspace · a followed answer | 10,000 · as many as are free, alone 5,000 · 1 Mi characters |
| answers over 32 KiB that followers of views have begun to read, on a front · of one workspace | 64 MiB · as much as is free, alone 32 MiB |
| evidence in an answer, of all its views together | 4 Mi characters |
| a filter | 100 values |
| live subscribers on a front · of one workspace · what waits for one | 10,000 · as many as are free, alone 5,000 · 30 KiB (64 KiB of memory); longer messages go in pieces |
| request headers | 16 KiB |
| waiting for an answer | 30 seconds, then \`unavailable\` |

## Conventions

- **Times** in answers are epoch milliseconds, UTC. In requests, RFC 3339 is understood as well.
- **Cursors** are opaque text, safe in a URL.
- **Path parameters** are percent-encoded UTF-8; anything else is \`malformed\`.
- **Unknown query parameters** are \`invalid\`: a misspelt filter must not return everything.
- **Methods** a path does not have answer 404 with \`Allow\`. \`HEAD\` works wherever \`GET\` does.
- **Lists** are never null. **Deleting** answers 204 without a body, making something 201.
- **Cross-origin** calls: \`POST /v1/events\`, the routes for other clients and those that web pages use (\`/cj.js\`, \`/v1/visitors\`, \`/v1/visitor/…\`) from any origin; other routes only from origins the operator lists. A cookie is never a credential.
- **MessagePack** must be expressible as JSON: NaN, infinities, binary and extension types other than the timestamp are refused, event by event.
- **Connections** are kept alive for 10 idle seconds. While the server shuts down it answers with \`Connection: close\`.
`;
