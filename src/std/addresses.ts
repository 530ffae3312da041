/**
 * Which internet addresses anybody may be sent to on a tenant's word: public ones, and what an operator
 * allows. An address that holds another one (IPv4-mapped, NAT64) is judged by that one.
 */
import { BlockList, isIP, isIPv4 } from 'node:net';
import { AppError } from './errors.ts';

export interface Address {
  readonly address: string;
  readonly family: 4 | 6;
}

/** https://www.iana.org/assignments/iana-ipv4-special-registry, multicast, and a cloud's own (Azure). */
const reserved4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.31.196.0/24',
  '192.52.193.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '192.175.48.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
  '168.63.129.16/32',
];
/** Of the part of IPv6 that is given out at all (2000::/3): protocols, tunnels that hide an address, documentation. */
const reserved6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20', '2620:4f:8000::/48'];

const blocked = listOf([...reserved4, ...reserved6]);
const unicast6 = listOf(['2000::/3']);
const nat64 = listOf(['64:ff9b::/96']);
const mapped = listOf(['::ffff:0:0/96']);

/** Anybody on the internet can be there. */
export function isPublic({ address, family }: Address): boolean {
  if (family === 4) return !blocked.check(address, 'ipv4');
  // A name for a network card: the address means something on this machine only.
  if (address.includes('%')) return false;
  if (nat64.check(address, 'ipv6')) return isPublic({ address: embedded(address), family: 4 });
  // Lists of IPv4 ranges know mapped addresses.
  if (mapped.check(address, 'ipv6')) return !blocked.check(address, 'ipv6');
  return unicast6.check(address, 'ipv6') && !blocked.check(address, 'ipv6');
}

/** The IPv4 address in the last 32 bits of an IPv6 one. */
function embedded(address: string): string {
  const [head = '', tail = ''] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const [left, right] = [head, tail].map((part) => (part === '' ? [] : part.split(':')));
  const zeros = Array.from({ length: 8 - left!.length - right!.length }, () => '0');
  const groups = [...left!, ...zeros, ...right!].map((group) => Number.parseInt(group, 16));
  const [high, low] = [groups[6]!, groups[7]!];
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

/** What an operator allows besides: names of hosts, addresses, and ranges of them. */
export class AllowList {
  readonly #hosts = new Set<string>();
  readonly #ranges: BlockList;

  /** @throws AppError invalid for an entry that is none of these. */
  constructor(entries: readonly string[]) {
    const ranges: string[] = [];
    for (const entry of entries) {
      if (isRange(entry)) ranges.push(entry);
      else if (isIP(entry) !== 0) ranges.push(`${entry}/${isIPv4(entry) ? 32 : 128}`);
      else if (/^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/i.test(entry)) this.#hosts.add(entry.toLowerCase());
      else throw new AppError('invalid', `'${entry}' is no host, address or range of addresses`);
    }
    this.#ranges = listOf(ranges);
  }

  /** Whatever it resolves to. */
  hasHost(host: string): boolean {
    return this.#hosts.has(host);
  }

  hasAddress({ address, family }: Address): boolean {
    return this.#ranges.check(address, family === 4 ? 'ipv4' : 'ipv6');
  }
}

function isRange(entry: string): boolean {
  const [address = '', bits = ''] = entry.split('/');
  const bitsMax = isIPv4(address) ? 32 : 128;
  return (
    entry.includes('/') && isIP(address) !== 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= bitsMax
  );
}

function listOf(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address, bits] = range.split('/');
    list.addSubnet(address!, Number(bits), isIPv4(address!) ? 'ipv4' : 'ipv6');
  }
  return list;
}
