/** Traces: what moved an instance, and why rules did or did not do something about it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type TraceAnswer, trace } from '../src/journeys/aids/trace.ts';
import { ScanBudget } from '../src/tape/budget.ts';
import { compilable, Past, quote, second, startMs, walkIn } from './support/past.ts';

/** Handles are numbers of identities: 7 is `cookie:1`. */
const names = {
  canonical: (identity: string) => identity,
  nameOf: (_workspace: number, handle: number) => (handle === 7 ? 'cookie:1' : undefined),
};

class Traced extends Past {
  readonly rules: object;

  constructor(rules: object = { walkIn }) {
    super();
    this.rules = rules;
  }

  /** An instance gets the same id wherever its tape is read. */
  get instance(): string {
    return this.run({}, { quote }).journeys['quote']!.examples['started']![0]!.instance!;
  }

  trace(now = this.clock.now()): TraceAnswer {
    const published = (definitions: object) =>
      compilable(definitions).map((each) => ({ ...each, publishedAt: startMs }));
    const ask = { workspace: 1, customer: 'c1', instance: this.instance, now };
    const definitions = { maps: published({ quote }), rules: published(this.rules) };
    return trace(this.kit.tape, names, { ...ask, ...definitions }, new ScanBudget(1e9));
  }

  /** Fires the timer of the instance whose id ends so, as the engine does. */
  async fire(ending: string): Promise<void> {
    const { instance } = this.trace();
    const timer = instance!.timers.find(({ id }) => id.endsWith(ending))!;
    const { due, generation, id } = timer;
    this.clock.step(due + 1 - this.clock.now());
    await this.say('c1', 'tapeline.timer', { timer: id, generation, due });
  }
}

test('a trace tells what moved the instance, and when a rule began to wait', async () => {
  const past = new Traced();
  await past.quote('c1');
  await past.event('c1', 'Unrelated');
  await past.event('c2', 'Quote Started');
  const { complete, entries, instance, rules } = past.trace();
  assert.equal(complete, true);
  assert.equal(instance!.current, 4);
  assert.deepEqual(
    entries.map(({ event }) => event.type),
    ['Quote Started', 'Car Entered', 'Driver Entered', 'Price Shown'],
  );
  assert.deepEqual(entries[0]!.changes.slice(0, 2), [
    { what: 'started' },
    { what: 'step', step: 'start' },
  ]);
  assert.deepEqual(entries[3]!.changes[0], { what: 'step', step: 'price', from: 'driver' });
  assert.deepEqual(
    entries.map((entry) => entry.rules.map(({ verdict }) => verdict)),
    [[], [], [], ['armed']],
  );
  const [standing] = rules;
  assert.deepEqual([standing!.rule, standing!.acted, standing!.verdicts], ['walkIn', 0, {}]);
  const holds = Object.fromEntries(standing!.parts.map((part) => [part.part, part.holds]));
  assert.deepEqual(holds, { status: true, step: true, silent: false, perInstanceMax: true });
});

test('a rule that is not there yet says which part is missing', async () => {
  const past = new Traced();
  await past.event('c1', 'Quote Started');
  await past.event('c1', 'Car Entered');
  const { rules } = past.trace(past.clock.now() + 60 * second);
  const parts = rules[0]!.parts.map(({ holds, part }) => [part, holds]);
  assert.deepEqual(parts, [
    ['status', true],
    ['step', false],
    ['silent', true],
    ['perInstanceMax', true],
  ]);
  assert.equal(rules[0]!.parts[1]!.detail, 'current is 2, must be more than 3');
});

test('what was decided tells which guard said no', async () => {
  const past = new Traced();
  await past.quote('c1');
  await past.fire('/r/walkIn');
  const asked = past.trace().entries.at(-1)!;
  assert.equal(asked.event.type, 'tapeline.timer');
  assert.deepEqual(asked.changes, [{ what: 'timer', timer: 'silence walkIn', came: 'request' }]);
  const [look] = asked.rules;
  assert.deepEqual([look!.verdict, look!.parts.every(({ holds }) => holds)], ['asked', true]);
  const said = { request: look!.request, rule: 'walkIn', version: 1, journey: 'quote' };
  await past.say('c1', 'tapeline.decision', {
    ...said,
    instance: past.instance,
    verdict: 'suppressed',
  });
  const { entries, rules } = past.trace();
  const [decided] = entries.at(-1)!.rules;
  assert.equal(decided!.verdict, 'suppressed');
  assert.deepEqual(
    decided!.parts.map(({ holds }) => holds),
    [true, true, true, true, true, false, null, null, null, null, null],
  );
  assert.deepEqual(rules[0]!.verdicts, { suppressed: 1 });
});

test('what was done, delivered and answered is told', async () => {
  const past = new Traced();
  await past.quote('c1');
  await past.fire('/r/walkIn');
  const request = past.trace().entries.at(-1)!.rules[0]!.request!;
  const said = { request, rule: 'walkIn', version: 1, journey: 'quote', instance: past.instance };
  const actions = [{ id: 'a1', do: 'page', data: {} }];
  await past.say('c1', 'tapeline.decision', { ...said, verdict: 'act', actions });
  await past.say('c1', 'tapeline.delivery', { action: 'a1', outcome: 'delivered' });
  await past.say('c1', 'tapeline.response', { request, rule: 'walkIn', answer: 'accepted' });
  const [decided, delivered, answered] = past.trace().entries.slice(-3);
  assert.deepEqual(decided!.rules[0]!.actions, [{ id: 'a1', do: 'page' }]);
  assert.ok(decided!.rules[0]!.parts.every(({ holds }) => holds));
  assert.deepEqual(delivered!.changes, [{ what: 'delivery', action: 'a1', outcome: 'delivered' }]);
  assert.deepEqual(answered!.changes, [{ what: 'response', outcome: 'accepted' }]);
});

test('a condition that said no is not on the tape, and is told all the same', async () => {
  const past = new Traced({ walkIn: { ...walkIn, if: 'instance.context.vip == true' } });
  await past.quote('c1');
  await past.fire('/r/walkIn');
  past.clock.step(120 * second);
  await past.event('c1', 'Price Shown');
  const { entries, rules } = past.trace();
  const [lapsed] = entries.at(-1)!.rules.filter(({ verdict }) => verdict === 'condition');
  assert.deepEqual(
    lapsed!.parts.slice(0, 4).map(({ holds, part }) => [part, holds]),
    [
      ['notInDate', true],
      ['perInstanceMax', true],
      ['condition', false],
      ['tooFar', null],
    ],
  );
  assert.deepEqual(rules[0]!.verdicts, { condition: 1 });
});

test('an event that a rule waits for, and that is not what it is about', async () => {
  const rule = {
    journey: 'quote',
    when: { event: 'Chat', where: 'event.data.topic == "price"' },
    then: [{ do: 'page', data: {} }],
  };
  const past = new Traced({ chat: rule });
  await past.event('c1', 'Quote Started');
  await past.event('c1', 'Chat', { topic: 'weather' });
  await past.event('c1', 'Chat', { topic: 'price' });
  const looks = past.trace().entries.flatMap((entry) => entry.rules);
  assert.deepEqual(
    looks.map(({ verdict }) => verdict),
    ['notMeant', 'asked'],
  );
});

test('another instance, or none, is nobody', async () => {
  const past = new Traced();
  await past.quote('c1');
  const ask = { workspace: 1, customer: 'c1', instance: 'nobody', now: past.clock.now() };
  const maps = compilable({ quote }).map((each) => ({ ...each, publishedAt: startMs }));
  const found = trace(past.kit.tape, names, { ...ask, maps, rules: [] }, new ScanBudget(1e9));
  assert.deepEqual([found.instance, found.entries, found.rules], [undefined, [], []]);
});

test('a scan that may not go on is told as incomplete', async () => {
  const past = new Traced();
  await past.quote('c1');
  const ask = { workspace: 1, customer: 'c1', instance: past.instance, now: past.clock.now() };
  const maps = compilable({ quote }).map((each) => ({ ...each, publishedAt: startMs }));
  const found = trace(past.kit.tape, names, { ...ask, maps, rules: [] }, new ScanBudget(1));
  assert.equal(found.complete, false);
});

test('definitions of then are used, not those of now', async () => {
  const past = new Traced();
  await past.quote('c1');
  const later = { ...walkIn, when: { beyondStep: 1, silentFor: '30s' } };
  const ask = { workspace: 1, customer: 'c1', instance: past.instance, now: past.clock.now() };
  const maps = compilable({ quote }).map((each) => ({ ...each, publishedAt: startMs }));
  const rules = [
    { ...compilable({ walkIn })[0]!, publishedAt: startMs },
    { ...compilable({ walkIn: later })[0]!, version: 2, publishedAt: startMs + 2 * second },
  ];
  const found = trace(past.kit.tape, names, { ...ask, maps, rules }, new ScanBudget(1e9));
  const looks = found.entries.flatMap((entry) => entry.rules);
  assert.deepEqual(
    looks.map(({ verdict, version }) => [verdict, version]),
    [['armed', 2]],
  );
  assert.equal(found.entries.find((entry) => entry.rules.length > 0)!.event.type, 'Driver Entered');
});
