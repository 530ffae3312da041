/**
 * Which addresses a host has: by the machine's file of hosts, else by DNS. Not by the system's own
 * resolver, which blocks a thread of a small pool for as long as a name server likes, and the pool is what
 * commits wait for. So names must be full ones: search domains are not tried.
 */
import { Resolver } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { Address } from '../../std/addresses.ts';

/** One question to one name server; asked twice. */
const questionMs = 3000;

/** @returns none when there is no such host. Rejects when nobody could say. */
export type Resolve = (host: string) => Promise<readonly Address[]>;

/** @param hostsFile as of `/etc/hosts`; one that cannot be read has nothing to say. */
export function openResolve(hostsFile = '/etc/hosts'): Resolve {
  const resolver = new Resolver({ timeout: questionMs, tries: 2 });
  const lookUp = async (host: string, family: 4 | 6): Promise<readonly Address[]> => {
    const asked = family === 4 ? resolver.resolve4(host) : resolver.resolve6(host);
    return (await asked).map((address) => ({ address, family }));
  };
  return async (host) => {
    const text = await readFile(hostsFile, 'utf8').catch(() => '');
    const written = hostsIn(text, host);
    if (written.length > 0) return written;
    const both = await Promise.allSettled([lookUp(host, 4), lookUp(host, 6)]);
    const found = both.flatMap((each) => (each.status === 'fulfilled' ? each.value : []));
    const failed = both.find((each) => each.status === 'rejected' && !isAbsence(each.reason));
    if (found.length === 0 && failed !== undefined) throw (failed as PromiseRejectedResult).reason;
    return found;
  };
}

/** What a file of hosts says of one. */
export function hostsIn(text: string, host: string): readonly Address[] {
  const found: Address[] = [];
  for (const line of text.split('\n')) {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    const family = isIP(address);
    if (family === 0 || !names.some((name) => name.toLowerCase() === host)) continue;
    found.push({ address, family: family === 4 ? 4 : 6 });
  }
  return found;
}

function isAbsence(error: unknown): boolean {
  return ['ENOTFOUND', 'ENODATA'].includes((error as { code?: string }).code ?? '');
}
