/**
 * One workspace finds nothing of another, over every route that the server describes. The first has one of
 * everything, with a secret in it that nobody else ever sends; another one asks every door, with the first's
 * real names in the place of every parameter and with bodies that are valid. What may come back of the first's
 * names is only what the asker itself had sent.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { type Door, doors, fill } from './support/doors.ts';
import { openFrames } from './support/frames.ts';
import { type Answer, ask, fresh, startTwo, tape } from './support/session.ts';

const server = await startTwo();
after(() => server.stop());
const { admin, write } = server.keys;
const secret = 'secret-of-the-first';
const own = 'of-the-other-itself';
/** How the first calls its things. */
const named = {
  customer: 'customer-of-the-first',
  type: 'type-of-the-first',
  view: 'view-of-the-first',
  role: 'role-of-the-first',
  agent: 'agent-of-the-first',
  desk: 'desk-of-the-first',
  source: 'source-of-the-first',
  key: 'key-of-the-first',
  template: 'template-of-the-first',
  action: 'action-of-the-first',
  journey: 'journey-of-the-first',
  rule: 'rule-of-the-first',
};

async function make(
  path: string,
  method: string,
  body?: object,
  key: string = admin,
): Promise<unknown> {
  const answer = await ask(server, path, { method, key, ...(body && { body }) });
  assert.ok(answer.status === 200 || answer.status === 201, `${path}: ${answer.text}`);
  return answer.json;
}

interface Cjds {
  readonly data: { readonly id: string };
}

const field = { event: named.type, attribute: 'v', type: 'last' };
const viewBody = { fields: [{ ...field, name: secret }] };

/** One of everything. @returns the ids that the server gave. */
async function fillFirst(): Promise<Record<string, string>> {
  const mode = { mode: 'quarantine', schema: { title: secret, type: 'object', required: ['v'] } };
  await make(`/v1/taxonomy/types/${named.type}`, 'PUT', mode);
  await make(`/v1/views/${named.view}`, 'PUT', viewBody);
  await make(`/v1/roles/${named.role}`, 'PUT', { masks: [{ field: secret, as: 'hide' }] });
  const event = { customer: '{who}', type: named.type, data: { fields: { v: '{v}' } } };
  await make(`/v1/sources/${named.source}`, 'PUT', { description: secret, event });
  const { customer, type } = named;
  const sent = [{ customer, type, data: { v: secret } }];
  await make('/v1/events', 'POST', [...sent, { customer, type, data: { w: secret } }], write);
  await make(`/v1/sources/${named.source}/events`, 'POST', { v: secret }, write);
  const quarantine = await ask(server, '/v1/quarantine', { key: admin });
  assert.equal(quarantine.text.split(secret).length, 3, 'quarantined and unmapped');
  const stages = [{ name: secret, steps: [{ name: secret }] }];
  await make(`/v1/journeys/${named.journey}`, 'PUT', { title: secret, entry: [], stages });
  await make(`/v1/journeys/${named.journey}/publish`, 'POST');
  const then = [{ do: 'notify', data: { text: secret } }];
  const ruleBody = { title: secret, journey: named.journey, when: { instance: 'started' }, then };
  await make(`/v1/rules/${named.rule}`, 'PUT', ruleBody);
  await make(`/v1/desks/${named.desk}`, 'PUT', { title: secret });
  await make(`/v1/agents/${named.agent}`, 'PUT', { name: secret, desk: named.desk });
  const key = await make('/v1/keys', 'POST', { scopes: ['read'], name: named.key });
  const ofCjds = '/admin/v1/api';
  const attribute = {
    ...{ displayName: secret, version: '0.1', event: named.type, metaDataType: 'string' },
    ...{ metaData: 'v', limit: 10, lookBackDurationType: 'hours', lookBackPeriod: 24 },
    ...{ aggregationMode: 'Count', verbose: true, widgetAttributes: { type: 'table' } },
  };
  const templateBody = { name: named.template, attributes: [attribute] };
  const template = await make(
    `${ofCjds}/profile-view-template/workspace-id/default`,
    'POST',
    templateBody,
  );
  const { id: templateId } = (template as Cjds).data;
  const url = `https://hooks.example.com/${secret}`;
  const action = await make(
    `${ofCjds}/journey-actions/workspace-id/default/template-id/${templateId}`,
    'POST',
    {
      ...{ name: named.action, isActive: true, cooldownPeriodInMinutes: 1 },
      rules: { logic: 'SINGLE', condition: `${named.type},v,string,Count EQ 2` },
      actionTriggers: [{ type: 'Webhook', webhookURL: url }],
    },
  );
  return { id: (key as { id: string }).id, templateId, actionId: (action as Cjds).data.id };
}

/** The first's real names for the parameters of a path. */
function partsOf(path: string, ids: Readonly<Record<string, string>>): Record<string, string> {
  const [kind] = /views|roles|sources|journeys|rules|desks/.exec(path) ?? [];
  const { action, agent, customer, desk, journey, role, rule, source, template, type, view } =
    named;
  const kinds = {
    ...{ views: view, roles: role, sources: source, journeys: journey, rules: rule },
    desks: desk,
  };
  const name = kinds[kind as keyof typeof kinds] ?? view;
  return {
    ...ids,
    ...(path.startsWith('/v1/agents/') && { id: agent }),
    ...{ customer, identity: customer, aliases: customer, type, name, workspaceId: 'default' },
    ...{ personId: customer, primaryPersonId: customer, templateName: template },
    actionName: action,
  };
}

const queryValues: Readonly<Record<string, string>> = {
  names: named.view,
  identity: named.customer,
  from: 'earliest',
  status: 'all',
};

function pathOf({ path, query }: Door, parts: Readonly<Record<string, string>>): string {
  const pairs = query.flatMap((name) => {
    const value = queryValues[name];
    return value === undefined ? [] : [`${name}=${value}`];
  });
  return fill(path, parts) + (pairs.length === 0 ? '' : `?${pairs.join('&')}`);
}

/** Nothing of the first: its secret never, its names only where `sent` has them. */
function assertClean(text: string, sent: ReadonlySet<string>, where: string): void {
  assert.ok(!text.includes(secret), `${where}: ${text}`);
  for (const name of Object.values(named)) {
    if (!sent.has(name)) assert.ok(!text.includes(name), `${where}: ${text}`);
  }
}

function note(path: string, sent: Set<string>): void {
  for (const name of Object.values(named)) if (path.includes(name)) sent.add(name);
}

function knock(door: Door, path: string, key: string): Promise<Answer> {
  const { body, method } = door;
  const isText = typeof body?.example === 'string';
  const text = isText ? (body.example as string) : JSON.stringify(body?.example);
  return ask(server, path, {
    method,
    key,
    ...(body && { type: body.type, body: text }),
  });
}

/** What a stream says until it has said something of the asker's own, or its refusal. */
async function listen(path: string, key: string): Promise<string> {
  const ending = new AbortController();
  const headers = { authorization: `Bearer ${key}` };
  const url = `http://127.0.0.1:${server.port}${path}`;
  const response = await fetch(url, { headers, signal: ending.signal });
  if (response.status !== 200) return response.text();
  let text = '';
  for await (const chunk of response.body!) {
    text += Buffer.from(chunk).toString();
    if (text.includes(own)) break;
  }
  ending.abort();
  return text;
}

/** The same of a socket. */
async function listenSocket(path: string, key: string): Promise<string> {
  const socket = await openFrames(server, path, { key });
  let text = '';
  while (!text.includes(own)) text += String(await socket.raw());
  socket.close();
  return text;
}

const ids = await fillFirst();
const made = await make('/v1/workspaces', 'POST', { name: fresh('other') });
const { key: other } = (made as { key: { key: string } }).key;

test('another workspace asks every door and finds nothing', async () => {
  const all = (await doors(server)).filter(({ isSocket, isStream }) => !isSocket && !isStream);
  // First what changes nothing, and of that what names nothing: whatever is listed was not sent.
  const rank = ({ method, path }: Door): number =>
    ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].indexOf(method) * 2 + Number(path.includes('{'));
  all.sort((a, b) => rank(a) - rank(b));
  const counts = new Map<number, number>();
  const sent = new Set<string>();
  for (const door of all) {
    const path = pathOf(door, partsOf(door.path, ids));
    note(path, sent);
    const { status, text } = await knock(door, path, other);
    counts.set(status, (counts.get(status) ?? 0) + 1);
    assertClean(text, sent, `${door.method} ${path}`);
    assert.ok(status < 500, `${door.method} ${path}: ${text}`);
  }
  // The probe gets somewhere: its bodies are taken, and its names are looked for.
  const succeeded = (counts.get(200) ?? 0) + (counts.get(201) ?? 0);
  assert.ok(succeeded > 20 && (counts.get(404) ?? 0) > 10, JSON.stringify([...counts]));
});

test('the doors that stay open say what is its own, and nothing of the first', async () => {
  await ask(server, '/v1/taxonomy', { method: 'DELETE', key: other });
  // Views of the same name over events of the same name: only the workspace tells them apart.
  await make(`/v1/views/${named.view}`, 'PUT', { fields: [{ ...field, name: 'f' }] }, other);
  const event = { customer: named.customer, type: named.type, data: { v: own } };
  await make('/v1/events', 'POST', [event], other);
  await make(`/v1/agents/${named.agent}`, 'PUT', { name: own }, other);
  const sent = new Set(Object.values(named));
  const heard: string[] = [];
  for (const door of await doors(server)) {
    if (!door.isSocket && !door.isStream) continue;
    const path = pathOf(door, partsOf(door.path, ids));
    heard.push(door.path);
    if (door.path === '/v1/ingest') continue;
    const text = await (door.isSocket ? listenSocket : listen)(path, other);
    assertClean(text, sent, path);
    // Its workspace is the first's, or it takes the token of a visitor.
    const isRefused = door.path.includes('{workspaceId}') || door.path === '/v1/visitor/channel';
    assert.equal(text.includes(own), !isRefused, `${path}: ${text}`);
  }
  assert.ok(heard.filter((path) => path.includes('live')).length >= 4, heard.join());
});

test('nothing of the first has changed', async () => {
  const definitions = [`journeys/${named.journey}`, `rules/${named.rule}`];
  const lists = [
    'views',
    'roles',
    'sources',
    ...definitions,
    `taxonomy/types/${named.type}`,
    'quarantine',
  ];
  for (const list of lists) {
    const { text } = await ask(server, `/v1/${list}`, { key: admin });
    assert.ok(text.includes(secret), `${list}: ${text}`);
  }
  const keys = await ask(server, '/v1/keys', { key: admin });
  assert.ok(keys.text.includes(named.key) && keys.text.includes(ids['id']!));
  const { events } = await tape(server, named.customer);
  assert.deepEqual(
    events.map(({ data }) => data),
    [{ v: secret }],
  );
});
