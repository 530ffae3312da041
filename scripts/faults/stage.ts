/**
 * A data directory with all its clients and its auditor, which outlive every server that is started
 * on it. `findings` collects what must not be.
 */
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { openReader } from '../../src/client/reader.ts';
import { sleep, systemClock } from '../../src/std/clock.ts';
import type { Random } from '../../src/std/random.ts';
import { startServer, type TestServer, testKeys } from '../../test/support/server.ts';
import { Auditor } from '../torture/audit.ts';
import { Crowd } from '../torture/crowd.ts';
import { Editor } from './editor.ts';
import { Prober } from './prober.ts';

export interface StageOptions {
  /** Journals and traces go here. */
  readonly directory: string;
  readonly data: string;
  readonly seed: number;
  readonly random: Random;
  readonly report: (problem: string) => void;
}

export interface StartOptions {
  readonly wrapper?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Nothing of a server's life takes longer, unless it hangs. */
const patienceMs = 60_000;
const pollMs = 5;
const shards = 2;

export class Stage {
  readonly crowd: Crowd;
  readonly auditor: Auditor;
  readonly prober: Prober;
  readonly editor: Editor;
  readonly directory: string;
  readonly data: string;
  readonly #options: StageOptions;
  readonly #port: number;
  #server: TestServer | undefined;
  #following: Promise<void> | undefined;
  #problems = 0;

  private constructor(options: StageOptions, port: number) {
    const { data, directory, seed } = options;
    const url = `http://127.0.0.1:${port}`;
    const found = (problem: string): void => this.found(problem);
    this.directory = directory;
    this.data = data;
    this.#options = options;
    this.#port = port;
    this.crowd = new Crowd({
      clients: 3,
      customers: 100,
      directory,
      url,
      seed,
      key: testKeys.write,
    });
    this.auditor = new Auditor(openReader({ url, key: testKeys.read, clock: systemClock }), found);
    this.prober = new Prober({ url, key: testKeys.write, acked: this.crowd.acked, found });
    this.editor = new Editor({ url, key: testKeys.admin, found });
  }

  /** Clients come back to the same address after each restart. */
  static async open(options: StageOptions): Promise<Stage> {
    const probe = createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const { port } = probe.address() as AddressInfo;
    await new Promise((resolve) => probe.close(resolve));
    return new Stage(options, port);
  }

  get problems(): number {
    return this.#problems;
  }

  get server(): TestServer {
    return this.#server!;
  }

  found(problem: string): void {
    this.#problems += 1;
    this.#options.report(problem);
  }

  /** Starts a server. Rejects when it ends before it is ready. */
  async start({ env = {}, wrapper = [] }: StartOptions = {}): Promise<void> {
    const { data } = this;
    const server = { data, port: this.#port, shards, fronts: 1, wrapper };
    this.#server = await startServer({ ...server, env: { TAPELINE_FREE_MIB: '0', ...env } });
    this.#following ??= this.auditor.follow();
  }

  go(): void {
    this.prober.reset();
    this.crowd.go();
    this.prober.go();
    this.editor.go();
  }

  /** Waits for a condition; false when the server's life ends first. Reports what never comes. */
  async until(what: string, holds: () => boolean | Promise<boolean>): Promise<boolean> {
    const startedMs = systemClock.monotonicMs();
    while (!(await holds())) {
      if (this.hasEnded()) return false;
      if (systemClock.monotonicMs() - startedMs > patienceMs) {
        this.found(`${what} does not happen`);
        return false;
      }
      await Promise.race([sleep(systemClock, pollMs), this.crowd.failure, this.#following]);
    }
    return true;
  }

  hasEnded(): boolean {
    const { exitCode, signalCode } = this.server.process;
    return exitCode !== null || signalCode !== null;
  }

  async isReady(): Promise<boolean> {
    return fetch(`${this.server.url}/healthz`).then(
      async (response) => {
        await response.text();
        return response.status === 200;
      },
      () => false,
    );
  }

  /** Every sender gets its receipts and rests; then every promise is checked. */
  async audit(isFull: boolean): Promise<void> {
    const { auditor, crowd, editor, prober } = this;
    const { random } = this.#options;
    const cancel = systemClock.after(patienceMs, () => this.found('senders get no receipts'));
    await Promise.all([crowd.pause(), prober.pause(), editor.pause()]).finally(cancel);
    await editor.check();
    await auditor.checkReceipts(crowd.acked);
    const customers = auditor.customers();
    const some = customers.filter(() => isFull || random.below(customers.length) < 5);
    await auditor.checkTapes(some, random);
    const back = isFull ? auditor.events : Math.min(auditor.events, random.below(2000));
    await auditor.checkStream(this.server.url, testKeys.read, auditor.events - back);
  }

  /** An orderly end, which has to be one. */
  async stop(): Promise<void> {
    const code = await this.server.stop();
    if (code !== 0) this.found(`a stop ended with ${code}: ${this.server.log()}`);
  }

  async close(): Promise<void> {
    this.auditor.close();
    this.crowd.close();
    this.prober.close();
    this.editor.close();
    await this.#following?.catch(() => undefined);
    await this.#server?.kill();
  }

  /** Removes what a clean run leaves. */
  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
    rmSync(join(this.data), { recursive: true, force: true });
  }
}
