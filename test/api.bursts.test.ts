/** Many events of one customer at once: every one of them is decided. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { ask, count, fresh, startTwo, store, until } from './support/session.ts';

const server = await startTwo();
after(() => server.stop());
const { admin, read } = server.keys;

async function put(path: string, body: object): Promise<void> {
  const answer = await ask(server, path, { key: admin, method: 'PUT', body });
  assert.ok(answer.status === 200 || answer.status === 201, `${path} ${answer.text}`);
}

interface Counts {
  readonly versions: readonly {
    readonly requested: number;
    readonly verdicts: Readonly<Record<string, number>>;
  }[];
}

test('five hundred events of one customer in one batch are five hundred decisions', async () => {
  await put('/v1/rules/each', { when: { event: 'Each' }, then: [{ do: 'event', type: 'Echo' }] });
  const customer = fresh('burst');
  await store(
    server,
    count(500).map((n) => ({ id: `e${n}`, customer, type: 'Each' })),
  );
  const counted = async (): Promise<Counts['versions'][number]> => {
    const { json } = await ask(server, '/v1/rules/each/counts', { key: read });
    return (json as Counts).versions[0]!;
  };
  await until(async () => ((await counted()).verdicts['act'] ?? 0) >= 500);
  assert.deepEqual([(await counted()).requested, (await counted()).verdicts], [500, { act: 500 }]);
});
