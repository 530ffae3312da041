/** Where webhooks may go: hosts by what they resolve to, and URLs by how they are written. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Guard, type Refused, type Target } from '../src/journeys/deliver/guard.ts';
import { hostsIn, openResolve, type Resolve } from '../src/journeys/deliver/resolve.ts';
import { type Address, AllowList } from '../src/std/addresses.ts';
import { systemClock } from '../src/std/clock.ts';
import { AppError } from '../src/std/errors.ts';
import { checkWebhookHeaders, checkWebhookUrl } from '../src/workspaces/webhook.ts';
import { temporaryDirectory } from './support/server.ts';

const good: Address = { address: '93.184.215.14', family: 4 };
const six: Address = { address: '2606:2800:21f:cb07::1', family: 6 };
const bad: Address = { address: '10.0.0.7', family: 4 };
const names: Readonly<Record<string, readonly Address[]>> = {
  'ok.example': [good, six],
  'inside.example': [bad],
  'both.example': [good, bad],
  'meta.example': [{ address: '169.254.169.254', family: 4 }],
  'mapped.example': [{ address: '::ffff:10.0.0.7', family: 6 }],
  'nobody.example': [],
  'hooks.internal': [bad],
};

let nowMs = 0;
const asked: string[] = [];
const resolve: Resolve = (host) => {
  asked.push(host);
  const found = names[host];
  return found === undefined ? Promise.reject(new Error('ESERVFAIL')) : Promise.resolve(found);
};

function guard(...allow: string[]): Guard {
  const clock = { ...systemClock, now: () => nowMs };
  return new Guard({ allow: new AllowList(allow), resolve, clock });
}

const failure = (answer: Target | Refused): string => ('failure' in answer ? answer.failure : '');

test('a public host is gone to at the addresses that were looked at', async () => {
  const target = await guard().check('https://ok.example/hook?a=1');
  assert.ok('url' in target);
  assert.equal(target.url.href, 'https://ok.example/hook?a=1');
  assert.deepEqual(target.addresses, [good, six]);
  assert.ok('url' in (await guard().check('https://OK.example.:8443/hook')));
  assert.ok('url' in (await guard().check('https://93.184.215.14/')));
});

test('hosts that lead inside are refused, however they are written', async () => {
  const hosts = ['inside.example', 'both.example', 'meta.example', 'mapped.example'];
  const literal = ['127.0.0.1', '2130706433', '0x7f000001', '0177.0.0.1', '127.1', '0', '10.7'];
  const wide = ['%31%32%37.0.0.1', '①②⑦.0.0.1', '127.0.0.1.', '169.254.169.254', '100.64.0.1'];
  const sixes = [
    '[::1]',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[64:ff9b::7f00:1]',
    '[fd00::1]',
    '[fe80::1]',
  ];
  for (const host of [...hosts, ...literal, ...wide, ...sixes]) {
    const answer = await guard().check(checkWebhookUrl(`https://${host}/`));
    assert.equal(failure(answer), 'the host has an address that webhooks may not go to', host);
  }
});

test('what is no URL is never tried again', async () => {
  for (const url of ['crm', 'ftp://ok.example/', 'https://a:b@ok.example/']) {
    const answer = await guard().check(url);
    assert.ok('failure' in answer && answer.final === true, url);
  }
});

test('what is written in the URL is for good, what a name says is not', async () => {
  const port = await guard().check('https://ok.example:25/');
  assert.deepEqual(port, { failure: 'port 25 may not be sent to', final: true });
  const plain = await guard().check('http://ok.example/');
  assert.deepEqual(plain, { failure: 'only https may go to public addresses', final: true });
  assert.deepEqual(await guard().check('https://nobody.example/'), {
    failure: 'there is no such host',
  });
  assert.deepEqual(await guard().check('https://broken.example/'), {
    failure: 'the name of the host could not be looked up',
  });
});

test('an operator allows a host or a range, with http and any port', async () => {
  for (const allow of ['hooks.internal', '10.0.0.0/8', '10.0.0.7']) {
    const target = await guard(allow).check('http://hooks.internal:81/');
    assert.ok('url' in target, allow);
  }
  assert.ok('failure' in (await guard('10.0.0.8').check('http://hooks.internal/')));
  // A part of the addresses is not enough to speak plainly to the others.
  assert.ok('failure' in (await guard('10.0.0.0/8').check('http://both.example/')));
  assert.ok('url' in (await guard('10.0.0.0/8').check('https://both.example/')));
  assert.ok('url' in (await guard('::1').check('http://[::1]:9000/')));
});

test('a name is looked up again when ten seconds are over, at once when it failed', async () => {
  const own = guard();
  asked.length = 0;
  nowMs = 1000;
  await Promise.all([own.check('https://ok.example/a'), own.check('https://ok.example/b')]);
  nowMs = 10_999;
  await own.check('https://ok.example/');
  assert.deepEqual(asked, ['ok.example']);
  nowMs = 11_000;
  await own.check('https://ok.example/');
  assert.deepEqual(asked, ['ok.example', 'ok.example']);
  await own.check('https://broken.example/');
  await own.check('https://broken.example/');
  assert.equal(asked.filter((host) => host === 'broken.example').length, 2);
});

test('the file of hosts comes before DNS', async () => {
  const text =
    '127.0.0.1 localhost # me\n\n::1\tlocalhost Six\n10.0.0.9 other\nx.y localhost\n#1.1.1.1 six';
  assert.deepEqual(hostsIn(text, 'localhost'), [
    { address: '127.0.0.1', family: 4 },
    { address: '::1', family: 6 },
  ]);
  assert.deepEqual(hostsIn(text, 'six'), [{ address: '::1', family: 6 }]);
  assert.deepEqual(hostsIn(text, 'me'), []);
  const file = join(temporaryDirectory(), 'hosts');
  writeFileSync(file, text);
  assert.deepEqual(await openResolve(file)('other'), [{ address: '10.0.0.9', family: 4 }]);
});

test('URLs and headers that cannot be meant are refused when they are stored', () => {
  const urls = [
    '',
    'crm',
    '/hooks',
    'ftp://a.example/',
    'file:///etc/passwd',
    'https://u:p@a.example',
  ];
  const long = `https://a.example/${'a'.repeat(2048)}`;
  for (const url of [
    ...urls,
    'https://u@a.example',
    'https://a.example/#x',
    'https://[::1',
    long,
  ]) {
    assert.throws(() => checkWebhookUrl(url), AppError, url);
  }
  const headers = (value: Record<string, string>) => () => checkWebhookHeaders(value);
  assert.doesNotThrow(headers({ Authorization: 'Bearer x', 'X-Team': '' }));
  const names = ['Host', 'Content-Length', 'webhook-id', 'Connection', 'a b', '', 'a:', 'é'];
  for (const name of names) assert.throws(headers({ [name]: 'x' }), AppError, name);
  for (const value of ['a\r\nb: c', '\0', 'é', 'x'.repeat(1025)]) {
    assert.throws(headers({ 'X-A': value }), AppError);
  }
  assert.throws(headers({ 'X-A': '1', 'x-a': '2' }), AppError);
  const many = Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`X-${n}`, '']));
  assert.throws(headers(many), AppError);
});
