/**
 * The rules of style that a machine can check. Each is a pure function from the sources to the
 * violations found, one line each: `src/tape/shard.ts:12 says what is wrong`.
 */

import { posix } from 'node:path';
import type { Mention, Source, Written } from './sources.ts';

export type Rule = (sources: readonly Source[]) => string[];

/** The one total order: a room imports only from itself and from rooms to its left. */
export const rooms = [
  'std',
  'config',
  'event',
  'store',
  'tape',
  'identity',
  'workspaces',
  'ingest',
  'streams',
  'views',
  'audiences',
  'journeys',
  'analytics',
  'connect',
  'threads',
  'http',
  'server',
  'main',
] as const;

/** These stand outside the order: they talk to the server over the wire. */
const outsideRooms = ['client', 'web'];

const fileLinesMax = 400;
const functionLinesMax = 60;

/** Where a package may be imported. Packages not named here may be imported anywhere in `src`. */
const packageHomes: Readonly<Record<string, RegExp>> = {
  lmdb: /^(src\/store\/|test\/)/,
  'uWebSockets.js': /^(src\/http\/|test\/)/,
  piscina: /^src\/threads\//,
  '@marcbachmann/cel-js': /^(src\/event\/condition\.ts|test\/)/,
  re2js: /^src\/event\/(meter|pattern)\.ts/,
  autocannon: /^bench\//,
  // Untrusted bytes go through the walkers; objects are built only on the clients' side.
  msgpackr: /^(src\/client|src\/http|bench|scripts|test)\//,
  ws: /^(src\/client|bench|scripts|test)\//,
  commander: /^(src\/(config|main)\.ts|bench\/|scripts\/)/,
  'cli-progress': /^scripts\//,
  'fast-check': /^test\//,
  'playwright-core': /^test\//,
  typescript: /^test\//,
};

const clockNames = [
  'Date.now',
  'Math.random',
  'performance.now',
  'process.hrtime',
  'process.hrtime.bigint',
  'setTimeout',
  'setInterval',
  'globalThis.setTimeout',
  'globalThis.setInterval',
];
/** By whatever way they are reached: `crypto.randomUUID`, or `randomUUID` by itself. */
const randomNames =
  /(^|\.)(randomUUID|randomBytes|randomInt|randomFill|randomFillSync|getRandomValues)$/;
/** An event's id must be unique whatever `Random` a client was given, and `client` runs nothing of `std`. */
const clientIds = 'globalThis.crypto.randomUUID';
const clockModules = ['node:timers', 'node:timers/promises', 'timers', 'timers/promises'];

const forbiddenWords = [
  'utils',
  'util',
  'helpers',
  'helper',
  'common',
  'core',
  'manager',
  'service',
  'misc',
];

/** `src/tape/shard.ts` is of room `tape`, `src/config.ts` of room `config`; others of none. */
function roomOf(path: string): string | undefined {
  return /^src\/(?:([^/]+)\/|([^/]+)\.ts$)/.exec(path)?.slice(1).find(Boolean);
}

/** The source a relative mention means, from the root; worker URLs name the built file. */
function targetOf(source: Source, mention: Mention): string | undefined {
  if (!mention.specifier.startsWith('.')) return undefined;
  const target = posix.join(posix.dirname(source.path), mention.specifier);
  return mention.kind === 'url' ? target.replace(/\.js$/, '.ts') : target;
}

export const roomsAreKnown: Rule = (sources) => {
  const known: readonly string[] = [...rooms, ...outsideRooms];
  return sources
    .filter(({ path }) => path.startsWith('src/') && !known.includes(roomOf(path) ?? ''))
    .map(({ path }) => `${path} is in no known room`);
};

export const roomsKeepTheirOrder: Rule = (sources) => {
  const violations: string[] = [];
  for (const source of sources) {
    const from = roomOf(source.path);
    if (from === undefined) continue;
    for (const mention of source.mentions) {
      const target = targetOf(source, mention);
      const problem = target === undefined ? undefined : crossing(from, target, mention);
      if (problem !== undefined) violations.push(`${source.path}:${mention.line} ${problem}`);
    }
  }
  return violations;
};

/** What is wrong with room `from` mentioning `target`, if anything. */
function crossing(from: string, target: string, mention: Mention): string | undefined {
  const to = roomOf(target);
  if (to === undefined) {
    // A file that is read, such as package.json, is no module.
    return mention.kind === 'url' ? undefined : `imports ${target}, which is outside src`;
  }
  if (to === from) return undefined;
  // What is built for browsers is read and served, not run.
  if (from === 'http' && to === 'web' && mention.kind === 'url') return undefined;
  if (outsideRooms.includes(from)) {
    if (mention.isType || (from === 'web' && to === 'client')) return undefined;
    return `room ${from} may import only types from room ${to}`;
  }
  const order: readonly string[] = rooms;
  if (order.includes(to) && order.indexOf(to) < order.indexOf(from)) return undefined;
  return `room ${from} may not import from room ${to}`;
}

export const importsHaveNoCircles: Rule = (sources) => {
  const edges = new Map<string, string[]>();
  for (const source of sources) {
    const targets = source.mentions
      .filter((mention) => mention.kind !== 'url' && !isTypeWithinRoom(source, mention))
      .map((mention) => targetOf(source, mention))
      .filter((target) => target !== undefined);
    edges.set(source.path, targets);
  }
  const violations: string[] = [];
  const done = new Set<string>();
  const walk = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) {
      violations.push(`${[...trail.slice(start), path].join(' → ')} is a circle`);
    } else if (!done.has(path)) {
      for (const target of edges.get(path) ?? []) walk(target, [...trail, path]);
      done.add(path);
    }
  };
  for (const path of edges.keys()) walk(path, []);
  return violations;
};

function isTypeWithinRoom(source: Source, mention: Mention): boolean {
  const target = targetOf(source, mention);
  return mention.isType && target !== undefined && roomOf(target) === roomOf(source.path);
}

export const packagesStayAtHome: Rule = (sources) =>
  sources.flatMap((source) =>
    source.mentions.flatMap((mention) => {
      const name = packageOf(mention);
      const home = name === undefined ? undefined : packageHomes[name];
      if (home === undefined || home.test(source.path)) return [];
      return [`${source.path}:${mention.line} may not import ${name}`];
    }),
  );

function packageOf(mention: Mention): string | undefined {
  if (mention.kind === 'url' || /^(\.|node:)/.test(mention.specifier)) return undefined;
  const parts = mention.specifier.split('/');
  return parts.slice(0, mention.specifier.startsWith('@') ? 2 : 1).join('/');
}

export const importsAreSpelledOut: Rule = (sources) =>
  sources.flatMap((source) =>
    source.mentions
      .filter(({ kind, specifier }) => kind !== 'url' && specifier.startsWith('.'))
      .filter(({ specifier }) => !specifier.endsWith('.ts'))
      .map(({ specifier, line }) => `${source.path}:${line} imports ${specifier} without .ts`),
  );

export const onlyNamedExports: Rule = (sources) =>
  sources.flatMap((source) =>
    source.defaultExports.map((line) => `${source.path}:${line} has a default export`),
  );

export const onlyStdReadsTheClock: Rule = (sources) =>
  sources
    // Pages have no clock but the browser's.
    .filter(({ path }) => path.startsWith('src/') && !['std', 'web'].includes(roomOf(path) ?? ''))
    .flatMap((source) => [
      ...source.names
        .filter(({ name }) => clockNames.includes(name) || randomNames.test(name))
        .filter(({ name }) => roomOf(source.path) !== 'client' || name !== clientIds)
        .map(({ name, line }) => `${source.path}:${line} uses ${name}: take a Clock or Random`),
      ...source.calls
        .filter(({ name, argumentCount }) => name === 'new Date' && argumentCount === 0)
        .map(({ line }) => `${source.path}:${line} uses new Date(): take a Clock`),
      ...source.mentions
        .filter(({ specifier }) => clockModules.includes(specifier))
        .map(({ specifier, line }) => `${source.path}:${line} imports ${specifier}: take a Clock`),
    ]);

/** In whatever language: of every file but data and prose. */
export const filesAreShort = (files: readonly Written[]): string[] =>
  files
    .filter(({ path }) => !/\.(json|jsonl|csv|gz|mdb|md)$/.test(path))
    .filter(({ lines }) => lines > fileLinesMax)
    .map(({ path, lines }) => `${path} has ${lines} lines, over ${fileLinesMax}`);

export const functionsAreShort: Rule = (sources) =>
  sources.flatMap((source) =>
    source.functions
      .filter(({ lines }) => lines > functionLinesMax)
      .map(
        ({ name, line, lines }) =>
          `${source.path}:${line} ${name} has ${lines} lines, over ${functionLinesMax}`,
      ),
  );

/** In tests several words are joined by dots: `tape.index.model.test.ts`. */
export const filesAreNamedWell: Rule = (sources) =>
  sources.flatMap(({ path }) => {
    const words = path.toLowerCase().split(/[^a-z0-9]+/);
    const forbidden = words.find((word) => forbiddenWords.includes(word));
    if (forbidden !== undefined) return [`${path} has the forbidden name ${forbidden}`];
    const isWell = path.startsWith('test/')
      ? /^test\/[a-z0-9/]+(\.[a-z0-9]+)*\.ts$/.test(path)
      : /^[a-z]+(\/[a-z0-9-]+)*\/[a-z0-9]+(-[a-z0-9]+)*(\.d)?\.ts$/.test(path);
    const isOneWord = !path.startsWith('src/') || /\/[a-z0-9]+(\.d)?\.ts$/.test(path);
    return isWell && isOneWord ? [] : [`${path} is not named by one lower-case word`];
  });

export const filesSayWhatTheyAre: Rule = (sources) =>
  sources
    .filter(({ text }) => !/^(#!.*\n)?\s*\/[/*]/.test(text))
    .map(({ path }) => `${path} does not open with a comment`);

export const nothingIsLeftToDo: Rule = (sources) => {
  // Put together here, so that this file does not find itself.
  const marks = new RegExp(`\\b(${['TO', 'FIX', 'XX'].map(markOf).join('|')})\\b`);
  return sources.flatMap(({ path, text }) =>
    text.split('\n').flatMap((line, index) => {
      const mark = marks.exec(line)?.[1];
      return mark === undefined ? [] : [`${path}:${index + 1} says ${mark}`];
    }),
  );
};

function markOf(start: string): string {
  return start + ({ TO: 'DO', FIX: 'ME', XX: 'X' }[start] ?? '');
}

/** `t.skip('why')` and `{ skip: 'why' }` are fine: the reason is printed with the result. */
export const noTestIsSwitchedOff: Rule = (sources) =>
  sources
    .filter(({ path }) => path.startsWith('test/'))
    .flatMap(({ path, calls, switches }) => [
      ...calls
        .filter(({ name }) => /^(test|it|describe|suite)\.(only|skip|todo)$/.test(name))
        .map(({ name, line }) => `${path}:${line} uses ${name}`),
      ...calls
        .filter(({ name, argumentCount }) => /\.(skip|todo)$/.test(name) && argumentCount === 0)
        .map(({ name, line }) => `${path}:${line} uses ${name} without a reason`),
      ...switches
        .filter(({ name }) => ['only', 'skip', 'todo'].includes(name))
        .map(({ name, line }) => `${path}:${line} sets ${name} without a reason`),
    ]);

/** Whatever no command, client, bench, script or test leads to is dead. */
export const everythingIsReached: Rule = (sources) => {
  const isEntry = ({ path }: Source): boolean =>
    path === 'src/main.ts' || /^src\/(client|web)\//.test(path) || !path.startsWith('src/');
  const reached = reach(sources, sources.filter(isEntry).map(pathOf), () => true);
  return sources
    .filter((source) => source.path.startsWith('src/') && !reached.has(source))
    .map(({ path }) => `${path} is reached from nowhere`);
};

/** A thread is bundled into one file in the folder of its entry, and looks for other files from there. */
export const placesAreThoseOfThreads: Rule = (sources) => {
  const isPlace = ({ kind }: Mention): boolean => kind === 'url';
  const modules = sources.filter(({ path }) => /^src\/(?!web\/)/.test(path));
  const threads = modules.flatMap((source) =>
    source.mentions.filter(isPlace).map((mention) => targetOf(source, mention) ?? ''),
  );
  return ['src/main.ts', ...threads].flatMap((entry) =>
    [...reach(modules, [entry], (mention) => !isPlace(mention) && !mention.isType)]
      .filter(({ path }) => posix.dirname(path) !== posix.dirname(entry))
      .flatMap(({ mentions, path }) =>
        mentions
          .filter(isPlace)
          .map(({ line, specifier }) => `${path}:${line} looks for ${specifier} beside ${entry}`),
      ),
  );
};

/** The sources at `paths`, and all that their mentions lead to. */
function reach(
  sources: readonly Source[],
  paths: readonly string[],
  follows: (mention: Mention) => boolean,
): Set<Source> {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const reached = new Set<Source>();
  const pending = [...paths];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const source = byPath.get(path);
    if (source === undefined || reached.has(source)) continue;
    reached.add(source);
    for (const mention of source.mentions.filter(follows)) {
      const target = targetOf(source, mention);
      if (target !== undefined) pending.push(target);
    }
  }
  return reached;
}

function pathOf({ path }: Source): string {
  return path;
}
