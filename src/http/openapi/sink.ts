/** The routes by which events come in. */
import type { Paths } from './describe.ts';
import { describe, jsonOf, refTo } from './describe.ts';

const sample = {
  id: 'order-8841',
  customer: 'c1',
  type: 'Purchased',
  time: '2025-11-21T15:46:40Z',
  channel: 'web',
  data: { Product: 'Trail shoes', total: 89.5 },
};

const eventsCurl = `curl -s http://127.0.0.1:8787/v1/events \\
  -H "Authorization: Bearer $KEY" \\
  -H 'Content-Type: application/json' \\
  -d '{"id":"order-8841","customer":"c1","type":"Purchased","channel":"web","data":{"Product":"Trail shoes","total":89.5}}'`;

const eventsText = `
The answer comes when everything accepted is on disk, flushed: never before, and never a 202.

Accepted, duplicate and refused events may share a batch. Refused events are named by their place in the batch; they never harm their neighbours. If at least one event was refused and none was accepted or a duplicate, the status is 422 with the same body. A body that cannot be split into events at all is \`malformed\`, and nothing of it is stored.

- **Sending again is safe** for events with an \`id\`: the same pair of customer and id is stored once. A duplicate answers as a duplicate even when its payload differs; the first one stands. A duplicate of an event that is not flushed yet answers only once that one is durable. An event rejected with \`unavailable\` could not be written and may be sent again with the same id; the rest of its batch stands.
- **Taxonomy**: where the workspace has one, the receipt also says how many events were \`quarantined\` or \`flagged\` (both count as accepted or duplicates: nothing of them needs to be sent again); what it rejects is \`invalid\`, with the place in \`data\` and the rule.
- **Compression**: \`Content-Encoding: gzip\`. The limits hold after decompression.
- **Web pages**: any origin may call this route. \`text/plain\` bodies are read as JSON, and the key may stand in the query, so that \`navigator.sendBeacon\` works. Use a key with the scope \`publish\` there.
- **CloudEvents** are taken too, by their content type or \`ce-\` headers: see \`POST /v1/cloudevents\`.
- **An empty array** is a valid batch of no events; an empty body is \`malformed\`. Blank lines in NDJSON are skipped and do not count for \`index\`.
- **Pipelining** several HTTP/1.1 requests on a connection without waiting is not supported: the connection is cut. Send larger batches, use more connections, or the WebSocket.
- **Slow links**: a body has to arrive at 16 KB/s or more, or the connection is cut. Send smaller batches or use the WebSocket.`;

const ingestText = `
A WebSocket. Offer one of the subprotocols \`tapeline.msgpack\` (binary frames) or \`tapeline.json\` (text frames; also without any); the first one known counts. A bad credential is refused at the upgrade. One frame is one batch, at most 10,000 events.

\`\`\`
server  {"hello":1,"window":64,"windowBytes":33554432,
         "frameBytesMax":16777216}            on open
client  {"seq":7,"events":[…]}                a batch
server  {"ack":7,"accepted":1000,"duplicates":0,
         "rejected":[]}                       durable
server  {"nack":7,"error":{"code":"overloaded","message":"…",
         "retryAfterMs":200}}                 nothing stored
\`\`\`

In MessagePack the client sends the array \`[7, [event, …]]\`; the server's messages are the same maps.

- \`seq\` is a positive integer that the client increases. Receipts come in the order of the frames.
- At most \`window\` frames and \`windowBytes\` bytes may be unacknowledged. A client that ignores it is closed with **4008**.
- On overload the server first delays receipts, then answers \`nack\`. The codes of a \`nack\` are \`malformed\`, \`overloaded\`, \`rate_limited\` and \`unavailable\`. It answers every frame it read, a refusal for load or quota up to 100 ms late (\`retryAfterMs\` counts from the answer); one that cannot be read at all is answered with \`"nack":0\`.
- An event that an \`ack\` rejects with \`unavailable\` could not be written and may be sent again with the same id, in a later frame.
- After a lost connection, send again what was not acknowledged. Ids make that safe.

| close code | meaning |
|---|---|
| 1001 | the server is going away; everything acknowledged stays acknowledged |
| 4008 | window exceeded |
| 4009 | a frame over \`frameBytesMax\`; far larger ones, and text that is not UTF-8, simply end the connection |
| 1008 | the key was taken back, or the token expired |`;

const events = {
  'application/json': {
    schema: { oneOf: [refTo('Event'), { type: 'array', items: refTo('Event'), maxItems: 10000 }] },
    example: [sample],
  },
};

export const sinkPaths: Paths = {
  '/v1/events': {
    post: describe({
      id: 'sendEvents',
      tag: 'Ingest',
      summary: 'Send events',
      description: eventsText,
      scope: 'write',
      keyInQuery: true,
      body: {
        ...events,
        'application/x-ndjson': {
          schema: { type: 'string', description: 'One event a line.' },
          example: `${JSON.stringify(sample)}\n`,
        },
        'application/msgpack': {
          schema: {
            type: 'string',
            format: 'binary',
            description: 'One map, or an array of maps, that JSON could express.',
          },
        },
        'text/plain': {
          schema: { type: 'string', description: 'JSON, as browser beacons send it.' },
        },
      },
      responses: {
        200: {
          description: 'Everything accepted is durable.',
          content: jsonOf('Receipt', {
            accepted: 998,
            duplicates: 1,
            rejected: [{ index: 17, id: 'a1', code: 'invalid', message: 'type is required' }],
          }),
        },
        422: {
          description: 'Every event was refused (a receipt), or the request as such is `invalid`.',
          content: {
            'application/json': { schema: { oneOf: [refTo('Receipt'), refTo('Error')] } },
          },
        },
      },
      errors: [
        'malformed',
        'unsupported_media_type',
        'too_large',
        'rate_limited',
        'overloaded',
        'unavailable',
      ],
      curl: eventsCurl,
    }),
  },
  '/v1/ingest': {
    get: describe({
      id: 'openIngest',
      tag: 'Ingest',
      summary: 'Stream events (WebSocket)',
      description: ingestText,
      scope: 'write',
      keyInQuery: true,
      responses: { 101: { description: 'Switches to the WebSocket protocol.' } },
      errors: ['malformed', 'invalid', 'not_found', 'overloaded', 'unavailable'],
      curl: `npx wscat -s tapeline.json \\
  -c "ws://127.0.0.1:8787/v1/ingest?key=$KEY"
> {"seq":1,"events":[{"id":"v1","customer":"c1","type":"Page View"}]}`,
    }),
  },
};
