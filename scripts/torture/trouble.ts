/**
 * What else goes on while the server is tortured: it is stopped and continued, workspaces come, get
 * events, lose customers and are deleted again. None of it may touch the events that are audited.
 */
import { sleep, systemClock } from '../../src/std/clock.ts';
import type { Random } from '../../src/std/random.ts';
import { type TestServer, testKeys } from '../../test/support/server.ts';

const pauseMsMax = 400;
const doomedEvents = 300;

/** Stops the process for a moment; now and then it is not continued: the kill meets it stopped. */
export async function freeze(server: TestServer, random: Random): Promise<void> {
  server.process.kill('SIGSTOP');
  await sleep(systemClock, random.below(pauseMsMax));
  if (random.below(4) > 0) server.process.kill('SIGCONT');
}

/** Workspaces that were deleted, and the answer said so. */
export class Doomed {
  readonly #url: string;
  readonly #deleted = new Set<string>();
  #made = 0;

  constructor(url: string) {
    this.#url = url;
  }

  get deleted(): number {
    return this.#deleted.size;
  }

  /** One workspace's life. The server may die at any point of it: then the rest does not happen. */
  async live(): Promise<void> {
    try {
      const name = `doomed-${++this.#made}`;
      const made = await this.#ask('POST', '/v1/workspaces', testKeys.admin, { name });
      const { key, workspace } = made as { key: { key: string }; workspace: { id: string } };
      const { id } = workspace;
      const admin = key.key;
      const events = Array.from({ length: doomedEvents }, (_, n) => {
        return { id: `e${n}`, customer: `d${n % 7}`, type: 'Doomed', data: { n } };
      });
      await this.#ask('POST', '/v1/events', admin, events);
      await this.#ask('DELETE', '/v1/customers/d1', admin);
      await this.#ask('DELETE', `/v1/workspaces/${id}`, testKeys.admin);
      this.#deleted.add(id);
    } catch {
      // The server was killed, or refused because it is about to be.
    }
  }

  /** What was told to be deleted is. @returns how many are not. */
  async check(): Promise<number> {
    const { workspaces } = (await this.#ask('GET', '/v1/workspaces', testKeys.admin)) as {
      workspaces: readonly { id: string }[];
    };
    return workspaces.filter(({ id }) => this.#deleted.has(id)).length;
  }

  async #ask(method: string, path: string, key: string, body?: unknown): Promise<unknown> {
    const response = await fetch(this.#url + path, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status}`);
    const text = await response.text();
    return text === '' ? undefined : JSON.parse(text);
  }
}
