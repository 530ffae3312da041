/** Who is asking: keys and tokens as a front thread sees them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError, type ErrorCode } from '../src/std/errors.ts';
import { seededRandom } from '../src/std/random.ts';
import { Directory } from '../src/workspaces/directory.ts';
import { base62, hashesEqual, hashKey } from '../src/workspaces/keys.ts';
import { RecentKeys, recentKeyMs, recentKeysMax } from '../src/workspaces/recent.ts';
import { tokenBytesMax } from '../src/workspaces/tokens.ts';
import type {
  Credential,
  DirectorySnapshot,
  KeyRecord,
  Scope,
  ViewRecord,
} from '../src/workspaces/types.ts';
import { parseViewTemplate } from '../src/workspaces/view.ts';

const now = 1_763_740_000_000;
const template = parseViewTemplate({ fields: [{ name: 'Logins', event: 'Login', type: 'count' }] });

function key(
  clear: string,
  workspace: number,
  scopes: readonly Scope[],
  views?: string[],
): KeyRecord {
  const id = `id-${clear}`;
  const hash = hashKey(clear);
  return { id, workspace, hash, name: clear, scopes, ...(views && { views }), createdAt: now };
}

const view = (workspace: number, name: string, version: number): ViewRecord => ({
  workspace,
  name,
  template,
  version,
  updatedAt: now,
});

const snapshot: DirectorySnapshot = {
  version: 5,
  tokenSecret: new Uint8Array(32).fill(7),
  workspaces: [
    { number: 3, id: 'ws_b', name: 'b', createdAt: now },
    { number: 1, id: 'default', name: 'default', createdAt: now },
  ],
  keys: [
    key('admin', 1, ['admin', 'server']),
    key('write', 1, ['write']),
    key('publish', 1, ['publish']),
    key('read', 1, ['read']),
    key('desk', 1, ['read'], ['basic', 'calls']),
    key('other', 3, ['admin']),
  ],
  taxonomies: [],
  sources: [],
  definitions: [],
  webhooks: [],
  limits: [],
  roles: [],
  views: [view(1, 'calls', 2), view(1, 'basic', 3), view(3, 'basic', 4)],
};

function asking(directory: Directory, credential: string, nowMs = now): Credential {
  const found = directory.authenticate(credential, nowMs);
  assert.ok(found !== undefined, `${credential} is known`);
  return found;
}

function refused(run: () => unknown, code: ErrorCode): void {
  assert.throws(run, (error) => error instanceof AppError && error.code === code);
}

test('a key says its workspace, scopes and views', () => {
  const directory = new Directory(snapshot);
  const admin = asking(directory, 'admin');
  assert.deepEqual(
    [admin.workspace, admin.keyId, [...admin.scopes], admin.views, admin.expiresAt],
    [1, 'id-admin', ['admin', 'server'], undefined, undefined],
  );
  assert.deepEqual(asking(directory, 'desk').views, ['basic', 'calls']);
  assert.equal(asking(directory, 'other').workspace, 3);
  const unknown = [
    '',
    'Admin',
    'admin ',
    hashKey('admin'),
    'id-admin',
    'tk_',
    'tk_.',
    'x'.repeat(9999),
  ];
  for (const each of unknown) assert.equal(directory.authenticate(each, now), undefined, each);
});

test('lists are those of the workspace, in order', () => {
  const directory = new Directory(snapshot);
  assert.deepEqual(
    directory.views(1).map((each) => each.name),
    ['basic', 'calls'],
  );
  assert.equal(directory.view(1, 'basic')?.version, 3);
  assert.equal(directory.view(3, 'basic')?.version, 4);
  assert.equal(directory.view(3, 'calls'), undefined);
  assert.equal(directory.view(2, 'basic'), undefined);
  assert.equal(directory.view(1, '__proto__'), undefined);
  assert.deepEqual(
    directory.keys(3).map((each) => each.id),
    ['id-other'],
  );
  assert.deepEqual(directory.keys(2), []);
  assert.deepEqual(directory.views(2), []);
  assert.deepEqual(
    directory.workspaces().map((each) => each.number),
    [1, 3],
  );
  assert.equal(directory.workspace(3)?.id, 'ws_b');
  assert.equal(directory.workspace(2), undefined);
});

test('a newer snapshot is in force at once, an older one is ignored', () => {
  const directory = new Directory(snapshot);
  const { token } = directory.mintToken(asking(directory, 'read'), ['read'], 60, now);
  const without = snapshot.keys.filter((each) => each.id !== 'id-read');
  directory.replace({ ...snapshot, version: 6, keys: without, views: [] });
  assert.equal(directory.version, 6);
  assert.equal(directory.authenticate('read', now), undefined);
  assert.equal(directory.authenticate(token, now), undefined);
  assert.equal(directory.view(1, 'basic'), undefined);
  directory.replace(snapshot);
  assert.equal(directory.version, 6);
  assert.equal(directory.authenticate('read', now), undefined);
  asking(directory, 'admin');
});

test('a token works until its time is over', () => {
  const directory = new Directory(snapshot);
  const { token, expiresAt } = directory.mintToken(asking(directory, 'read'), ['read'], 300, now);
  assert.match(token, /^tk_[A-Za-z0-9_.-]+$/);
  assert.equal(expiresAt, now + 300_000);
  const credential = asking(directory, token, expiresAt - 1);
  assert.deepEqual(credential, {
    workspace: 1,
    keyId: 'id-read',
    scopes: new Set(['read']),
    views: undefined,
    expiresAt,
  });
  assert.equal(directory.authenticate(token, expiresAt), undefined);
});

test('a forged or cut token is unknown', () => {
  const directory = new Directory(snapshot);
  const { token } = directory.mintToken(asking(directory, 'write'), ['write'], 300, now);
  for (let at = 0; at < token.length; at += 1) {
    const other = token[at] === 'A' ? 'B' : 'A';
    const forged = token.slice(0, at) + other + token.slice(at + 1);
    assert.equal(directory.authenticate(forged, now), undefined, `changed at ${at}`);
    assert.equal(directory.authenticate(token.slice(0, at), now), undefined, `cut at ${at}`);
  }
  assert.equal(directory.authenticate(`${token}A`, now), undefined);
  assert.equal(directory.authenticate(`${token}=`, now), undefined);
  const [head, signature] = token.split('.');
  const claims = JSON.parse(Buffer.from(head!.slice(3), 'base64url').toString());
  const admin = Buffer.from(JSON.stringify({ ...claims, s: ['admin'] })).toString('base64url');
  assert.equal(directory.authenticate(`tk_${admin}.${signature}`, now), undefined);
  const elsewhere = new Directory({ ...snapshot, tokenSecret: new Uint8Array(32).fill(8) });
  assert.equal(elsewhere.authenticate(token, now), undefined);
});

test('a token can do at most what its key can', () => {
  const directory = new Directory(snapshot);
  const mint = (from: string, scopes: readonly Scope[], views?: string[]): string =>
    directory.mintToken(asking(directory, from), scopes, 60, now, views && { views }).token;
  const allowed: Record<string, Scope[]> = {
    admin: ['read', 'write', 'publish', 'admin', 'server'],
    other: ['read', 'write', 'publish', 'admin'],
    write: ['write', 'publish'],
    publish: ['publish'],
    read: ['read'],
    desk: ['read'],
  };
  for (const [from, own] of Object.entries(allowed)) {
    for (const scope of ['read', 'write', 'publish', 'admin', 'server'] as const) {
      if (own.includes(scope)) {
        assert.deepEqual([...asking(directory, mint(from, [scope])).scopes], [scope]);
      } else refused(() => mint(from, [scope]), 'forbidden');
    }
  }
  assert.deepEqual(asking(directory, mint('desk', ['read'])).views, ['basic', 'calls']);
  assert.deepEqual(asking(directory, mint('desk', ['read'], ['calls'])).views, ['calls']);
  assert.deepEqual(asking(directory, mint('admin', ['read'], ['x'])).views, ['x']);
  refused(() => mint('desk', ['read'], ['calls', 'x']), 'forbidden');
  refused(() => mint(mint('admin', ['admin']), ['read']), 'forbidden');
});

test('wishes for a token that make no sense are refused', () => {
  const directory = new Directory(snapshot);
  const admin = asking(directory, 'admin');
  const mint = (scopes: readonly Scope[], ttlSeconds: number, views?: string[]): unknown =>
    directory.mintToken(admin, scopes, ttlSeconds, now, views && { views });
  for (const ttlSeconds of [0, -1, 1.5, 86_401, Number.NaN]) {
    refused(() => mint(['read'], ttlSeconds), 'invalid');
  }
  mint(['read'], 1);
  mint(['read'], 86_400);
  refused(() => mint([], 60), 'invalid');
  refused(() => mint(['read'], 60, []), 'invalid');
  refused(() => mint(['write'], 60, ['basic']), 'invalid');
  refused(() => mint(['read', 'admin'], 60, ['basic']), 'invalid');
  refused(() => mint(['read'], 60, ['x'.repeat(tokenBytesMax)]), 'invalid');
});

test('random text is even, hashes are hexadecimal and compared whole', () => {
  const counts = new Map<string, number>();
  for (const character of base62(62_000, seededRandom(3))) {
    counts.set(character, (counts.get(character) ?? 0) + 1);
  }
  assert.equal(counts.size, 62);
  for (const count of counts.values()) assert.ok(Math.abs(count - 1000) < 200, `${count}`);
  assert.match(hashKey('x'), /^[0-9a-f]{64}$/);
  assert.ok(hashesEqual(hashKey('x'), hashKey('x')));
  assert.ok(!hashesEqual(hashKey('x'), hashKey('y')));
  assert.ok(!hashesEqual(hashKey('x'), ''));
});

test('a key in use is known in the clear for a minute, however often it is used', () => {
  const recent = new RecentKeys();
  const credential = asking(new Directory(snapshot), 'write');
  recent.add('one', credential, now);
  recent.add('two', credential, now + recentKeyMs - 1);
  assert.equal(recent.find('one', now + recentKeyMs - 1), credential);
  assert.equal(recent.find('one', now + recentKeyMs), undefined);
  assert.equal(recent.size, 0, 'the other is gone with it');
  recent.add('one', credential, now + recentKeyMs);
  assert.equal(recent.find('one', now + 2 * recentKeyMs - 1), credential);
  assert.equal(recent.find('none', now), undefined, 'the clock was set back');
  assert.equal(recent.size, 0);
  for (let n = 0; n <= recentKeysMax; n++) recent.add(String(n), credential, now);
  assert.equal(recent.size, 1);
});
