/** Clients of CJDS: journey actions, workspaces, what narrowed keys may, and pages of other origins. */
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
import { ask, startTwo } from './support/session.ts';

const server = await startTwo();
after(() => server.stop());
const { admin, read, write } = server.keys;
const templates = '/admin/v1/api/profile-view-template/{W}';
const actions = '/admin/v1/api/journey-actions/{W}';

async function putTemplate(name: string, ...attributes: object[]): Promise<string> {
  const { json, status } = await cjds(server, templates, {
    key: admin,
    body: { name, attributes },
  });
  assert.equal(status, 201, JSON.stringify(json));
  return json.data.id;
}

const closed = { event: 'Closed Queue', metaData: 'category' };
const action = {
  name: 'Closed Queue Action',
  isActive: true,
  cooldownPeriodInMinutes: 1,
  rules: { logic: 'SINGLE', condition: 'Closed Queue,category,string,Count EQ 2' },
  actionTriggers: [
    {
      type: 'Webhook',
      webhookURL: 'https://hooks.example.com/events/1',
      attributes: { httpverb: 'post', requestbody: '{"a":1}' },
    },
  ],
};

test('an action is stored with its template, found every way, changed and deleted', async () => {
  const templateId = await putTemplate('ClosedCaller', attribute(closed));
  const ofTemplate = `${actions}/template-id/${templateId}`;
  const created = await cjds(server, ofTemplate, { key: admin, body: action });
  assert.equal(created.status, 201, JSON.stringify(created.json));
  const { id, createdAt, createdBy, updatedAt, updatedBy, ...rest } = created.json.data;
  assert.deepEqual(rest, {
    ...action,
    organizationId: 'default',
    workspaceId: 'default',
    templateId,
  });
  assert.equal(`${createdAt} ${createdBy}`, `${updatedAt} ${updatedBy}`);
  const twice = await cjds(server, ofTemplate, { key: admin, body: action });
  assertRefused(twice, '409 CONFLICT', ['Name Closed Queue Action already exists']);
  const byName = await cjds(server, `${ofTemplate}/action-name/Closed%20Queue%20Action`, {
    key: admin,
  });
  assert.deepEqual(byName.json.data, created.json.data);
  const changed = { ...action, name: 'Later', isActive: false };
  const put = { key: admin, method: 'PUT', body: changed };
  const byId = await cjds(server, `${ofTemplate}/action-id/${id}`, put);
  assert.equal(`${byId.status} ${byId.json.data.id} ${byId.json.data.isActive}`, `201 ${id} false`);
  const named = await cjds(server, ofTemplate, { ...put, body: { ...changed, isActive: true } });
  assert.equal(
    `${named.status} ${named.json.data.id} ${named.json.data.isActive}`,
    `201 ${id} true`,
  );
  for (const path of [actions, ofTemplate]) {
    const listed = await cjds(server, path, { key: admin });
    assert.deepEqual(
      listed.json.data.map((each: { name: string }) => each.name),
      ['Later'],
      path,
    );
  }
  const remove = { key: admin, method: 'DELETE' };
  const inUse = await cjds(server, `${templates}/template-id/${templateId}`, remove);
  assertRefused(inUse, '409 CONFLICT', ['the template has journey actions: delete them first']);
  const native = await ask(server, '/v1/views/ClosedCaller', {
    key: admin,
    method: 'PUT',
    body: { fields: [{ name: 'A', event: 'E', type: 'count' }] },
  });
  assert.equal(native.code, 'conflict', 'its id and actions would be lost');
  const deleted = await cjds(server, `${ofTemplate}/action-id/${id}`, remove);
  assert.equal(`${deleted.status} ${String(deleted.json['id'])}`, `200 ${id}`);
  const gone = await cjds(server, `${ofTemplate}/action-id/${id}`, { key: admin });
  assertRefused(gone, '404 NOT_FOUND', ['there is no such action']);
  assert.equal((await cjds(server, `${templates}/template-id/${templateId}`, remove)).status, 200);
});

test("an action's rules ask for what the template shows, now and after a change of it", async () => {
  const templateId = await putTemplate('Checked', attribute(closed));
  const path = `${actions}/template-id/${templateId}`;
  const conditions = [
    'Closed Queue,category,string,Value EQ x',
    'Closed Queue,other,string,Count EQ 2',
    'Other Queue,category,string,Count EQ 2',
  ];
  for (const condition of conditions) {
    const body = { ...action, rules: { logic: 'SINGLE', condition } };
    const { json, status } = await cjds(server, path, { key: admin, body });
    assert.equal(status, 400);
    assert.match(json.errors![0]!, /which is no attribute of the template/);
  }
  const cases: [object, string][] = [
    [
      { cooldownPeriodInMinutes: -1 },
      'cooldownPeriodInMinutes must be a whole number from 0 to 525600',
    ],
    [{ rules: null }, 'rules cannot be null'],
    [{ rules: { logic: 'XOR' } }, 'rules.logic must be SINGLE, AND or OR'],
    [{ actionTriggers: [] }, 'actionTriggers must have 1 to 10 entries'],
    [
      { actionTriggers: [{ type: 'Fax' }] },
      'actionTriggers[0].type must be one of Webhook, WebexWalkin, AgentOffer, IMIFlowTrigger, ChatBot',
    ],
    [
      { actionTriggers: [{ type: 'Webhook', webhookURL: 'file:///etc' }] },
      'actionTriggers[0].webhookURL must be an http or https URL',
    ],
  ];
  for (const [parts, message] of cases) {
    const body = { ...action, ...parts };
    assertRefused(await cjds(server, path, { key: admin, body }), '400 BAD_REQUEST', [message]);
  }
  assert.equal((await cjds(server, path, { key: admin, body: action })).status, 201);
  const body = { name: 'Checked', attributes: [attribute({ ...closed, metaData: 'else' })] };
  const put = { key: admin, method: 'PUT', body };
  const { status } = await cjds(server, `${templates}/template-id/${templateId}`, put);
  assert.equal(status, 400, 'the action would ask for what is not there');
});

test('workspaces: all of them for a server key, its own for every other', async () => {
  const base = '/admin/v1/api/workspace';
  const wish = { name: 'Care', description: 'the care team' };
  const made = await cjds(server, base, { key: admin, body: wish });
  assert.equal(made.status, 200, JSON.stringify(made.json));
  const [care] = made.json.data.workspaces;
  assert.deepEqual(care, { id: care.id, ...wish, wxccSubscriptionIds: [] });
  const careKey = made.json.data.key;
  const names = async (key: string) =>
    (await cjds(server, `${base}?sortBy=name&sort=ASC`, { key })).json.data.map(
      (each: { name: string }) => each.name,
    );
  assert.deepEqual(await names(admin), ['Care', 'default']);
  assert.deepEqual(await names(careKey), ['Care']);
  const own = await cjds(server, `${base}/workspace-id/${care.id}`, { key: careKey });
  assert.deepEqual(own.json.data, care);
  const other = await cjds(server, `${base}/{W}`, { key: careKey });
  assertRefused(other, '404 NOT_FOUND', ['Workspace Id default not found for this key']);
  const put = { key: careKey, method: 'PUT', body: { name: 'Care 2', description: '' } };
  const changed = await cjds(server, `${base}/workspace-id/${care.id}`, put);
  assert.deepEqual(changed.json.data, { ...care, name: 'Care 2', description: '' });
  // A path may name a workspace by its name, too.
  const byName = await cjds(server, '/admin/v1/api/wxcc-subscription/workspace-id/Care%202', {
    key: careKey,
  });
  assert.deepEqual([byName.status, byName.json.data], [200, []]);
  const remove = { key: admin, method: 'DELETE' };
  assert.equal((await cjds(server, `${base}/workspace-id/${care.id}`, remove)).status, 200);
  assert.deepEqual(await names(admin), ['default']);
});

test('a key narrowed to a view reads that one, without its events, and nothing else', async () => {
  const identity = 'narrow@example.com';
  const basicId = await putTemplate('basic', attribute());
  const otherId = await putTemplate('other', attribute());
  await publish(server, cloudEvent({ identity }));
  const body = { name: 'narrow', scopes: ['read'], views: ['basic'] };
  const made = await ask(server, '/v1/keys', { key: admin, body });
  const { key } = made.json as { key: string };
  const progressive = `/v1/api/progressive-profile-view/{W}/identity/${identity}`;
  const allowed = [
    `${progressive}/template-name/basic`,
    `${progressive}/template-id/${basicId}`,
    `${templates}/template-name/basic`,
    `${templates}/template-id/${basicId}`,
  ];
  for (const path of allowed) assert.equal((await cjds(server, path, { key })).status, 200, path);
  const [model] = (await cjds(server, allowed[0]!, { key })).json.data;
  assert.deepEqual([model.attributes[0].result, model.attributes[0].journeyEvents], ['1', []]);
  const listed = await cjds(server, templates, { key });
  assert.deepEqual(
    listed.json.data.map((each: { name: string }) => each.name),
    ['basic'],
  );
  const streams = `/v1/api/progressive-profile-view/stream/{W}/identity/${identity}/template-name`;
  const stream = await openCjdsStream(server, `${streams}/basic?bearerToken=${key}`);
  const first = await stream.next();
  assert.deepEqual(first.data.attributes[0].journeyEvents, []);
  stream.close();
  const refused: [string, string][] = [
    ['GET', `/v1/api/events/{W}?identity=${identity}`],
    ['GET', `/v1/api/events/stream/{W}/identity/${identity}`],
    ['GET', `${streams}/other`],
    ['GET', `${streams}/there-is-none`],
    ['GET', `${progressive}/template-name/other`],
    ['GET', `${progressive}/template-id/${otherId}`],
    ['GET', `${templates}/template-name/other`],
    ['GET', `${templates}/template-id/${otherId}`],
    ['POST', templates],
    ['PUT', `${templates}/template-id/${basicId}`],
    ['DELETE', `${templates}/template-id/${basicId}`],
    ['GET', actions],
    ['POST', `${actions}/template-id/${basicId}`],
    ['GET', '/admin/v1/api/workspace'],
    ['GET', '/admin/v1/api/workspace/{W}'],
    ['PUT', '/admin/v1/api/workspace/{W}'],
    ['DELETE', '/admin/v1/api/workspace/{W}'],
    ['GET', '/admin/v1/api/wxcc-subscription/{W}'],
    ['POST', '/publish/v1/api/event?workspaceId=default'],
  ];
  for (const [method, path] of refused) {
    const sent = method === 'GET' || method === 'DELETE' ? {} : { body: {} };
    const { json, status } = await cjds(server, path, { key, method, ...sent });
    assert.equal(`${status} ${json.status}`, '403 403 FORBIDDEN', `${method} ${path}`);
  }
});

test('a role sees masked what it may not see in the clear, and no events', async () => {
  const identity = 'masked@example.com';
  await putTemplate('desk', attribute({ aggregationMode: 'Value', limit: 1 }));
  await publish(server, cloudEvent({ identity }));
  const role = { views: ['desk'], masks: [{ attribute: 'origin', as: 'email' }] };
  await ask(server, '/v1/roles/desk', { key: admin, method: 'PUT', body: role });
  const body = { name: 'desk', scopes: ['read'], role: 'desk' };
  const { key } = (await ask(server, '/v1/keys', { key: admin, body })).json as { key: string };
  const path = `/v1/api/progressive-profile-view/{W}/identity/${identity}/template-name`;
  const { json } = await cjds(server, `${path}/desk`, { key });
  const [shown] = json.data[0].attributes;
  assert.deepEqual([shown.result, shown.journeyEvents], ['m***@example.com', []]);
  assert.equal((await cjds(server, `${path}/basic`, { key })).status, 403);
});

test('views that were made elsewhere are templates, too', async () => {
  const fields = [{ name: 'Logins', event: 'Login', type: 'count', lookback: '30d' }];
  await ask(server, '/v1/views/native', { key: admin, method: 'PUT', body: { fields } });
  const { json } = await cjds(server, `${templates}/template-name/native`, { key: read });
  const [shown] = json.data.attributes;
  assert.equal(
    `${json.data.id} ${shown.aggregationMode} ${shown.lookBackPeriod} ${shown.lookBackDurationType}`,
    'native Count 30 days',
  );
  const path = '/v1/api/progressive-profile-view/{W}/identity/x@example.com/template-id/native';
  assert.equal((await cjds(server, path, { key: read })).json.data[0].attributes[0].result, '0');
});

test('a page of any origin may call, with the key in a header or in the query', async () => {
  const origin = 'https://desktop.example.com';
  const paths = [
    '/v1/api/events/workspace-id/default',
    '/v1/api/events/stream/workspace-id/default/identity/x',
  ];
  for (const path of paths) {
    const preflight = await ask(server, path, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'GET',
        'access-control-request-headers': 'authorization,content-type',
      },
    });
    assert.equal(preflight.status, 204);
    assert.equal(preflight.headers['access-control-allow-origin'], origin);
    assert.equal(preflight.headers['access-control-allow-headers'], 'authorization,content-type');
  }
  const inQuery = await ask(
    server,
    `${paths[0]}?identity=x&organizationId=acme&bearerToken=${read}`,
    { headers: { origin } },
  );
  assert.equal(
    `${inQuery.status} ${inQuery.headers['access-control-allow-origin']}`,
    `200 ${origin}`,
  );
  const refused = await openCjdsStream(server, `${paths[1]}?bearerToken=${write}`);
  assert.equal(refused.status, 403);
  refused.close();
});
