/**
 * Offers and agents in random play, and who is asked how often. Repeat one run with TAPELINE_SEED;
 * TAPELINE_SEEDS says how many are played.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newOffer } from '../src/journeys/route/applied.ts';
import { Board, offersMax } from '../src/journeys/route/board.ts';
import { planOf } from '../src/journeys/route/search.ts';
import { RoutePlay } from './support/routeplay.ts';

const seedsDefault = 60;
const start = 1_763_740_000_000;
const forever = Number.POSITIVE_INFINITY;

test('an offer has one agent at most, an agent no more than it can, and nobody waits in vain', () => {
  const given = process.env['TAPELINE_SEED'];
  const first = given === undefined ? 1 : Number(given);
  const count = given === undefined ? Number(process.env['TAPELINE_SEEDS'] ?? seedsDefault) : 1;
  for (let seed = first; seed < first + count; seed++) {
    try {
      new RoutePlay(seed).run();
    } catch (error) {
      const { stack } = error as Error;
      throw new Error(`repeat with TAPELINE_SEED=${seed}: ${stack}`, { cause: error });
    }
  }
});

function boardOf(agents: number): Board {
  const board = new Board();
  for (let i = 0; i < agents; i++) {
    const seat = board.putAgent(`a${i}`, { name: `Agent ${i}`, skills: {}, capacity: 1 });
    board.setPresence(seat, { status: 'available', place: undefined, until: forever });
  }
  return board;
}

function offer(board: Board, id: string, at: number, priority = 0): void {
  const plan = planOf({ id, do: 'agent', priority });
  board.follow(id, { id, customer: id, plan, at, state: newOffer(), isNeeded: true });
}

test('whoever was asked the longest ago is asked, so that all are asked equally often', () => {
  const board = boardOf(5);
  const asked = new Map<string, number>();
  for (let i = 0; i < 100; i++) {
    offer(board, `o${i}`, start + i);
    const [move] = board.moves(start + i);
    const agent = move!.said.agent!;
    asked.set(agent, (asked.get(agent) ?? 0) + 1);
    board.follow(`o${i}`, undefined);
  }
  assert.deepEqual([...asked.values()], [20, 20, 20, 20, 20]);
});

test('a higher priority comes first whatever its age, and of the same the oldest', () => {
  const board = boardOf(0);
  offer(board, 'old', start);
  offer(board, 'young', start + 1000);
  offer(board, 'urgent', start + 2000, 5);
  assert.deepEqual(board.moves(start + 2000), []);
  const asked: string[] = [];
  for (let i = 0; i < 3; i++) {
    const seat = board.putAgent(`a${i}`, { name: 'Ann', skills: {}, capacity: 1 });
    board.setPresence(seat, { status: 'available', place: undefined, until: forever });
    asked.push(...board.moves(start + 3000).map(({ said }) => said.action));
  }
  assert.deepEqual(asked, ['urgent', 'old', 'young']);
});

test('beyond its number of offers a board lets the newest go at once', () => {
  const board = boardOf(0);
  for (let i = 0; i <= offersMax; i++) offer(board, `o${i}`, start);
  const moves = board.moves(start);
  assert.deepEqual(
    moves.map(({ said }) => said),
    [{ action: `o${offersMax}`, number: 1, change: 'expired', outcome: 'overloaded' }],
  );
});
