/** What is in force, and what it says, as the tape tells it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JourneyMap, Rule } from '../src/journeys/definition.ts';
import { type DefinitionSource, InForce } from '../src/journeys/engine/inforce.ts';
import { Publisher } from '../src/journeys/engine/publisher.ts';
import { Texts } from '../src/journeys/engine/texts.ts';
import { type DefinitionSaid, definitionPartMax } from '../src/journeys/words.ts';
import { AppError } from '../src/std/errors.ts';
import { ManualClock } from './support/shardkit.ts';

const log = { info() {}, warn() {}, error() {} };

function mapOf(event: string, description = 'short'): JourneyMap {
  return { description, entry: [{ event }], stages: [{ name: 's', steps: [{ name: event }] }] };
}

const rule: Rule = { when: { view: 'v', where: 'view.Logins == 2' }, then: [] };

class Rows {
  readonly all = new Map<string, Buffer>();

  put(key: Buffer, value: Buffer | undefined): void {
    if (value === undefined) this.all.delete(key.toString('latin1'));
    else this.all.set(key.toString('latin1'), value);
  }

  range(prefix: Buffer): [Buffer, Buffer][] {
    const found = [...this.all].filter(([key]) => key.startsWith(prefix.toString('latin1')));
    return found
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => [Buffer.from(key, 'latin1'), value]);
  }
}

/** What a workspace has published, what is said of it, and what is read back of that. */
class Life {
  readonly rows = new Rows();
  readonly published = new Map<string, { version: number; text: string; shown?: string[] }>();
  readonly inForce: InForce;
  readonly #publisher: Publisher;
  readonly said: { id: string; data: DefinitionSaid }[] = [];
  refuses: (events: readonly object[]) => boolean = () => false;
  readonly #ids = new Set<string>();
  #changes = 0;
  #places = 0;

  constructor() {
    const source: DefinitionSource = {
      wanted: () => {
        return [...this.published].map(([name, { version, shown }]) => {
          const kind = name.startsWith('r') ? ('rule' as const) : ('journey' as const);
          const revision = String(this.#changes);
          return { workspace: 1, kind, name, version, revision, ...(shown && { shown }) };
        });
      },
      current: (_workspace, _kind, name) => this.published.get(name)?.version ?? 0,
      published: (_workspace, _kind, name) => this.published.get(name)?.text,
    };
    this.inForce = new InForce(source, new Texts(this.rows), log, []);
    this.#publisher = new Publisher({
      ...{ clock: new ManualClock(1), log, source, inForce: this.inForce },
      lastChange: () => 0,
      say: async (_workspace, events) => {
        if (this.refuses(events)) throw new AppError('too_large', 'it does not fit');
        // The tape takes an id once.
        const fresh = (events as Life['said']).filter(({ id }) => !this.#ids.has(id));
        for (const { id } of fresh) this.#ids.add(id);
        this.said.push(...fresh);
      },
    });
  }

  #nextPlace(): string {
    this.#places += 1;
    return String(this.#places);
  }

  publish(name: string, version: number, definition: object, shown?: string[]): void {
    const text = JSON.stringify(definition);
    this.published.set(name, { version, text, ...(shown && { shown }) });
  }

  /** @returns what was said, which is then read back. */
  async follow(missing: readonly string[] = []): Promise<DefinitionSaid[]> {
    this.#changes += 1;
    this.said.length = 0;
    this.#publisher.publish();
    await new Promise((resolve) => setImmediate(resolve));
    for (const { data } of this.said) this.inForce.take(1, data, this.#nextPlace());
    const names = this.#publisher.missing().map(({ name }) => name);
    assert.deepEqual(names, missing);
    return this.said.map(({ data }) => data);
  }
}

test('a version comes into force with the text that the tape has, however the directory changes since', async () => {
  const life = new Life();
  life.publish('m', 1, mapOf('A'));
  const [said] = await life.follow();
  assert.deepEqual(JSON.parse(said!.text!), mapOf('A'));
  life.published.get('m')!.text = JSON.stringify(mapOf('other'));
  assert.equal(life.inForce.map(1, 'm', 1)!.steps[0]!.name, 'A');
  assert.deepEqual(await life.follow(), []);
});

test('a long text comes in parts, each within the bounds of an event, and counts with the last', async () => {
  const life = new Life();
  const long = mapOf('A', '€'.repeat(2 * definitionPartMax));
  const shown = Array.from({ length: 100 }, (_, n) => `${n}`.padEnd(128, '"'));
  life.publish('m', 1, long, shown);
  const parts = await life.follow();
  assert.ok(parts.length > 1);
  assert.ok(life.said.every((each) => Buffer.byteLength(JSON.stringify(each)) <= 32_768));
  assert.equal(new Set(life.said.map(({ id }) => id)).size, parts.length);
  assert.deepEqual(JSON.parse(parts.map(({ text }) => text).join('')), long);
  const other = new Life();
  for (const part of parts.slice(0, -1)) assert.equal(other.inForce.take(1, part, '1'), false);
  assert.equal(other.inForce.map(1, 'm'), undefined);
  assert.equal(other.inForce.take(1, parts.at(-1)!, '1'), true);
  assert.equal(other.inForce.map(1, 'm')!.map.description, long.description);
});

test('what the tape has without a text is what the directory says, or is said anew', async () => {
  const life = new Life();
  const said: DefinitionSaid = { kind: 'journey', name: 'm', version: 1 };
  assert.equal(life.inForce.take(1, said, '1'), false);
  assert.equal(life.inForce.map(1, 'm'), undefined);
  life.publish('m', 1, mapOf('A'));
  assert.equal(life.inForce.take(1, said, '1'), true);
  life.published.get('m')!.text = JSON.stringify(mapOf('other'));
  assert.equal(life.inForce.map(1, 'm')!.steps[0]!.name, 'A');
});

test('a text whose first parts are past their retention is not in force until they are said again', async () => {
  const life = new Life();
  life.publish('m', 1, mapOf('A', 'x'.repeat(3 * definitionPartMax)));
  const parts = await life.follow();
  const other = new Life();
  for (const part of parts.slice(1)) assert.equal(other.inForce.take(1, part, '1'), false);
  assert.equal(other.inForce.map(1, 'm'), undefined);
  assert.equal(other.inForce.take(1, parts[0]!, '1'), true);
  assert.ok(other.inForce.map(1, 'm'));
});

test('what the tape never takes holds up none of the others', async () => {
  const life = new Life();
  life.publish('m', 1, mapOf('A'));
  life.publish('n', 1, mapOf('too large'));
  life.refuses = (events) => JSON.stringify(events).includes('too large');
  await life.follow(['n']);
  assert.ok(life.inForce.map(1, 'm'));
  assert.equal(life.inForce.map(1, 'n'), undefined);
});

test('a map keeps what its versions say until it is deleted and nobody is on them; a rule its last', async () => {
  const life = new Life();
  for (const version of [1, 2]) {
    life.publish('m', version, mapOf(`A${version}`));
    life.publish('r', version, { when: { event: `A${version}` }, then: [] });
    await life.follow();
  }
  assert.equal(life.rows.all.size, 3);
  assert.equal(life.inForce.map(1, 'm', 1)!.steps[0]!.name, 'A1');
  life.published.clear();
  const said = await life.follow();
  assert.deepEqual(
    said.map(({ deleted, kind, version }) => [kind, version, deleted]),
    [
      ['journey', 0, 2],
      ['rule', 0, undefined],
    ],
  );
  assert.equal(life.inForce.map(1, 'm'), undefined);
  assert.equal(life.inForce.rule(1, 'r'), undefined);
  assert.ok(life.inForce.map(1, 'm', 1), 'instances are on it');
  life.publish('m', 3, mapOf('A3'));
  await life.follow();
  life.inForce.shed(1, 'm', 2);
  assert.deepEqual(
    [1, 2, 3].map((version) => life.inForce.map(1, 'm', version)?.steps[0]?.name),
    [undefined, undefined, 'A3'],
  );
  assert.equal(life.rows.all.size, 1);
});

test('a name that is put again with numbers from 1 is deleted again', async () => {
  for (const name of ['m', 'r']) {
    const life = new Life();
    for (const event of ['A', 'B']) {
      life.publish(name, 1, name === 'r' ? { when: { event }, then: [] } : mapOf(event));
      await life.follow();
      assert.ok(life.inForce.map(1, name) ?? life.inForce.rule(1, name));
      life.published.delete(name);
      const [said] = await life.follow();
      assert.equal(said?.version, 0);
      life.inForce.shed(1, name, 1);
    }
    assert.equal(life.inForce.map(1, name) ?? life.inForce.rule(1, name), undefined);
  }
});

test('a rule that watches a view is said anew when that shows other events', async () => {
  const life = new Life();
  life.publish('r', 1, rule, ['A']);
  await life.follow();
  const listens = (type: string): boolean => life.inForce.of(1)!.listeners(type).views.length > 0;
  assert.deepEqual([listens('A'), listens('B')], [true, false]);
  life.published.get('r')!.shown = ['A', 'B'];
  const said = await life.follow();
  assert.deepEqual(
    said.map(({ shown, version }) => [version, shown]),
    [[1, ['A', 'B']]],
  );
  assert.deepEqual([listens('A'), listens('B')], [true, true]);
  assert.deepEqual(await life.follow(), []);
});
