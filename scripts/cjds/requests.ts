/**
 * The kinds of requests that the published collections for CJDS hold, in the order in which people go through
 * them: templates, persons, events, history, views, actions, aliases, and what is deleted in the end.
 * Events go through a bad network; then the tapes are compared with what was sent.
 */
import { randomUUID } from 'node:crypto';
import { everyFault, type Fault, FaultProxy } from '../../test/support/faultproxy.ts';
import type { TestServer } from '../../test/support/server.ts';
import { tape } from '../../test/support/session.ts';
import type { Outcome } from './outcome.ts';
import { RestClient } from './rest.ts';

const templates = '/admin/v1/api/profile-view-template/{W}';
const views = '/v1/api/progressive-profile-view/{W}';
const persons = '/admin/v1/api/person';
const history = '/v1/api/events/{W}';
const patchType = 'application/json-patch+json';

/** Every fault meets an event of its own. */
const faults = everyFault.flatMap((fault): Fault[] => [fault, 'good']);

/** Everything a run speaks of; each run has names of its own. */
interface Cast {
  readonly client: RestClient;
  readonly stem: string;
  readonly phone: string;
  readonly email: string;
  /** Ids of what was published, by identity. */
  readonly published: Map<string, string[]>;
}

/** Runs it against a server. @throws Error when the network is too bad for it. */
export async function runRequests(server: TestServer): Promise<Outcome> {
  const proxy = await FaultProxy.open(server.port, faults, { onlyPosts: true });
  const client = new RestClient(server.url, proxy.url, server.keys.admin);
  const digits = String(Date.now()).slice(-7);
  const cast: Cast = {
    client,
    stem: `r${digits}`,
    phone: `+1226${digits}`,
    email: `pat-${digits}@example.com`,
    published: new Map(),
  };
  try {
    const made = await makeTemplates(cast);
    const person = await makePerson(cast);
    await publishAll(cast);
    await readHistory(cast);
    await readViews(cast, person, made);
    await keepAction(cast, made.closed);
    await changePerson(cast, person);
    await removeAll(cast, person, made);
  } finally {
    await proxy.close();
  }
  const { stored, twice } = await audit(server, cast);
  const sent = [...cast.published.values()].flat().length;
  return {
    name: 'requests of the collections',
    version: '',
    sent,
    stored,
    twice,
    met: proxy.met,
    resent: client.resent,
    problems: client.findings.problems,
  };
}

interface Made {
  readonly contacts: string;
  readonly repeat: string;
  readonly closed: string;
}

const closedRules = { logic: 'SINGLE', condition: 'Closed Queue,category,string,Value EQ Closed' };

function attribute(event: string, metaData: string, more: object): object {
  return {
    version: '0.1',
    event,
    metaDataType: 'string',
    metaData,
    limit: 100,
    displayName: event,
    lookBackDurationType: 'days',
    lookBackPeriod: 7,
    aggregationMode: 'Count',
    rules: null,
    widgetAttributes: { type: 'table' },
    verbose: false,
    ...more,
  };
}

async function makeTemplates({ client, stem }: Cast): Promise<Made> {
  const make = async (name: string, ...attributes: object[]): Promise<string> => {
    const body = { name: `${stem}-${name}`, attributes };
    return (await client.want(`template ${name}`, 201, templates, { body })).id;
  };
  const day = { lookBackDurationType: 'hours', lookBackPeriod: 24, verbose: true };
  const contacts = await make(
    'contacts',
    attribute('task:new', 'origin', { ...day, displayName: 'Contacts in 24 hours' }),
    attribute('task:new', 'origin', { displayName: 'Contacts in 7 days', limit: 700 }),
    attribute('task:new', 'channelType', { aggregationMode: 'Distinct', displayName: 'Channels' }),
  );
  const minutes = { lookBackDurationType: 'minutes', lookBackPeriod: 5 };
  const rules = { logic: 'SINGLE', condition: 'Payment Queue,category,string,Value EQ Payment' };
  const repeat = await make(
    'repeat',
    attribute('Payment Queue', 'category', { ...minutes, rules }),
  );
  const closed = attribute('Closed Queue', 'category', { ...minutes, rules: closedRules });
  const made = { contacts, repeat, closed: await make('closed', closed) };
  const all = await client.want('all templates', 200, templates);
  const ids = new Set((all as { id: string }[]).map(({ id }) => id));
  client.findings.same(
    'templates that are missing',
    Object.values(made).filter((id) => !ids.has(id)),
    [],
  );
  const named = await client.want('by name', 200, `${templates}/template-name/${stem}-repeat`);
  client.findings.same('the template of that name', named.id, repeat);
  const longer = attribute('Payment Queue', 'category', { ...minutes, lookBackPeriod: 10, rules });
  const body = { name: `${stem}-repeat`, attributes: [longer] };
  const path = `${templates}/template-id/${repeat}`;
  const changed = await client.want('changed template', 200, path, { method: 'PUT', body });
  client.findings.same('its look-back', changed.attributes[0].lookBackPeriod, 10);
  return made;
}

async function makePerson({ client, email, phone, stem }: Cast): Promise<string> {
  const names = { firstName: 'Pat', lastName: 'Doe' };
  const body = { ...names, phone: [phone, ''], email: [email], customerId: [`${stem}-c`] };
  const { id } = await client.want('person', 201, `${persons}/{W}`, { body });
  const other = `${phone},13335550123,nobody-${stem}@example.com`;
  for (const alias of [email, phone, other]) {
    const found = await client.want(alias, 200, `${persons}/{W}/aliases/${alias}`);
    client.findings.same(
      `who is ${alias}`,
      found.map((each: { id: string }) => each.id),
      [id],
    );
  }
  return id;
}

async function publishAll(cast: Cast): Promise<void> {
  const { email, phone } = cast;
  const send = (type: string, data: object, identity = phone, more: object = {}) =>
    publish(cast, identity, { type, data, ...more });
  for (const channelType of ['email', 'chat']) {
    await send('task:new', { taskId: randomUUID(), origin: email, channelType }, email);
  }
  for (const channelType of ['telephony', 'social']) {
    await send('task:new', { taskId: randomUUID(), origin: phone, channelType });
  }
  const uiData = {
    title: '⚠ Past due',
    iconType: 'Payment',
    subTitle: '[Pay](https://example.com)',
  };
  for (let n = 1; n <= 30; n++) {
    const status = n === 30 ? 'complete' : 'overdue';
    const data = { phone, notification: String(n), category: 'Water', status, uiData };
    await send('Payment', data, phone, { source: 'SMS%20Notification' });
  }
  for (const category of ['Payment', 'Payment', 'Other']) {
    await send('Payment Queue', { phone, category, channelBreakout: 'voice' });
  }
  for (const title of ['Nobody there', 'After hours']) {
    await send('Closed Queue', { phone, category: 'Closed', uiData: { title } });
  }
  await send('Icons', { uiData });
}

async function publish(
  { client, published }: Cast,
  identity: string,
  parts: object,
): Promise<void> {
  const id = randomUUID();
  published.set(identity, [...(published.get(identity) ?? []), id]);
  const identitytype = identity.startsWith('+') ? 'phone' : 'email';
  const envelope = { id, specversion: '1.0', source: 'wxcc', datacontenttype: 'application/json' };
  await client.publish({ ...envelope, identity, identitytype, ...parts });
}

async function readHistory({ client, phone, published }: Cast): Promise<void> {
  const of = `${history}?identity=${encodeURIComponent(phone)}`;
  const all = await client.want('history', 200, `${of}&pageSize=1000`);
  const own = published.get(phone)!.length;
  const ofPhone = (all as { identity: string }[]).filter(({ identity }) => identity === phone);
  client.findings.same('events in it', ofPhone.length, own);
  const filter = "filter=type=='Payment'&data=category=='Water'&pageSize=1";
  const [newest, ...rest] = await client.want('newest payment', 200, `${of}&${filter}`);
  client.findings.same('it', [newest?.data.status, rest.length], ['complete', 0]);
}

async function readViews({ client, stem }: Cast, person: string, made: Made): Promise<void> {
  const results = async (template: string): Promise<string[]> => {
    const [view] = await client.want(template, 200, `${views}/person-id/${person}/${template}`);
    return view.attributes.map(({ result }: { result: string }) => result);
  };
  const contacts = ['4', '4', 'social,telephony,chat,email'];
  client.findings.same('contacts', await results(`template-id/${made.contacts}`), contacts);
  client.findings.same('by name', await results(`template-name/${stem}-contacts`), contacts);
  // Some requests put a name where an id should be.
  client.findings.same('repeat callers', await results(`template-id/${stem}-repeat`), ['2']);
  client.findings.same('closed', await results(`template-id/${made.closed}`), ['2']);
}

async function keepAction({ client }: Cast, template: string): Promise<void> {
  const path = `/admin/v1/api/journey-actions/{W}/template-id/${template}`;
  const attributes = { httpverb: 'post', requestbody: '{"sms":"hello"}' };
  const trigger = { type: 'Webhook', webhookURL: 'https://hooks.example.com/1', attributes };
  const rules = { logic: 'SINGLE', condition: 'Closed Queue,category,string,Count EQ 2' };
  const body = {
    name: 'Closed queue',
    isActive: true,
    cooldownPeriodInMinutes: 1,
    rules,
    actionTriggers: [trigger],
  };
  const { id } = await client.want('action', 201, path, { body });
  const changed = { ...body, cooldownPeriodInMinutes: 5 };
  // As CJDS answers it; the name says which action of the template is meant.
  await client.want('changed action', 201, path, { method: 'PUT', body: changed });
  const listed = await client.want('actions', 200, path);
  const cooldowns = listed.map((each: typeof body) => each.cooldownPeriodInMinutes);
  client.findings.same('their cooldowns', cooldowns, [5]);
  await client.want('deleted action', 200, `${path}/action-id/${id}`, { method: 'DELETE' });
}

async function changePerson({ client, email, phone, stem }: Cast, person: string): Promise<void> {
  const patch = (what: string, path: string, status: number, body: unknown) =>
    client.want(what, status, `${persons}/${path}`, { method: 'PATCH', type: patchType, body });
  const more = { email: [`more-${stem}@example.com`], temporaryId: [`${stem}-t`] };
  const added = await patch('added', `add-identities/{W}/person-id/${person}`, 200, more);
  client.findings.same('temporary ids', added.temporaryId, [`${stem}-t`]);
  const gone = [`more-${stem}@example.com`];
  const fewer = await patch('taken away', `remove-identities/{W}/person-id/${person}`, 200, gone);
  client.findings.same('emails', fewer.email, [email]);
  const operations = [
    { op: 'replace', path: '/lastName', value: 'Roe' },
    { op: 'add', path: '/email/1', value: `second-${stem}@example.com` },
  ];
  const changed = await patch('patched', `{W}/person-id/${person}`, 202, operations);
  client.findings.same('the patched person', [changed.lastName, changed.email.length], ['Roe', 2]);
  const other = { firstName: 'Pat', email: [`other-${stem}@example.com`] };
  const { id } = await client.want('another person', 201, `${persons}/{W}`, { body: other });
  const path = `${persons}/merge/{W}/primary-person-id/${person}`;
  await client.want('merged', 202, path, { body: { personIdsToMerge: [id] } });
  const [found] = await client.want(
    'whom',
    200,
    `${persons}/{W}/aliases/other-${stem}@example.com`,
  );
  client.findings.same('the merged person', [found.id, found.phone], [person, [phone]]);
}

async function removeAll({ client, email }: Cast, person: string, made: Made): Promise<void> {
  const remove = { method: 'DELETE' };
  for (const id of Object.values(made)) {
    await client.want('deleted template', 200, `${templates}/template-id/${id}`, remove);
    await client.want('a template that is gone', 404, `${templates}/template-id/${id}`);
  }
  await client.want('deleted person', 200, `${persons}/{W}/person-id/${person}`, remove);
  const found = await client.want('aliases then', 200, `${persons}/{W}/aliases/${email}`);
  client.findings.same(
    'who had the alias',
    found.map((each: { firstName: string }) => each.firstName),
    [''],
  );
}

/** What is on the tapes of it. */
async function audit(
  server: TestServer,
  { published }: Cast,
): Promise<{ stored: number; twice: number }> {
  let [stored, twice] = [0, 0];
  for (const [identity, ids] of published) {
    const { events } = await tape(server, identity, 'limit=1000');
    for (const id of ids) {
      const found = events.filter((event) => event.customer === identity && event.id === id);
      if (found.length > 0) stored += 1;
      if (found.length > 1) twice += 1;
    }
  }
  return { stored, twice };
}
