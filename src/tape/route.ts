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

export function typeHashOf(bytes: Uint8Array, at: number, length: number): number {
  return hashBytes(bytes, at, length, 0) & 0xffff;
}

/** Uses the high bits; the index's buckets use the low ones. */
export function shardOf(customerHash: number, shards: number): number {
  return Math.floor((customerHash / 4294967296) * shards);
}
