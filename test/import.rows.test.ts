/** Files become rows: separators, quotes, line ends, positions, JSON lines, and what is wrong with them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { mapOf, readCells, readEvents, readRows } from './support/rows.ts';

test('quoted cells hold separators, doubled quotes and line ends', async () => {
  const text = 'a,b\r\n"x, y","say ""hi"""\r\n"two\r\nlines",z\r\n,""\r\n"",\r\n';
  assert.deepEqual(await readCells(mapOf({ columns: undefined }), text), [
    ['x, y', 'say "hi"'],
    ['two\r\nlines', 'z'],
    ['', ''],
    ['', ''],
  ]);
});

test('what a spreadsheet would write is read back, however the bytes are cut', async () => {
  const cell = fc.string({ unit: fc.constantFrom('"', ',', '\n', '\r', 'a', 'é', '😀', ' ', ';') });
  const row = fc.tuple(cell, cell);
  await fc.assert(
    fc.asyncProperty(fc.array(row), fc.array(fc.nat(200)), async (rows, cuts) => {
      const quoted = rows.map((cells) => cells.map((c) => `"${c.replaceAll('"', '""')}"`).join());
      const bytes = Buffer.from(quoted.join('\r\n'));
      const edges = [0, ...cuts.map((c) => Math.min(c, bytes.length)), bytes.length];
      edges.sort((a, b) => a - b);
      const chunks = edges.slice(1).map((end, i) => bytes.subarray(edges[i]!, end));
      assert.deepEqual(await readCells(mapOf({}), ...chunks), rows);
    }),
    { numRuns: 300 },
  );
});

test('rows keep the number of the line they begin on', async () => {
  const { rows } = await readRows(mapOf({}), '1,2\n\n"3\n\n",4\r\n   \n5,6');
  assert.deepEqual(
    rows.map(({ line }) => line),
    [1, 3, 7],
  );
});

test('a bad row is refused by line and its neighbours are not', async () => {
  const text = Buffer.concat([
    Buffer.from('1,2\n1,2,3\n"a"b,2\n'),
    Buffer.from([0xff, 0x2c, 0x32, 0x0a]),
    Buffer.from('3,4\n"open,5\n6,7\n'),
  ]);
  assert.deepEqual(await readCells(mapOf({}), text), [
    ['1', '2'],
    '2: the row has 3 columns instead of 2',
    '3: column 1 goes on after its closing quote',
    '4: the line is not UTF-8',
    ['3', '4'],
    '6: a quote is not closed (lines 6 to 7)',
  ]);
});

test('other separators, no quotes, runs of blanks, positions and latin1 are understood', async () => {
  assert.deepEqual(await readCells(mapOf({ separator: '\t' }), 'x y\tz\n'), [['x y', 'z']]);
  assert.deepEqual(await readCells(mapOf({ separator: '||' }), 'x|y||"z||"\n'), [['x|y', 'z||']]);
  assert.deepEqual(await readCells(mapOf({ quote: '' }), '"x,y"\n'), [['"x', 'y"']]);
  assert.deepEqual(await readCells(mapOf({ quote: "'" }), "'x,y','it''s'\n"), [['x,y', "it's"]]);
  assert.deepEqual(await readCells(mapOf({ separator: 'whitespace' }), ' x  \t y \n'), [
    ['x', 'y'],
  ]);
  const columns = [
    { name: 'a', at: 0, width: 3 },
    { name: 'b', at: 4, width: 9 },
  ];
  assert.deepEqual(await readCells(mapOf({ format: 'fixed', columns }), 'abc defg \nab\n'), [
    ['abc', 'defg'],
    ['ab', ''],
  ]);
  const latin1 = Buffer.from('é,ü\n', 'latin1');
  assert.deepEqual(await readCells(mapOf({ encoding: 'latin1' }), latin1), [['é', 'ü']]);
});

test('a byte order mark is dropped, and a header may come although columns are named', async () => {
  assert.deepEqual(await readCells(mapOf({ header: true }), '\ufeffp,q\n1,2'), [['1', '2']]);
  assert.equal((await readEvents(mapOf({ columns: undefined }), '\ufeffa,b\n1,2')).length, 1);
});

test('JSON lines give an event each, or one for every item of an array', async () => {
  const event = { customer: 'u:{^who.id}', type: '{kind}', data: '{more}' };
  const map = mapOf({ format: 'ndjson', columns: undefined, each: 'visit.list', event });
  const line = {
    who: { id: 7 },
    visit: { list: [{ kind: 'a', more: { x: [1] } }, { kind: 'b' }] },
  };
  const text = `${JSON.stringify(line)}\n\n{"visit":{}}\nnope\n{"visit":{"list":[]}}\n`;
  assert.deepEqual(await readEvents(map, text), [
    { id: 'id-1-0', customer: 'u:7', type: 'a', data: { x: [1] } },
    { id: 'id-1-1', customer: 'u:7', type: 'b' },
    'visit.list is not an array',
    `the line is not JSON: ${jsonError('nope')}`,
  ]);
});

test('a number that would lose digits is refused, not rounded', async () => {
  const event = { customer: 'c', type: 't', data: '{d}' };
  const map = mapOf({ format: 'ndjson', columns: undefined, event });
  const text = '{"d":{"n":12345678901234567890}}\n{"d":{"n":"12345678901234567890"}}\n';
  const [bad, good] = await readEvents(map, text);
  assert.match(bad as string, /too large to be carried exactly/);
  assert.deepEqual((good as { data: unknown }).data, { n: '12345678901234567890' });
});

function jsonError(text: string): string {
  try {
    JSON.parse(text);
  } catch (error) {
    return (error as Error).message;
  }
  return '';
}
