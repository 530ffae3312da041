/**
 * Where a webhook may go. A tenant's URL is somebody else's word, and this server stands in networks that
 * others cannot reach: so a host is resolved first, what it resolves to is judged, and the connection goes
 * to the very addresses that were judged (`send.ts`), whatever the name says a moment later.
 */
import { isIP } from 'node:net';
import { type Address, type AllowList, isPublic } from '../../std/addresses.ts';
import type { Clock } from '../../std/clock.ts';
import { checkWebhookUrl } from '../../workspaces/webhook.ts';
import type { Resolve } from './resolve.ts';

/** What a host resolved to counts for so long. */
const keepMs = 10_000;
const hostsKeptMax = 1000;
/** Below are the doors of other protocols (SMTP, SSH, databases come above, but not in public). */
const portMin = 1024;

/** Somebody may be sent to there. */
export interface Target {
  readonly url: URL;
  readonly addresses: readonly Address[];
}

/** Why not; `final`: the URL itself is why. */
export interface Refused {
  readonly failure: string;
  readonly final?: boolean;
}

export interface GuardParts {
  readonly allow: AllowList;
  readonly resolve: Resolve;
  readonly clock: Clock;
}

export class Guard {
  readonly #parts: GuardParts;
  readonly #kept = new Map<
    string,
    { readonly until: number; readonly found: Promise<readonly Address[]> }
  >();

  constructor(parts: GuardParts) {
    this.#parts = parts;
  }

  /** Never rejects. */
  async check(text: string): Promise<Target | Refused> {
    let url: URL;
    try {
      url = new URL(checkWebhookUrl(text));
    } catch (error) {
      return { failure: (error as Error).message, final: true };
    }
    // One dot at the end is the same host, in full.
    const host = url.hostname.replace(/\.$/, '').replace(/^\[|\]$/g, '');
    const { allow } = this.#parts;
    let addresses: readonly Address[];
    try {
      addresses = await this.#find(host);
    } catch {
      return { failure: 'the name of the host could not be looked up' };
    }
    if (addresses.length === 0) return { failure: 'there is no such host' };
    if (allow.hasHost(host)) return { url, addresses };
    const foreign = addresses.filter((each) => !allow.hasAddress(each));
    if (foreign.length === 0) return { url, addresses };
    // One bad address is enough: who controls the name chooses which one is tried.
    if (!foreign.every(isPublic)) {
      return { failure: 'the host has an address that webhooks may not go to' };
    }
    if (url.protocol !== 'https:') {
      return { failure: 'only https may go to public addresses', final: true };
    }
    const port = Number(url.port || 443);
    if (port !== 443 && port < portMin) {
      return { failure: `port ${port} may not be sent to`, final: true };
    }
    return { url, addresses };
  }

  #find(host: string): Promise<readonly Address[]> {
    const family = isIP(host);
    if (family !== 0) return Promise.resolve([{ address: host, family: family === 4 ? 4 : 6 }]);
    const now = this.#parts.clock.now();
    const kept = this.#kept.get(host);
    if (kept !== undefined && now < kept.until) return kept.found;
    const found = this.#parts.resolve(host);
    this.#kept.delete(host);
    this.#kept.set(host, { until: now + keepMs, found });
    found.catch(() => this.#kept.delete(host));
    if (this.#kept.size > hostsKeptMax) this.#kept.delete(this.#kept.keys().next().value!);
    return found;
  }
}
