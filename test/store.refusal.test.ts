/** What a failed commit means: no room is told to senders, everything else ends the process. */
import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { AppError } from '../src/std/errors.ts';
import { refusalOf } from '../src/store/environment.ts';

const noRoomCode = 28;

function failed(code: number, text: string): Error {
  return Object.assign(new Error(`No space left on device: ${text}`), { code });
}

test('no room is an error to try again, unless the library has overrun the 100 bytes of its text', () => {
  const start = 'Attempting to write page at position 2572288, size 4096, blocks 1, buffer sizes';
  const within = refusalOf(failed(noRoomCode, `${start} 4096 10 -2080348928`), tmpdir());
  assert.ok(within instanceof AppError);
  assert.equal(within.code, 'unavailable');
  const over = failed(noRoomCode, `${start} 4096 -646616608 -2080348928`);
  assert.equal(refusalOf(over, tmpdir()), over);
});

test('an I/O error is not survived', () => {
  const error = failed(5, 'Input/output error');
  assert.equal(refusalOf(error, tmpdir()), error);
});
