/** The wires by name: what the bench asks for is a word in a plan. */
import { kafkaWire } from './kafka.ts';
import { natsWire } from './nats.ts';
import { postgresWire } from './postgres.ts';
import { redisWire } from './redis.ts';
import { tapelineWire } from './tapeline.ts';
import type { OpenWire } from './wire.ts';

export const wires = {
  kafka: kafkaWire,
  nats: natsWire,
  postgres: postgresWire,
  redis: redisWire,
  tapeline: tapelineWire,
} satisfies Readonly<Record<string, OpenWire>>;

export type WireName = keyof typeof wires;
