/** A customer too large for the memory of a job is sealed in pieces: each fits, and together they are in order. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Pieces } from '../src/tape/pieces.ts';

const record = fc.record({
  hash: fc.integer({ min: 0, max: 3 }),
  time: fc.integer({ min: 0, max: 9 }),
  bytes: fc.integer({ min: 0, max: 60 }),
});

test('pieces fit into memory, follow each other in order, and leave nothing out', () => {
  const records = fc.array(record, { minLength: 1, maxLength: 80 });
  const limits = fc.record({
    payloadBytes: fc.integer({ min: 1, max: 200 }),
    records: fc.integer({ min: 1, max: 20 }),
  });
  fc.assert(
    fc.property(records, limits, (all, limit) => {
      const planned = new Pieces(all.length);
      for (const { bytes, hash, time } of all) planned.note(hash, time, bytes);
      const { pieceOf, pieces } = planned.plan(limit);
      assert.equal(planned.bytesMax, Math.max(...all.map(({ bytes }) => bytes)));
      const placed = all.map((each, number) => ({ ...each, number, piece: pieceOf[number]! }));
      for (let piece = 0; piece < pieces; piece++) {
        const own = placed.filter((each) => each.piece === piece);
        const bytes = own.reduce((sum, each) => sum + each.bytes, 0);
        assert.ok(own.length === 1 || (own.length <= limit.records && bytes <= limit.payloadBytes));
        assert.ok(own.length > 0);
      }
      placed.sort((a, b) => a.hash - b.hash || a.time - b.time || a.number - b.number);
      for (const [i, each] of placed.entries()) {
        assert.ok(i === 0 || placed[i - 1]!.piece <= each.piece);
      }
    }),
  );
});
