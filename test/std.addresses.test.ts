/** Which addresses a tenant may have anything sent to. */
import assert from 'node:assert/strict';
import { isIPv4 } from 'node:net';
import { test } from 'node:test';
import { type Address, AllowList, isPublic } from '../src/std/addresses.ts';
import { AppError } from '../src/std/errors.ts';

const of = (address: string): Address => ({ address, family: isIPv4(address) ? 4 : 6 });

const privately = [
  ...['0.0.0.0', '0.255.255.255', '10.0.0.0', '10.255.255.255', '100.64.0.0', '100.127.255.255'],
  ...['127.0.0.1', '127.255.255.254', '169.254.0.1', '169.254.169.254', '172.16.0.1'],
  ...['172.31.255.255', '192.0.0.1', '192.0.0.192', '192.0.2.1', '192.88.99.1', '192.168.0.1'],
  ...['198.18.0.1', '198.19.255.255', '198.51.100.7', '203.0.113.7', '224.0.0.1', '239.1.1.1'],
  ...['240.0.0.1', '255.255.255.255', '100.100.100.200', '168.63.129.16'],
  ...['::', '::1', '::127.0.0.1', 'fe80::1', 'fe80::1%eth0', 'febf::1', 'fec0::1', 'fc00::1'],
  ...['fd00:ec2::254', 'ff02::1', '2001:db8::1', '2001::1', '2001:10::1', '2002:7f00:1::'],
  ...['100::1', '3fff::1', '5f00::1', '64:ff9b:1::1'],
  ...[
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:10.1.2.3',
    '::ffff:0:0',
    '::ffff:169.254.169.254',
  ],
  ...['64:ff9b::7f00:1', '64:ff9b::10.0.0.1', '64:ff9b::a9fe:a9fe', '64:ff9b::'],
];
const publicly = [
  ...['1.1.1.1', '8.8.8.8', '9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0'],
  ...['126.255.255.255', '128.0.0.1', '169.253.255.255', '172.15.255.255', '172.32.0.0'],
  ...['192.167.255.255', '192.169.0.0', '198.17.255.255', '198.20.0.0', '223.255.255.255'],
  ...['2606:4700:4700::1111', '2a00:1450::1', '2001:4860:4860::8888', '2003::1'],
  ...['::ffff:8.8.8.8', '64:ff9b::8.8.8.8', '64:ff9b::808:808'],
];

test('addresses that somebody on the internet can have, and those that nobody can', () => {
  for (const address of privately) assert.equal(isPublic(of(address)), false, address);
  for (const address of publicly) assert.equal(isPublic(of(address)), true, address);
});

test('an operator allows hosts, addresses and ranges', () => {
  const list = new AllowList(['Hooks.Internal', '10.1.0.0/16', '127.0.0.1', 'fd00::/8', '::1']);
  assert.equal(list.hasHost('hooks.internal'), true);
  assert.equal(list.hasHost('x.hooks.internal'), false);
  for (const address of ['10.1.2.3', '127.0.0.1', 'fd00::7', '::1', '::ffff:10.1.0.1']) {
    assert.equal(list.hasAddress(of(address)), true, address);
  }
  for (const address of ['10.2.0.0', '127.0.0.2', 'fe80::1', '::2']) {
    assert.equal(list.hasAddress(of(address)), false, address);
  }
  for (const entry of [
    '10.0.0.0/33',
    '10.0.0/8',
    'fd00::/129',
    'http://a',
    'a b',
    '*.a',
    '1.2.3.4/',
  ]) {
    assert.throws(() => new AllowList([entry]), AppError, entry);
  }
});
