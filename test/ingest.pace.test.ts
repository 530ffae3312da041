/** Many small batches are held until they are worth a commit; one sender, or few, never waits. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Envelope, encodingJson } from '../src/event/envelope.ts';
import { walkJsonEvent } from '../src/event/json.ts';
import { ShardLanes } from '../src/ingest/lanes.ts';
import { holdMsMax, Pace } from '../src/ingest/pace.ts';
import { ParcelBuilder, parcelBytes } from '../src/tape/parcel.ts';
import { ManualClock } from './support/shardkit.ts';

const event = Buffer.from('{"customer":"c","type":"t"}');

class Flow {
  readonly clock = new ManualClock(1e12);
  readonly pace = new Pace(this.clock);
  readonly lanes = new ShardLanes();
  /** Batches that the shard has. */
  answering = 400;

  /** A turn that took `ms` and in which so many events came, each a batch. @returns what the shard is sent. */
  turn(ms: number, batches: number): string {
    this.clock.advance(ms);
    const lane = this.lanes.laneOf(1, false);
    for (let n = 0; n < batches; n++) {
      lane.open ??= new ParcelBuilder(new ArrayBuffer(parcelBytes));
      const envelope = new Envelope();
      walkJsonEvent(event, 0, event.length, 1, envelope);
      lane.open.add(event, envelope, {
        workspace: 1,
        customerHash: 1,
        idHash: n,
        typeHash: 1,
        linkFlags: 0,
        encoding: encodingJson,
        index: 0,
        ticket: n,
        madeId: undefined,
      });
      this.pace.note(lane.open.records + this.answering);
    }
    this.pace.endTurn();
    return this.pace.which(this.lanes);
  }

  /** The shard takes what is open. */
  send(): void {
    this.lanes.next('any', 1);
  }

  answer(): void {
    this.lanes.underWay -= 1;
  }

  /** Long enough to be known for one. */
  begin(): void {
    for (let n = 0; n < 4; n++) {
      this.turn(1, 20);
      this.send();
      this.answer();
    }
    assert.equal(this.pace.isFlowing, true);
  }
}

test('a sender that waits for its receipts is sent off at once, however fast it is', () => {
  const flow = new Flow();
  for (let n = 0; n < 1000; n++) {
    assert.equal(flow.turn(0.3, 1), 'ready');
    assert.equal(flow.pace.isHolding, false);
    flow.send();
    flow.answer();
  }
});

test('a flow is held until there is enough of it', () => {
  const flow = new Flow();
  flow.begin();
  const sent: string[] = [];
  for (let n = 0; n < 30 && sent.at(-1) !== 'any'; n++) sent.push(flow.turn(0.2, 20));
  assert.equal(sent.at(-1), 'any');
  assert.ok(sent.length > 4 && sent.slice(0, -1).every((which) => which === 'full'), String(sent));
  flow.send();
  assert.equal(flow.turn(0.2, 20), 'ample', 'while the shard has something only what is much');
});

test('a flow of few senders is not held when most of them wait', () => {
  const flow = new Flow();
  flow.answering = 32;
  flow.begin();
  flow.answering = 0;
  assert.equal(flow.turn(0.2, 20), 'full');
  assert.equal(flow.turn(0.2, 20), 'any', 'forty of some fifty');
});

test('a flow is held no longer than a few milliseconds', () => {
  const flow = new Flow();
  flow.begin();
  let heldMs = 0;
  while (flow.turn(0.7, 6) === 'full') heldMs += 0.7;
  assert.ok(heldMs > 0 && heldMs <= holdMsMax + 0.7, String(heldMs));
});

test('what is held goes when nothing follows', () => {
  const flow = new Flow();
  flow.begin();
  assert.equal(flow.turn(0.2, 20), 'full');
  assert.equal(flow.pace.isHolding, true, 'so the next turn looks again');
  assert.equal(flow.turn(0.2, 0), 'any');
  assert.equal(flow.pace.isHolding, false);
});

test('after a pause it is no flow any more', () => {
  const flow = new Flow();
  flow.begin();
  assert.equal(flow.turn(500, 1), 'ready');
  assert.equal(flow.pace.isFlowing, false);
});
