/** Counters, dry runs and traces against a real server, whose engine does meanwhile what they tell of. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { ask, fresh, startTwo, store, until } from './support/session.ts';

const server = await startTwo();
after(() => server.stop());
const { admin, read, write } = server.keys;

const map = {
  entry: [{ event: 'Quote Started' }],
  stages: [
    {
      name: 'quote',
      steps: [
        { name: 'start' },
        { name: 'car', on: [{ event: 'Car Entered' }] },
        { name: 'price', on: [{ event: 'Price Shown' }] },
      ],
    },
  ],
  goal: [{ event: 'Bought' }],
};
/** Without an end by itself, so that what a test makes stays as it is. */
const help = {
  journey: 'quote',
  when: { beyondStep: 2, silentFor: '1s' },
  then: [{ do: 'event', type: 'Help Offered' }],
};

async function call(method: string, path: string, body?: object, key = admin) {
  const answer = await ask(server, path, { method, key, ...(body !== undefined && { body }) });
  return { ...answer, told: answer.json as Record<string, never> };
}

async function put(path: string, body: object): Promise<void> {
  const { status, text } = await call('PUT', path, body);
  assert.ok(status === 200 || status === 201, text);
}

await put('/v1/journeys/quote', map);
assert.equal((await call('POST', '/v1/journeys/quote/publish')).status, 200);
await put('/v1/rules/help', help);

interface Step {
  readonly step: number;
  readonly name: string;
  readonly entered: number;
  readonly here: number;
}

interface Version {
  readonly version: number;
  readonly started: number;
  readonly completed: number;
  readonly open: number;
  readonly steps: readonly Step[];
  readonly requested: number;
  readonly verdicts: Readonly<Record<string, number>>;
  readonly actions: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

async function versions(path: string): Promise<readonly Version[]> {
  const { status, told, text } = await call('GET', path, undefined, read);
  assert.equal(status, 200, text);
  return told['versions'] as unknown as Version[];
}

async function send(customer: string, ...types: string[]): Promise<void> {
  await store(
    server,
    types.map((type) => ({ customer, type, id: fresh('e') })),
  );
}

/** An instance has the same id wherever its tape is read: the engine's is that of a dry run. */
async function instanceOf(customer: string): Promise<string> {
  const { status, text, told } = await call('POST', '/v1/journeys/quote/dry-run', {});
  assert.equal(status, 200, text);
  const { examples } = (told['journeys'] as unknown as { quote: Examples }).quote;
  return examples['started']!.find((each) => each.customer === customer)!.instance;
}

interface Examples {
  readonly examples: Readonly<
    Record<string, readonly { readonly customer: string; readonly instance: string }[]>
  >;
}

interface Look {
  readonly rule: string;
  readonly verdict: string;
  readonly parts: readonly { readonly part: string; readonly holds: boolean | null }[];
}

interface Told {
  readonly complete: boolean;
  readonly status: string;
  readonly entries: readonly {
    readonly event: { readonly type: string };
    readonly changes: readonly { readonly what: string; readonly step?: string }[];
    readonly rules: readonly Look[];
  }[];
  readonly rules: readonly (Look & { readonly acted: number })[];
}

async function trace(customer: string, instance: string): Promise<Told> {
  const path = `/v1/customers/${customer}/journeys/${instance}/trace`;
  const { status, text, told } = await call('GET', path, undefined, read);
  assert.equal(status, 200, text);
  return told as unknown as Told;
}

test('what happens is counted, and told why', async () => {
  const done = fresh('c');
  await send(done, 'Quote Started', 'Car Entered', 'Price Shown', 'Bought');
  const stalled = fresh('c');
  await send(stalled, 'Quote Started', 'Car Entered', 'Price Shown');
  const [counted] = await versions('/v1/journeys/quote/counts');
  assert.deepEqual(
    [counted!.version, counted!.started, counted!.completed, counted!.open],
    [1, 2, 1, 1],
  );
  assert.deepEqual(
    counted!.steps.map(({ entered, here, name, step }) => [step, name, entered, here]),
    [
      [1, 'start', 2, 0],
      [2, 'car', 2, 0],
      [3, 'price', 2, 1],
    ],
  );
  const acted = async (): Promise<Version | undefined> => {
    const [rule] = await versions('/v1/rules/help/counts');
    return rule?.actions['event']?.['delivered'] === 1 ? rule : undefined;
  };
  await until(async () => (await acted()) !== undefined);
  const rule = (await acted())!;
  assert.deepEqual([rule.requested, rule.verdicts], [1, { act: 1 }]);

  const told = await trace(stalled, await instanceOf(stalled));
  assert.deepEqual([told.complete, told.status], [true, 'active']);
  assert.deepEqual(
    told.entries.slice(0, 3).map(({ changes, event }) => [event.type, changes.at(-1)!.step]),
    [
      ['Quote Started', 'start'],
      ['Car Entered', 'car'],
      ['Price Shown', 'price'],
    ],
  );
  const looks = told.entries.flatMap(({ rules }) => rules.map(({ verdict }) => verdict));
  assert.deepEqual(looks, ['armed', 'asked', 'act']);
  const last = told.entries.at(-1)!;
  assert.deepEqual([last.event.type, last.changes[0]!.what], ['tapeline.delivery', 'delivery']);
  assert.equal(told.rules[0]!.acted, 1);
});

test('what a customer did under another identity is told with it, and what the merge did', async () => {
  const customer = fresh('c');
  const device = `cookie:${fresh('d')}`;
  await send(customer, 'Quote Started');
  await send(device, 'Quote Started', 'Car Entered');
  const further = await instanceAt(device);
  const joined = { customer, previous: device, type: 'Login', id: fresh('e') };
  await store(server, [joined]);
  await until(async () => (await instancesOf(customer)).length === 2);
  const instances = await instancesOf(customer);
  const stays = instances.find(({ id }) => id === further)!;
  const ended = instances.find(({ id }) => id !== further)!;
  assert.deepEqual([stays.status, ended.status], ['active', 'cancelled']);
  const kept = await trace(customer, stays.id);
  assert.deepEqual(
    kept.entries.map(({ event }) => event.type),
    ['Quote Started', 'Car Entered'],
  );
  const gone = await trace(customer, ended.id);
  assert.deepEqual(
    gone.entries.map(({ changes, event }) => [event.type, changes.at(-1)!.what]),
    [
      ['Quote Started', 'stepCompleted'],
      ['tapeline.link', 'cancelled'],
    ],
  );
});

async function instancesOf(customer: string) {
  const path = `/v1/customers/${encodeURIComponent(customer)}/journeys`;
  const { status, text, told } = await call('GET', path, undefined, read);
  assert.equal(status, 200, text);
  return told['instances'] as unknown as readonly {
    readonly id: string;
    readonly status: string;
  }[];
}

async function instanceAt(customer: string): Promise<string> {
  return (await instancesOf(customer))[0]!.id;
}

test('a dry run tells what would have been, and leaves nothing behind', async () => {
  const customer = fresh('c');
  const from = Date.now();
  await send(customer, 'Quote Started', 'Car Entered');
  const before = await versions('/v1/journeys/quote/counts');
  const patient = {
    ...help,
    when: { beyondStep: 1, silentFor: '1s' },
    then: [{ do: 'page', data: {} }],
  };
  // Until an instant to come, so that its silence is over.
  const soon = Date.now() + 60_000;
  const body = { from, until: soon, rule: patient };
  const { status, text, told } = await call('POST', '/v1/rules/patient/dry-run', body);
  assert.equal(status, 200, text);
  const { journeys, partial, rules } = told as unknown as {
    readonly partial: boolean;
    readonly journeys: { readonly quote: Version };
    readonly rules: {
      readonly patient: Version & {
        readonly examples: Readonly<Record<string, readonly { readonly customer: string }[]>>;
      };
    };
  };
  assert.equal(partial, false);
  assert.equal(journeys.quote.started, 1);
  const { examples, verdicts } = rules.patient;
  assert.deepEqual(verdicts, { act: 1 });
  assert.ok(examples['act']!.some((each) => each.customer === customer));
  assert.deepEqual(await versions('/v1/journeys/quote/counts'), before);
  assert.equal((await call('GET', '/v1/rules/patient/counts')).code, 'not_found');
  const page = await call('GET', `/v1/customers/${customer}/tape?type=tapeline.decision`);
  assert.deepEqual(page.told['events'], []);
});

test('a draft, a version, a map in the body and a sample can be tried', async () => {
  const longer = structuredClone(map);
  longer.stages[0]!.steps.push({ name: 'bought', on: [{ event: 'Bought' }] });
  await put('/v1/journeys/quote', { ...longer, title: 'longer' });
  const stepsOf = async (body?: object): Promise<number> => {
    const { status, text, told } = await call('POST', '/v1/journeys/quote/dry-run', body ?? {});
    assert.equal(status, 200, text);
    return (told['journeys'] as unknown as { quote: Version }).quote.steps.length;
  };
  assert.equal(await stepsOf(), 3);
  assert.equal(await stepsOf({ draft: true }), 4);
  assert.equal(await stepsOf({ version: 1 }), 3);
  assert.equal(await stepsOf({ map: longer, sample: 50 }), 4);
  const bare = await ask(server, '/v1/journeys/quote/dry-run', { method: 'POST', key: admin });
  assert.equal(bare.status, 200, bare.text);
});

test('what cannot be tried or told is refused', async () => {
  const refused = async (
    code: string,
    message: RegExp,
    ...[method, path, body, key]: Parameters<typeof call>
  ): Promise<void> => {
    const answer = await call(method, path, body, key);
    assert.equal(answer.code, code, answer.text);
    assert.match(answer.message!, message);
  };
  const journey = '/v1/journeys/quote/dry-run';
  const rule = '/v1/rules/help/dry-run';
  await refused('not_found', /no journey 'x'/, 'POST', '/v1/journeys/x/dry-run', {});
  await refused('not_found', /no rule 'x'/, 'POST', '/v1/rules/x/dry-run', {});
  await refused('not_found', /no rule 'x'/, 'POST', journey, { rules: ['x'] });
  await refused('not_found', /no such version/, 'POST', journey, { version: 7 });
  await refused('invalid', /one of: a definition/, 'POST', journey, { version: 1, draft: true });
  await refused('invalid', /name rules under rules/, 'POST', journey, { rule: help });
  await refused('invalid', /from must be before until/, 'POST', journey, { from: 5, until: 5 });
  await refused('invalid', /at most 366 days/, 'POST', journey, { from: 5 });
  await refused('invalid', /from must be an RFC 3339/, 'POST', journey, { from: 'May' });
  await refused('invalid', /sample must be/, 'POST', journey, { sample: 101 });
  await refused('invalid', /unknown member 'speed'/, 'POST', journey, { speed: 1 });
  await refused('invalid', /stages/, 'POST', journey, { map: { ...map, stages: 7 } });
  await refused('invalid', /map is for a rule/, 'POST', rule, { map });
  const wrong = { ...help, then: [] };
  await refused('invalid', /then/, 'POST', rule, { rule: wrong });
  await refused('forbidden', /scope/, 'POST', journey, {}, read);
  await refused('forbidden', /scope/, 'GET', '/v1/journeys/quote/counts', undefined, write);
  await refused('not_found', /no journey 'x'/, 'GET', '/v1/journeys/x/counts');
  const path = `/v1/customers/${fresh('c')}/journeys/nobody/trace`;
  await refused('not_found', /no such instance/, 'GET', path);
});
