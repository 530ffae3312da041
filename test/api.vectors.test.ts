/**
 * The vectors of journeys on a real server: patterns, silence and pauses, guards and caps, routing, delivery. The
 * server has lived a day before, as far as its clocks knew; what happens now happens side by side.
 */
import { rmSync } from 'node:fs';
import { after, describe } from 'node:test';
import { Receiver } from './support/receiver.ts';
import { temporaryDirectory } from './support/server.ts';
import { clockBehind } from './support/serverclock.ts';
import { answerByPath, guardedBefore, guardRules, guardTests } from './support/vectorguards.ts';
import { patternRules, patternTests } from './support/vectorpatterns.ts';
import { routingRules, routingTests } from './support/vectorrouting.ts';
import { livedBefore, timerMaps, timerRules, timerTests } from './support/vectortimers.ts';
import { noonZone, World } from './support/vectorworld.ts';

const world = new World(temporaryDirectory(), noonZone(Date.now()));
const receiver = await new Receiver().listen();
answerByPath(receiver);
after(async () => {
  await world.server.stop();
  await receiver.close();
  rmSync(world.data, { recursive: true });
});

const { zone } = world;
await world.start(clockBehind(22 * 3_600_000));
await world.publish(timerMaps(zone));
for (const name of ['gifts', 'moved', 'later']) {
  await world.call('PUT', `/v1/webhooks/${name}`, { url: receiver.url(`/${name}`) });
}
await world.putRules({ ...patternRules(), ...timerRules, ...guardRules(zone), ...routingRules });
await Promise.all([livedBefore(world), guardedBefore(world)]);
await world.server.kill();
await world.start();

describe('vectors', { concurrency: 50 }, () => {
  patternTests(world);
  timerTests(world);
  guardTests(world, receiver);
  routingTests(world);
});
