/** Maps: every step of a field, times, and clear words for whoever writes one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { builtinMaps, checkMap, loadMap } from '../scripts/import/map.ts';
import { timeReader } from '../src/event/timeformat.ts';
import { mapOf, readEvents } from './support/rows.ts';

/** What one field makes of a value of column `b`, as `data.x`; a string with `!` before a refusal. */
async function make(field: unknown, value: string, unknown: string[] = []): Promise<unknown> {
  const event = { customer: 'c', type: 't', data: { fields: { x: field } } };
  const quoted = `1,"${value.replaceAll('"', '""')}"\n`;
  const [made] = await readEvents(mapOf({ unknown, event }), quoted);
  return typeof made === 'string' ? `!${made}` : (made!.data as { x?: unknown }).x;
}

test('a field is a template and its steps, in their order', async () => {
  const b = { text: '{b}' };
  assert.equal(await make('{{{b}}}', 'v'), '{v}');
  assert.equal(await make('{a}-{b}', 'v'), '1-v');
  assert.equal(await make({ ...b, match: '^Caller (\\d+)$', prefix: 'c:' }, 'Caller 12'), 'c:12');
  assert.equal(await make({ ...b, match: '^\\d+$' }, 'x1'), '!data.x "x1" is not as expected');
  assert.equal(await make({ ...b, values: { on: true, off: null } }, 'on'), true);
  assert.equal(await make({ ...b, values: { on: true, off: null } }, 'off'), undefined);
  assert.equal(await make({ ...b, values: { on: true } }, 'toString'), 'toString');
  assert.equal(
    await make({ ...b, values: { on: true }, other: 'refuse' }, 'up'),
    '!data.x "up" is not in the map',
  );
  assert.equal(await make({ ...b, lower: true, underscore: true }, ' A  Big Dog '), 'a_big_dog');
  assert.equal(await make({ ...b, as: 'number' }, ' 12.50 '), 12.5);
  assert.equal(await make({ ...b, as: 'number' }, '0x10'), '!data.x "0x10" is not a number');
  assert.equal(await make({ ...b, as: 'number' }, '1e999'), '!data.x "1e999" is not a number');
  assert.match(String(await make({ ...b, as: 'number' }, '9007199254740993')), /^!.*too large/);
  assert.equal(await make({ ...b, as: 'boolean' }, 'No'), false);
  assert.match(String(await make({ ...b, as: 'boolean' }, 'constructor')), /^!/);
});

test('an unknown or empty value makes the field absent', async () => {
  assert.equal(await make('{b}', ''), undefined);
  assert.equal(await make('x{b}', '?', ['?']), undefined);
  assert.equal(await make({ text: '{b}', as: 'number' }, '?', ['?']), undefined);
  const map = mapOf({ unknown: ['?'], event: { customer: 'c:{a}', type: '{b}' } });
  assert.deepEqual(await readEvents(map, '?,t\n1,?\n1,t\n'), [
    'customer is unknown',
    'type is unknown',
    { id: 'id-3', customer: 'c:1', type: 't' },
  ]);
});

test('times are read as UTC, and only real ones', () => {
  const read = (format: string, text: string): string | undefined => {
    const time = timeReader(format)(text);
    return time === undefined ? undefined : new Date(time).toISOString();
  };
  assert.equal(read('YYYYMMDD', '19970228'), '1997-02-28T00:00:00.000Z');
  assert.equal(read('YYYYMMDD', '19970229'), undefined);
  assert.equal(read('YYYYMMDD', '1997-2-2'), undefined);
  assert.equal(read('d/m/yyyy hh:mm', '29/2/2016 01:16'), '2016-02-29T01:16:00.000Z');
  assert.equal(read('d/m/yyyy hh:mm', '1/12/2016 24:00'), undefined);
  assert.equal(read('m/d/yyyy', '12/31/2016'), '2016-12-31T00:00:00.000Z');
  assert.equal(
    read('yyyy-mm-dd hh:mm:ss.S', '2020-01-02 03:04:05.678'),
    '2020-01-02T03:04:05.678Z',
  );
  assert.equal(read('epoch-ms', '1659304800025'), '2022-07-31T22:00:00.025Z');
  assert.equal(read('epoch-s', '1659304800.025'), '2022-07-31T22:00:00.025Z');
  assert.equal(read('epoch-s', 'soon'), undefined);
  assert.equal(read('iso', '2020-01-02'), '2020-01-02T00:00:00.000Z');
  assert.equal(read('iso', '2020-01-02 03:04'), '2020-01-02T03:04:00.000Z');
  assert.equal(read('iso', '2020-01-02T03:04:05.5+01:00'), '2020-01-02T02:04:05.500Z');
  assert.equal(read('iso', '2020-02-30T03:04:05Z'), undefined);
  for (const bad of ['hh:mm', 'yy-mm-dd', 'yyyy-mm-dd-mm']) {
    assert.throws(() => timeReader(bad), RangeError);
  }
});

test('every real time is read back as it was written', () => {
  const readers = [timeReader('iso'), timeReader('yyyy-mm-ddThh:mm:ss.SZ')];
  fc.assert(
    fc.property(fc.date({ min: new Date(0), max: new Date('2200-01-01') }), (date) => {
      if (Number.isNaN(date.getTime())) return;
      for (const read of readers) assert.equal(read(date.toISOString()), date.getTime());
    }),
  );
});

test('a map that is wrong is refused with all that is wrong', () => {
  const wrong: readonly (readonly [object, RegExp])[] = [
    [{ event: { type: 't' } }, /event must have required property 'customer'/],
    [{ fromat: 'x' }, /the map may not have "fromat"/],
    [{ format: 'xml' }, /format must be one of delimited,fixed,ndjson/],
    [{ event: { customer: '{a}', type: { text: '{b}', uppercase: true } } }, /event.type may not/],
    [{ event: { customer: 'c', type: 't', data: { fields: { x: 1 } } } }, /event.data.fields.x/],
    [{ event: { customer: 'c', type: 't', data: { x: 'y' } } }, /event.data/],
    [{ name: 'a b' }, /name must match pattern/],
    [{ each: 'x' }, /"each" is for ndjson only/],
    [{ format: 'ndjson' }, /"columns" is not for ndjson/],
    [{ format: 'fixed' }, /name, at and width/],
    [{ columns: undefined, header: false }, /must name the columns/],
  ];
  for (const [difference, message] of wrong) {
    assert.throws(() => checkMap(JSON.parse(JSON.stringify(mapOf(difference)))), {
      name: 'MapError',
      message,
    });
  }
  assert.throws(() => loadMap('no-such-map'), /there is no map "no-such-map"/);
});

test('a map that does not fit its file says which column is missing', async () => {
  const map = mapOf({ event: { customer: '{nobody}', type: 't' } });
  await assert.rejects(readEvents(map, '1,2\n'), /no column "nobody"; the file has a, b/);
  const broken = mapOf({ event: { customer: '{a', type: 't' } });
  await assert.rejects(readEvents(broken, '1,2\n'), /brace without its pair/);
  const pattern = mapOf({ event: { customer: { text: '{a}', match: '(' }, type: 't' } });
  await assert.rejects(readEvents(pattern, '1,2\n'), { name: 'MapError' });
});

test('every map that comes with the project is sound', () => {
  assert.deepEqual(builtinMaps(), ['cdnow', 'incidents', 'otto']);
  for (const name of builtinMaps()) assert.equal(loadMap(name).name, name);
});
