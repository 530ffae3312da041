/**
 * A TCP proxy that treats its connections badly, each in a way drawn from a seed: it cuts them in the
 * middle of a frame, swallows what the server answers, passes on one byte at a time, or stalls.
 *
 *     client ──▶ lane up ──▶ server        a lane: byte by byte at first, then whole, then its mishap
 *            ◀── lane down ◀──
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { sleep, systemClock } from '../../src/std/clock.ts';
import type { Random } from '../../src/std/random.ts';

/** What happens to a lane after so many bytes. */
export type Mishap = 'none' | 'cut' | 'reset' | 'swallow' | 'stall';

export interface Lane {
  /** Bytes that are passed on one by one. */
  readonly single: number;
  readonly mishap: Mishap;
  readonly after: number;
  /** How long a stalled lane rests; how long one that swallows lives. Then the connection is cut. */
  readonly restMs: number;
}

export interface Habit {
  readonly up: Lane;
  readonly down: Lane;
}

export const goodHabit: Habit = { up: goodLane(), down: goodLane() };

function goodLane(): Lane {
  return { single: 0, mishap: 'none', after: Number.POSITIVE_INFINITY, restMs: 0 };
}

const singleMax = 2_000;
const afterMax = 60_000;
const restMsMax = 4_000;

/** Most connections have one bad lane, some two, some none. */
export function drawHabit(random: Random): Habit {
  return { up: drawLane(random, ['cut', 'reset', 'stall']), down: drawLane(random) };
}

function drawLane(
  random: Random,
  mishaps: readonly Mishap[] = ['cut', 'reset', 'swallow', 'stall'],
): Lane {
  const isGood = random.below(3) === 0;
  return {
    single: random.below(4) === 0 ? random.below(singleMax) : 0,
    mishap: isGood ? 'none' : mishaps[random.below(mishaps.length)]!,
    // Small numbers fall into requests, upgrades and first frames.
    after: random.below(random.below(2) === 0 ? 600 : afterMax),
    restMs: random.below(restMsMax),
  };
}

export interface ProxyStats {
  links: number;
  readonly mishaps: Record<Mishap, number>;
}

export class RoughProxy {
  readonly stats: ProxyStats = {
    links: 0,
    mishaps: { none: 0, cut: 0, reset: 0, swallow: 0, stall: 0 },
  };
  /** The habit of the next connection. */
  draw: () => Habit = () => goodHabit;
  readonly #server: Server;
  readonly #target: number;
  readonly #links = new Set<() => void>();

  private constructor(target: number) {
    this.#target = target;
    this.#server = createServer({ allowHalfOpen: false }, (client) => this.#link(client));
  }

  /** Opens a proxy on a free port, to `target` on this machine. */
  static async open(target: number): Promise<RoughProxy> {
    const proxy = new RoughProxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get links(): number {
    return this.#links.size;
  }

  /** Cuts every connection. */
  cut(): void {
    for (const end of this.#links) end();
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #link(client: Socket): void {
    this.stats.links += 1;
    const habit = this.draw();
    const server = connect(this.#target, '127.0.0.1');
    const end = (isReset = false): void => {
      this.#links.delete(end);
      for (const socket of [client, server]) {
        if (isReset && !socket.destroyed) socket.resetAndDestroy();
        else socket.destroy();
      }
    };
    this.#links.add(end);
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', () => end());
      socket.on('close', () => end());
    }
    void this.#relay(client, server, habit.up, end);
    void this.#relay(server, client, habit.down, end);
  }

  /** Passes bytes on until the lane's mishap, or the end of either side. */
  async #relay(
    from: Socket,
    to: Socket,
    lane: Lane,
    end: (isReset?: boolean) => void,
  ): Promise<void> {
    let passed = 0;
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) {
        const whole = chunk.subarray(0, Math.max(0, lane.after - passed));
        await pass(whole, to, Math.max(0, lane.single - passed));
        passed += whole.length;
        if (whole.length === chunk.length) continue;
        this.stats.mishaps[lane.mishap] += 1;
        if (lane.mishap === 'swallow') {
          from.resume();
          await sleep(systemClock, lane.restMs);
        } else if (lane.mishap === 'stall') await sleep(systemClock, lane.restMs);
        end(lane.mishap === 'reset');
        return;
      }
      end();
    } catch {
      // Either side has ended: so has the connection.
      end();
    }
  }
}

/** The first `single` bytes one by one, the rest as it is; waits while the other side does not take it. */
async function pass(bytes: Buffer, to: Socket, single: number): Promise<void> {
  for (let at = 0; at < Math.min(single, bytes.length); at++) {
    if (to.destroyed) return;
    to.write(bytes.subarray(at, at + 1));
    // A turn of the loop, so that the bytes do not leave as one write.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const rest = bytes.subarray(single);
  if (rest.length > 0 && !to.destroyed && !to.write(rest)) await drained(to);
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      socket.off('drain', finish).off('close', finish);
      resolve();
    };
    socket.on('drain', finish).on('close', finish);
  });
}
