/**
 * Which shard and which chain an identity belongs to. Routing is by the identity as it was sent, so
 * that a resend always meets its first sending. Stored hashes depend on these: never change them.
 */
import { hashBytes } from '../std/hash.ts';

/** @param seed the data directory's own, so that nobody can prepare colliding names. */
export function customerHashOf(
  seed: number,
  workspace: number,
  bytes: Uint8Array,
  at: number,
  length: number,
): number {
  return hashBytes(bytes, at, length, (seed ^ Math.imul(workspace, 0x9e3779b1)) >>> 0);
}

export function idHashOf(
  customerHash: number,
  bytes: Uint8Array,
  at: number,
  length: number,
): number {
  return hashBytes(bytes, at, length, customerHash);
}

/** What tells customers apart where ids have the same hash, from the highest bit on. */
export function idCheckOf(customerHash: number): number {
  return Math.imul(customerHash, 0x9e3779b1) >>> 0;
}

export function typeHashOf(bytes: Uint8Array, at: number, length: number): number {
  return hashBytes(bytes, at, length, 0) & 0xffff;
}

/**
 * What is kept apart from a workspace's tapes (its quarantine) lies under a number of its own, which no
 * workspace has: nobody who reads or follows the workspace meets it.
 */
const apartBit = 0x8000_0000;

export function quarantineOf(workspace: number): number {
  return (workspace | apartBit) >>> 0;
}

/** The workspace whose quarantine has this number, or the number itself. */
export function ownerOf(workspace: number): number {
  return workspace & ~apartBit;
}

export function isApart(workspace: number): boolean {
  return workspace >= apartBit;
}

/**
 * The one hash under which each shard keeps the quarantine of its customers, whoever they are: so it is
 * read newest first as a customer's tape is. No customer has an empty name.
 */
export function quarantineHashOf(seed: number, workspace: number): number {
  return customerHashOf(seed, quarantineOf(workspace), noBytes, 0, 0);
}
const noBytes = new Uint8Array(0);

/** Uses the high bits; the index's buckets use the low ones. */
export function shardOf(customerHash: number, shards: number): number {
  return Math.floor((customerHash / 4294967296) * shards);
}
