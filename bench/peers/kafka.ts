/** Apache Kafka: one broker that is its own controller (KRaft); with its default flushing and with a flush per batch. */
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cacheDirectory, download, type Found, findDebian } from './debian.ts';
import { jars, kafkaVersion, repository } from './jars.ts';
import { Missing, type Peer, type Place, type Site, type Tools } from './peer.ts';
import { diskBytes, exchange, runProgram, startProgram } from './process.ts';
import { checkError, framed, kafkaTopic, requestHead, text } from './wires/kafka.ts';
import { int16, int32 } from './wires/wire.ts';

const tuned =
  'acks=all on one replica; 4 partitions, one for each connection, so that every batch is one request, one ' +
  'record batch and one append; keyed by customer, which is not stored in the event again; no compression; a session of 2 s instead of 9, which a restart ' +
  'after a crash waits for';

export const kafka: Peer = {
  name: 'kafka',
  title: 'Kafka, default flush',
  durability: 'written, not flushed (left to the operating system)',
  tuned,
  wire: 'kafka',
  window: 4,
  readers: 2,
  readNote: 'no index by customer: all of its partition is fetched, and not even decoded',
  find: (tools) => find(tools, {}),
};

export const kafkaAlways: Peer = {
  ...kafka,
  name: 'kafka-always',
  title: 'Kafka, flush every batch',
  durability: 'flushed before the answer (log.flush.interval.messages=1)',
  find: (tools) => find(tools, { 'log.flush.interval.messages': '1' }),
};

const heap = '2g';
const clusterId = 'AAAAAAAAAAAAAAAAAAAAAQ';

async function find(tools: Tools, more: Record<string, string>): Promise<Site> {
  const java = await findDebian(tools, {
    package: 'default-jre-headless',
    program: 'java',
    // Installing the package would link it from /usr/bin; unpacking does not.
    folders: (root) => [join(root, 'usr/lib/jvm/default-java/bin')],
    versionOf: (output) => {
      const version = /(\d+)\.\S+/.exec(output);
      return Number(version?.[1]) >= 17 ? version![0] : undefined;
    },
  });
  const folder = await fetchJars(tools);
  const classPath = join(folder, '*');
  return {
    version: kafkaVersion,
    async prepare(place) {
      writeFileSync(fileOf(place), properties(place, more));
      const args = ['-cp', classPath, 'kafka.tools.StorageTool', 'format'];
      const { command, env } = java;
      runProgram({ command, args: [...args, '-t', clusterId, '-c', fileOf(place)], env });
    },
    start: (place) => start(place, java, classPath),
    create: (place) => createTopic(place),
    count,
    bytes: async ({ directory }) =>
      diskBytes(join(directory, 'logs'), (path) => path.includes(`/${kafkaTopic}-`)),
  };
}

async function start(place: Place, java: Found, classPath: string): ReturnType<Site['start']> {
  const log = join(place.directory, 'peer.log');
  const args = [`-Xms${heap}`, `-Xmx${heap}`, '-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20'];
  const { command, env } = java;
  const all = [...args, '-cp', classPath, 'kafka.Kafka', fileOf(place)];
  return startProgram({ command, args: all, env, log }, () => ends(place));
}

function fileOf({ directory }: Place): string {
  return join(directory, 'kafka.properties');
}

function properties(place: Place, more: Record<string, string>): string {
  const { directory, port, secondPort } = place;
  const lines = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${secondPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${secondPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    'log.dirs': join(directory, 'logs'),
    'offsets.topic.replication.factor': '1',
    'auto.create.topics.enable': 'false',
    // A broker that comes back is let in when its former self has timed out.
    'broker.session.timeout.ms': '2000',
    'broker.heartbeat.interval.ms': '250',
    'num.io.threads': '4',
    'num.network.threads': '2',
    'log.retention.ms': '-1',
    ...more,
  };
  return Object.entries(lines)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

async function fetchJars({ mayInstall }: Tools): Promise<string> {
  const folder = join(cacheDirectory, `kafka-${kafkaVersion}`);
  if (existsSync(folder)) return folder;
  if (!mayInstall) throw new Missing(`there are no jars of Kafka; --install fetches them`);
  const staging = `${folder}.part`;
  mkdirSync(staging, { recursive: true });
  process.stderr.write(`fetching ${jars.length} jars of Kafka ${kafkaVersion}\n`);
  for (const [name, sha256] of jars) {
    const [group, artifact, version] = name.split(':') as [string, string, string];
    const file = `${artifact}-${version}.jar`;
    const url = `${repository}/${group.replaceAll('.', '/')}/${artifact}/${version}/${file}`;
    writeFileSync(join(staging, file), await download(url, sha256));
  }
  renameSync(staging, folder);
  return folder;
}

const apiListOffsets = 2;
const apiCreateTopics = 19;
const requestMs = 30_000;

async function createTopic(place: Place): Promise<void> {
  const topic = Buffer.concat([text(kafkaTopic), int32(place.lanes), int16(1), int32(0), int32(0)]);
  const request = [requestHead(apiCreateTopics, 2), int32(1), topic];
  const body = await ask(place.port, framed(...request, int32(requestMs), Buffer.from([0])));
  // correlation, throttle, one topic, its name
  checkError(body.readInt16BE(4 + 4 + 4 + 2 + kafkaTopic.length));
  hasTopic.add(place);
  while (!(await ends(place).then(isThere, () => false))) await sleep(pollMs);
}

function isThere(): true {
  return true;
}

async function count(place: Place): Promise<number> {
  const offsets = await ends(place);
  return offsets.reduce((sum, offset) => sum + offset, 0);
}

/** The end of every partition. @throws Error while the broker does not lead them yet */
async function ends(place: Place): Promise<number[]> {
  const { lanes, port } = place;
  const latest = Buffer.alloc(8, 0xff);
  const partitions = Array.from({ length: lanes }, (_, n) => Buffer.concat([int32(n), latest]));
  const head = [requestHead(apiListOffsets, 1), int32(-1), int32(1), text(kafkaTopic)];
  const body = await ask(port, framed(...head, int32(lanes), ...partitions));
  const firstAt = 4 + 4 + 2 + kafkaTopic.length + 4;
  return partitions.map((_, n) => {
    const at = firstAt + n * (4 + 2 + 8 + 8);
    const code = body.readInt16BE(at + 4);
    // A broker that answers so is up, but has not been given its topic.
    if (code === unknownTopic && !hasTopic.has(place)) return 0;
    checkError(code);
    return Number(body.readBigInt64BE(at + 14));
  });
}

const pollMs = 20;
const unknownTopic = 3;
const hasTopic = new WeakSet<Place>();

async function ask(port: number, request: Buffer): Promise<Buffer> {
  const answer = await exchange(port, request, (bytes) => {
    const isWhole = bytes.length >= 4 && bytes.length >= 4 + bytes.readInt32BE(0);
    return isWhole ? 4 + bytes.readInt32BE(0) : -1;
  });
  return answer.subarray(4);
}
