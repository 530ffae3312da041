/** Clients of CJDS: publishing, historic events, templates, views and both streams, over HTTP. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import {
  assertRefused,
  attribute,
  cjds,
  cloudEvent,
  openCjdsStream,
  publish,
} from './support/cjds.ts';
import { ask, startTwo, tape } from './support/session.ts';

const server = await startTwo();
after(() => server.stop());
const { admin, read, write } = server.keys;
const templates = '/admin/v1/api/profile-view-template/{W}';
const views = '/v1/api/progressive-profile-view/{W}';

test('an event is published once, and given back as it was', async () => {
  const event = cloudEvent({
    identity: '+12263762555',
    identitytype: 'phone',
    previousidentity: 'visitor-1',
    time: '2025-11-21T15:46:40.123Z',
    source: 'SMS%20Notifcation',
    data: { category: 'Water', amount: 12345678901234567890n.toString(), channelType: 'sms' },
  });
  const answer = await publish(server, event);
  assert.equal(answer.status, 200);
  assert.deepEqual(answer.json, {
    meta: { organizationId: 'default', workspaceId: 'default' },
    data: { message: 'Accepted for processing' },
  });
  assertRefused(await publish(server, event), '409 CONFLICT', [`Id ${event.id} already exists`]);
  const found = await cjds(
    server,
    '/v1/api/events/{W}?organizationId=acme&identity=%2B12263762555',
    {
      key: read,
    },
  );
  assert.deepEqual(found.json, {
    meta: {
      organizationId: 'acme',
      workspaceId: 'default',
      resultCount: 1,
      identity: '+12263762555',
    },
    data: [event],
  });
  const [stored] = (await tape(server, '+12263762555')).events;
  assert.equal(stored?.channel, 'sms');
  assert.equal(stored?.previous, 'visitor-1');
});

test('data that are no object, or have members of our own, come back as they were', async () => {
  const identity = 'forms@example.com';
  const forms = ['{"a":1,"b":[true]}', 'plain text', [1, 2], { cjds: 'own' }, '{"a": 1}', 7];
  for (const data of forms) {
    const event = cloudEvent({ identity, data, datacontenttype: 'string' });
    assert.equal((await publish(server, event)).status, 200);
  }
  const { json } = await cjds(server, `/v1/api/events/{W}?identity=${identity}`, { key: read });
  const given = json.data.map(({ data }: { data: unknown }) => data);
  assert.deepEqual(given.reverse(), forms);
  // Text that is an object's is looked into by views.
  assert.deepEqual((await tape(server, identity)).events.at(-1)?.data?.['b'], [true]);
});

test('what an event lacks is told all at once, in the envelope of CJDS', async () => {
  assertRefused(await publish(server, { type: 't', data: {} }), '400 BAD_REQUEST', [
    'Id cannot be null',
    'Specversion cannot be null',
    'Source cannot be null',
    'Identity cannot be null',
    'Identitytype cannot be null',
    'Datacontenttype cannot be null',
  ]);
  const other = cloudEvent({ identity: 'a@example.com' });
  const elsewhere = await cjds(server, '/publish/v1/api/event?workspaceId=other', {
    key: write,
    body: other,
  });
  assertRefused(elsewhere, '404 NOT_FOUND', ['Workspace Id other not found for this key']);
  assertRefused(await publish(server, other, 'nobody'), '401 UNAUTHORIZED', [
    'the key is not known, or its token has expired',
  ]);
  assertRefused(await publish(server, other, read), '403 FORBIDDEN', [
    'this key does not have the scope write',
  ]);
  const reserved = cloudEvent({ identity: 'a@example.com', type: 'tapeline.person' });
  assert.equal((await publish(server, reserved)).status, 400);
});

test('historic events are filtered by RSQL, sorted and cut into pages', async () => {
  const identity = 'rsql@example.com';
  const amounts = [5, 40, 300];
  for (const [n, amount] of amounts.entries()) {
    const time = `2025-11-0${n + 1}T00:00:00.000Z`;
    const data = { category: n === 1 ? 'Water' : 'Power', amount, nested: { n } };
    const type = n === 2 ? 'Payment Queue' : 'Payment';
    await publish(server, cloudEvent({ identity, type, time, data }));
  }
  const amountsFor = async (query: string): Promise<number[]> => {
    const path = `/v1/api/events/{W}?identity=${identity}&${query}`;
    const { json, status } = await cjds(server, path, { key: read });
    assert.equal(status, 200, JSON.stringify(json));
    return json.data.map((event: { data: { amount: number } }) => event.data.amount);
  };
  const cases: [string, number[]][] = [
    ['', [300, 40, 5]],
    ["filter=type=='Payment'&data=category=='Water'&pageSize=1", [40]],
    ["filter=type=='Payment Queue'", [300]],
    ['filter=type==Pay*&sort=ASC', [5, 40, 300]],
    ['data=amount=gt=40', [300]],
    ['data=amount=in=(5,300);category==Power&pageSize=1&page=1', [5]],
    ['data=nested.n==1,amount<6', [40, 5]],
    ['filter=time=ge=2025-11-02T00:00:00Z;time=lt=2025-11-03T00:00:00Z', [40]],
    ["filter=identityType=='email';type!='Payment'", [300]],
    ['data=category=out=(Water)', [300, 5]],
    ['data=missing!=1', []],
    ['sortBy=type&sort=DESC', [300, 40, 5]],
    ['page=9', []],
  ];
  for (const [query, expected] of cases) {
    assert.deepEqual(await amountsFor(query.replaceAll(' ', '%20')), expected, query);
  }
  const bad = await cjds(server, `/v1/api/events/{W}?identity=${identity}&filter=type=`, {
    key: read,
  });
  assertRefused(bad, '400 BAD_REQUEST', [
    'filter is not RSQL: expected an operator at character 5',
  ]);
  const nobody = await cjds(server, '/v1/api/events/{W}', { key: read });
  assertRefused(nobody, '400 BAD_REQUEST', ['Identity cannot be null']);
});

test('a template is stored, found by id and by name, changed and deleted', async () => {
  const sent = {
    name: 'RepeatCaller',
    attributes: [
      attribute({
        event: 'Payment Queue',
        metaData: 'category',
        rules: { logic: 'SINGLE', condition: 'Payment Queue,category,string,Value EQ Payment' },
      }),
    ],
  };
  const created = await cjds(server, templates, { key: admin, body: sent });
  assert.equal(created.status, 201, JSON.stringify(created.json));
  const { id, createdAt, ...rest } = created.json.data;
  assert.match(id, /^[0-9a-f]{24}$/);
  assert.ok(!Number.isNaN(Date.parse(createdAt)));
  assert.deepEqual(rest.attributes, sent.attributes);
  assert.equal(rest.workspaceId, 'default');
  const again = await cjds(server, templates, { key: admin, body: sent });
  assertRefused(again, '409 CONFLICT', ['Name RepeatCaller already exists']);
  // One client has a space at the end, and some requests put a name where an id should be.
  const places = ['template-name/RepeatCaller%20', `template-id/${id}`, 'template-id/RepeatCaller'];
  for (const place of places) {
    const found = await cjds(server, `${templates}/${place}`, { key: read });
    assert.deepEqual([found.status, found.json.data], [200, created.json.data], place);
  }
  const renamed = await cjds(server, `${templates}/template-id/${id}`, {
    key: admin,
    method: 'PUT',
    body: { ...sent, name: 'Callers' },
  });
  assert.equal(
    `${renamed.status} ${renamed.json.data.id} ${renamed.json.data.name}`,
    `200 ${id} Callers`,
  );
  const old = await cjds(server, `${templates}/template-name/RepeatCaller`, { key: read });
  assertRefused(old, '404 NOT_FOUND', ['Template RepeatCaller not found']);
  const listed = await cjds(server, `${templates}?filter=name==Call*`, { key: read });
  assert.deepEqual(
    listed.json.data.map((each: { id: string }) => each.id),
    [id],
  );
  const native = await ask(server, '/v1/views/Callers', { key: admin, method: 'PUT', body: {} });
  assert.equal(native.status, 422, 'a body that is none');
  const deleted = await cjds(server, `${templates}/template-id/${id}`, {
    key: admin,
    method: 'DELETE',
  });
  assert.equal(`${deleted.status} ${String(deleted.json['id'])}`, `200 ${id}`);
  assert.deepEqual((await cjds(server, templates, { key: read })).json.data, []);
});

test('what is wrong with a template is told with its place', async () => {
  const cases: [Record<string, unknown>, string][] = [
    [{ limit: -1 }, 'attributes[0].limit must be a whole number, at least 0'],
    [{ limit: null }, 'attributes[0].limit cannot be null'],
    [{ lookBackPeriod: 0 }, 'attributes[0].lookBackPeriod must be a whole number, at least 1'],
    [
      { aggregationMode: 'Sum' },
      'attributes[0].metaDataType must be integer or double for the mode Sum',
    ],
    [{ verbose: 'no' }, 'attributes[0].verbose must be true or false'],
    [{ lookBackPeriod: 99_999 }, 'attributes[0].lookback must be at most 3650d'],
    [
      { rules: { logic: 'SINGLE', condition: 'Quote,make,string,Sum GT 1' } },
      'attributes[0].rules: in a template a condition looks at each event, so its mode must be Value',
    ],
  ];
  for (const [parts, message] of cases) {
    const body = {
      name: 'bad',
      attributes: [attribute({ lookBackDurationType: 'days', ...parts })],
    };
    assertRefused(await cjds(server, templates, { key: admin, body }), '400 BAD_REQUEST', [
      message,
    ]);
  }
});

const quotes = [
  { make: 'Honda', model: 'CR-V', isEV: 'No', price: 100 },
  { make: 'Honda', model: 'Civic', isEV: 'No', price: 200 },
  { make: 'Kia', model: 'EV6', isEV: 'Yes', price: 400 },
];
const rules = {
  logic: 'OR',
  args: [
    'Quote,isEV,string,Value EQ Yes',
    {
      logic: 'AND',
      args: ['Quote,make,string,Value EQ Honda', 'Quote,model,string,Value EQ CR-V'],
    },
  ],
};
const quote = { event: 'Quote', metaData: 'price', metaDataType: 'double' };
const older = {
  displayName: 'Makes',
  version: 1,
  event: 'Quote',
  metadata: 'make',
  metadataType: 'string',
  limit: 0,
  lookbackDurationType: 'days',
  lookbackPeriod: 1,
  aggregationMode: 'Distinct',
  verbose: false,
};
const attributes = [
  attribute({ ...quote, displayName: 'Newest', aggregationMode: 'Value', limit: 1 }),
  attribute({ ...quote, displayName: 'Ruled', aggregationMode: 'Sum', rules }),
  attribute({
    ...quote,
    displayName: 'Dear',
    rules: { logic: 'SINGLE', condition: 'Quote,price,double,Value GTE 200' },
  }),
  older,
  attribute({ displayName: 'Makes', event: 'nothing', aggregationMode: 'Value' }),
];

test('a view is answered by all four paths, with rules, in both spellings', async () => {
  const identity = 'views@example.com';
  const events = quotes.map((data) => cloudEvent({ identity, type: 'Quote', data }));
  for (const event of events) await publish(server, event);
  const created = await cjds(server, templates, {
    key: admin,
    body: { name: 'Quotes', attributes },
  });
  assert.equal(created.status, 201, JSON.stringify(created.json));
  const { id } = created.json.data;
  const first = await cjds(server, `${views}/identity/${identity}/template-id/${id}`, {
    key: read,
  });
  assert.equal(first.status, 200, JSON.stringify(first.json));
  const [model] = first.json.data;
  assert.deepEqual(first.json.meta, {
    organizationId: 'default',
    workspaceId: 'default',
    personId: model.personId,
    templateId: id,
  });
  const results = model.attributes.map((each: { result: string }) => each.result);
  assert.deepEqual(results, ['400', '500', '2', 'Kia,Honda', '']);
  assert.equal(model.attributes[3].queryTemplate.metaData, 'make');
  assert.equal(model.attributes[3].queryTemplate.widgetAttributes.type, 'table');
  assert.deepEqual(model.attributes[3].journeyEvents, [], 'not verbose');
  const [text] = model.attributes[0].journeyEvents;
  const { time, ...journeyEvent } = JSON.parse(text);
  assert.ok(!Number.isNaN(Date.parse(time)));
  assert.deepEqual(journeyEvent, events[2]);
  assert.deepEqual(model.systemMetdata, { journeyActionTriggerHistories: [] });
  const others = [
    `identity/${identity}/template-name/Quotes`,
    `person-id/${model.personId}/template-id/${id}`,
    `person-id/${model.personId}/template-name/Quotes`,
  ];
  for (const path of others) {
    const { json } = await cjds(server, `${views}/${path}`, { key: read });
    const { timestamp, ...rest } = json.data[0];
    assert.deepEqual({ ...rest, timestamp: model.timestamp }, model, path);
  }
  const nobody = await cjds(server, `${views}/person-id/!!/template-name/Quotes`, { key: read });
  assertRefused(nobody, '404 NOT_FOUND', ['Person Id !! not found']);
});

test('both streams bring what happens, with the identity in the path as it is', async () => {
  const identity = '+14155550100';
  const auth = `organizationId=acme&bearerToken=${read}`;
  await cjds(server, templates, {
    key: admin,
    body: { name: 'journey-default-template', attributes: [attribute()] },
  });
  const events = await openCjdsStream(
    server,
    `/v1/api/events/stream/{W}/identity/${identity}?${auth}`,
  );
  const view = await openCjdsStream(
    server,
    `/v1/api/progressive-profile-view/stream/{W}/identity/${identity}/template-name/journey-default-template?${auth}`,
  );
  const nextView = async () => {
    const { data, event } = await view.next();
    assert.equal(event, undefined, 'its messages have no name');
    return data;
  };
  assert.equal((await nextView()).attributes[0]?.result, '0');
  const event = cloudEvent({ identity, identitytype: 'phone' });
  await publish(server, event);
  const message = await events.next();
  const { time, ...rest } = message.data;
  assert.ok(time !== undefined);
  assert.deepEqual([message.event, rest], [undefined, event]);
  const model = await nextView();
  assert.deepEqual([model.organizationId, model.attributes[0]?.result], ['acme', '1']);
  events.close();
  view.close();
  // Whoever comes back with the last id misses nothing.
  const missed = cloudEvent({ identity, type: 'task:ended' });
  await publish(server, cloudEvent({ identity, type: 'other' }));
  await publish(server, missed);
  const later = await openCjdsStream(
    server,
    `/v1/api/events/stream/{W}/identity/${identity}?${auth}&filter=type=='task:ended'`,
    { 'last-event-id': message.id! },
  );
  assert.equal((await later.next()).data.id, missed.id);
  later.close();
});

test('a view that is too large to be streamed with its events is streamed without', async () => {
  const identity = '50%off@example.com';
  const data = { origin: 'x', transcript: 'y'.repeat(30_000) };
  for (let n = 0; n < 40; n++) await publish(server, cloudEvent({ identity, type: 'Call', data }));
  const attributes = [attribute({ event: 'Call' })];
  await cjds(server, templates, { key: admin, body: { name: 'Calls', attributes } });
  const whole = `${views}/identity/${encodeURIComponent(identity)}/template-name/Calls`;
  const [model] = (await cjds(server, whole, { key: read })).json.data;
  assert.equal(model.attributes[0].journeyEvents.length, 40);
  // What is no encoding stands for itself.
  const path = `/v1/api/progressive-profile-view/stream/{W}/identity/${identity}/template-name/Calls`;
  const stream = await openCjdsStream(server, `${path}?bearerToken=${read}`);
  const results = async () => {
    const [{ journeyEvents, result }] = (await stream.next()).data.attributes;
    return [result, journeyEvents.length];
  };
  assert.deepEqual(await results(), ['40', 0]);
  await publish(server, cloudEvent({ identity, type: 'Call', data }));
  assert.deepEqual(await results(), ['41', 0]);
  stream.close();
});
