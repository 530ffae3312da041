/**
 * The load generator for HTTP at an even rate, a process of its own. Every request is due at an instant that
 * does not depend on answers, and its time counts from that instant: one that waits for a connection, or for
 * this process, was asked for all the same.
 *
 *     due ─▶ a free connection, or the queue ─▶ written ─▶ answered: now - due
 *
 * Requests of one tick of the timer (a millisecond) leave together, those that are due by then.
 */
import { connect, type Socket } from 'node:net';
import { seededRandom } from '../src/std/random.ts';
import type { CannonFigures, CannonMessage, CannonPlan } from './cannon.ts';
import { leave, readPlan, tell } from './child.ts';
import { Patch } from './patch.ts';
import { quantiles, rounded } from './report.ts';

export interface PacedPlan extends CannonPlan {
  /** Requests a second. */
  readonly rate: number;
  /** Answers that have this in them are counted; empty: all. */
  readonly marked: string;
}

export interface PacedFigures extends CannonFigures {
  readonly markedAnswers: number;
}

export type PacedMessage =
  | Exclude<CannonMessage, { readonly kind: 'done' }>
  | { readonly kind: 'done'; readonly figures: PacedFigures };

const plan = readPlan<PacedPlan>();
const random = seededRandom(plan.seed);
const drawCustomer = (): number => random.below(plan.customers);
const tickMs = 1;
/** What is not answered so long after the last was due is cut off. */
const graceMs = 5000;
const headEnd = Buffer.from('\r\n\r\n');
const lengthPattern = /\r\ncontent-length: (\d+)/i;

const request = requestBytes(plan);
const patch = new Patch(request);
const tally = { requests: 0, answered: 0, failures: 0 };
/** Instants at which those were due that no connection was free for, oldest first. */
const waiting: number[] = [];
let answerMs: number[] = [];
let markedAnswers = 0;

function requestBytes({ body = '', key, url }: CannonPlan): Buffer {
  const { host, pathname, search } = new URL(url);
  const head = [
    `POST ${pathname}${search} HTTP/1.1`,
    `Host: ${host}`,
    `Authorization: Bearer ${key}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`);
}

/** One request at a time. */
class Connection {
  readonly #socket: Socket;
  readonly #bytes = Buffer.from(request);
  #dueMs = Number.NaN;
  #read: Buffer = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#take(chunk));
    socket.on('close', () => {
      throw new Error('the server closed a connection');
    });
  }

  ask(dueMs: number): void {
    this.#dueMs = dueMs;
    patch.write(this.#bytes, tally.requests++, drawCustomer);
    this.#socket.write(this.#bytes);
  }

  #take(chunk: Buffer): void {
    this.#read = this.#read.length === 0 ? chunk : Buffer.concat([this.#read, chunk]);
    const end = this.#read.indexOf(headEnd);
    if (end === -1) return;
    const head = this.#read.toString('latin1', 0, end);
    const length = Number(lengthPattern.exec(head)?.[1] ?? 0);
    if (this.#read.length < end + headEnd.length + length) return;
    if (this.#read.includes(plan.marked, end)) markedAnswers += 1;
    this.#read = Buffer.alloc(0);
    if (head.startsWith('HTTP/1.1 200')) tally.answered += 1;
    else tally.failures += 1;
    answerMs.push(performance.now() - this.#dueMs);
    const dueMs = waiting.shift();
    if (dueMs === undefined) free.push(this);
    else this.ask(dueMs);
  }

  end(): void {
    this.#socket.removeAllListeners('close');
    this.#socket.destroy();
  }
}

const connections = await Promise.all(Array.from({ length: plan.connections }, open));
const free = [...connections];

function open(): Promise<Connection> {
  const { hostname, port } = new URL(plan.url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    socket.once('error', reject);
    socket.once('connect', () => resolve(new Connection(socket)));
  });
}

/** Asks for so long; resolves when all are answered. */
async function fire(seconds: number): Promise<void> {
  const startMs = performance.now();
  const due = Math.round(plan.rate * seconds);
  const goal = answerMs.length + due;
  let asked = 0;
  while (asked < due) {
    const now = performance.now();
    for (; asked < due; asked++) {
      const dueMs = startMs + (asked * 1000) / plan.rate;
      if (dueMs > now) break;
      const connection = free.shift();
      if (connection === undefined) waiting.push(dueMs);
      else connection.ask(dueMs);
    }
    await new Promise((resolve) => setTimeout(resolve, tickMs));
  }
  const endMs = performance.now() + graceMs;
  while (answerMs.length < goal && performance.now() < endMs) {
    await new Promise((resolve) => setTimeout(resolve, tickMs));
  }
  tally.failures += goal - answerMs.length;
}

if (plan.warmupSeconds > 0) await fire(plan.warmupSeconds);
tell({ kind: 'measuring' });
answerMs = [];
markedAnswers = 0;
const cpuBefore = process.cpuUsage();
const startMs = performance.now();
await fire(plan.seconds);
const seconds = (performance.now() - startMs) / 1000;
const cpu = process.cpuUsage(cpuBefore);
tell({ kind: 'measured' });
const figures: PacedFigures = {
  markedAnswers,
  requestsPerSecond: Math.round(answerMs.length / seconds),
  answerMs: quantiles(answerMs),
  ...tally,
  generatorMicrosPerRequest: rounded((cpu.user + cpu.system) / Math.max(1, answerMs.length)),
};
tell({ kind: 'done', figures });
for (const connection of connections) connection.end();
leave();
