/** `npm run demo`: a believable online store at a chosen rate, and the example view `basic`; or a story. */
import { Argument, Command, CommanderError, InvalidArgumentError } from 'commander';
import { openIngest } from '../src/client/ingest.ts';
import { openReader } from '../src/client/reader.ts';
import { nodeSocket } from '../src/client/socket.ts';
import { ClientError } from '../src/client/types.ts';
import { systemClock } from '../src/std/clock.ts';
import { AppError } from '../src/std/errors.ts';
import { seededRandom, systemRandom } from '../src/std/random.ts';
import { addressOf, urlMeaning } from './address.ts';
import { makeHistory } from './demo/history.ts';
import { play, type Told } from './demo/play.ts';
import { type Customer, makeCustomer } from './demo/shop.ts';
import { stories } from './demo/stories/all.ts';
import { tellStory } from './demo/tell.ts';
import { basicView } from './demo/view.ts';

interface Options {
  readonly rate: number;
  readonly seconds: number;
  readonly customers: number;
  readonly seed: number;
  readonly url: string;
  readonly key?: string;
  readonly adminKey?: string;
  readonly silent: number;
}

type Given = Omit<Options, 'url'> & { readonly url?: string };

const linePeriodMs = 5_000;
const terminalPeriodMs = 250;

process.exitCode = await main(process.argv);

async function main(args: readonly string[]): Promise<number> {
  try {
    const command = describe();
    command.parse([...args]);
    const [story] = command.processedArgs as [string | undefined];
    const given = command.opts<Given>();
    const options = { ...given, url: addressOf(given.url, process.env) };
    return await (story === undefined ? demo(options) : playStory(story, options));
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof AppError) return complain(error.message, 2);
    if (error instanceof ClientError) return complain(advice(error), 1);
    return complain((error as Error).stack ?? String(error), 1);
  }
}

function describe(): Command {
  return new Command('demo')
    .usage('-- [story] [options]')
    .description('Plays an online store: visits, carts, logins, purchases, calls, chats, e-mails.')
    .addArgument(storyArgument())
    .option('--silent <seconds>', 'in a story: how long is too long', numberOf(1, 3600), 30)
    .option('--rate <events>', 'events a second', numberOf(0.1, 1e6), 50)
    .option('--seconds <seconds>', 'how long; 0 until Ctrl-C', numberOf(0, 1e9), 0)
    .option('--customers <count>', 'how many customers', numberOf(1, 1e6), 200)
    .option('--seed <number>', 'the same seed plays the same store', numberOf(0, 2 ** 32), 1)
    .option('--url <url>', urlMeaning)
    .option('--key <key>', 'a key with scope write (default: TAPELINE_WRITE_KEY)')
    .option('--admin-key <key>', 'stores the example view (default: TAPELINE_ADMIN_KEY)')
    .exitOverride();
}

function storyArgument(): Argument {
  const list = Object.entries(stories).map(([name, { about }]) => `${name}: ${about}`);
  return new Argument('[story]', list.join('; ')).choices(Object.keys(stories));
}

function numberOf(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text !== '' && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a number from ${min} to ${max}.`);
  };
}

async function demo(options: Options): Promise<number> {
  const { url, rate, seconds } = options;
  const adminKey = options.adminKey ?? process.env['TAPELINE_ADMIN_KEY'];
  // An admin key may do everything in its workspace, writing included.
  const key = options.key ?? process.env['TAPELINE_WRITE_KEY'] ?? adminKey;
  if (!key) {
    const message = 'A key is needed: --key and --admin-key, or TAPELINE_WRITE_KEY and';
    return complain(
      `${message} TAPELINE_ADMIN_KEY.\nThe server prints its keys once, when it makes its data directory.`,
      2,
    );
  }
  const clock = systemClock;
  await openReader({ url, key, clock }).health();
  const random = seededRandom(options.seed);
  const count = Math.floor(options.customers);
  const customers = Array.from({ length: count }, (_, number) => makeCustomer(number, random));
  if (adminKey) {
    await openReader({ url, key: adminKey, clock }).putView('basic', basicView);
    say('Stored the view "basic" with its ten rows.');
  } else {
    say('Without an admin key (TAPELINE_ADMIN_KEY) the view "basic" is not stored.');
  }
  const client = openIngest({ url, key, clock, openSocket: nodeSocket, random: systemRandom });
  const history = await client.send(makeHistory(customers, clock.now(), random));
  const { accepted, duplicates } = await history.receipt;
  say(
    `${count} customers: ${accepted} events of history stored, ${duplicates} were there already.`,
  );
  say(hints(url, customers[0]!));
  let isStopping = false;
  process.once('SIGINT', () => {
    isStopping = true;
    process.once('SIGINT', () => process.exit(130));
  });
  const told = await play({
    client,
    clock,
    random,
    customers,
    rate,
    seconds,
    name: `demo-${clock.now().toString(36)}`,
    isStopping: () => isStopping,
    shown: openLine(),
  });
  await client.close();
  if (process.stdout.isTTY) process.stdout.write('\r\u001b[K');
  say(sentence(told));
  return told.refused > 0 ? 1 : 0;
}

/** A story stores maps, rules and agents of its own, all with names that begin with `demo-`. */
async function playStory(story: string, { silent, url, ...given }: Options): Promise<number> {
  const key = given.adminKey ?? process.env['TAPELINE_ADMIN_KEY'];
  if (!key) return complain('A story needs an admin key: --admin-key, or TAPELINE_ADMIN_KEY.', 2);
  await openReader({ url, key, clock: systemClock }).health();
  return tellStory(story, { url, key, silentSeconds: Math.floor(silent) }, say);
}

/** A line that lives on a terminal, and comes every few seconds elsewhere. */
function openLine(): (told: Told) => void {
  const isTerminal = process.stdout.isTTY;
  const periodMs = isTerminal ? terminalPeriodMs : linePeriodMs;
  let saidMs = systemClock.monotonicMs();
  return (told) => {
    if (systemClock.monotonicMs() - saidMs < periodMs) return;
    saidMs = systemClock.monotonicMs();
    if (isTerminal) process.stdout.write(`\r\u001b[K${sentence(told)}`);
    else say(sentence(told));
  };
}

function sentence({ sent, durable, refused, seconds }: Told): string {
  const rate = seconds > 0 ? sent / seconds : 0;
  const sorry = refused > 0 ? `, ${refused} refused` : '';
  return `${sent} events sent, ${durable} durable${sorry}, ${rate.toFixed(0)} a second`;
}

function hints(url: string, { id, name }: Customer): string {
  const base = new URL('/v1', url).href;
  const curl = `curl -s -H "Authorization: Bearer $TAPELINE_READ_KEY"`;
  return `
Watch ${name} (${id}) from another terminal; TAPELINE_READ_KEY is the read key the server printed.

  the newest events of the tape
    ${curl} '${base}/customers/${id}/tape?limit=5'
  the profile view
    ${curl} '${base}/customers/${id}/views/basic?fresh=1'
  live, for this customer or for everybody
    ${curl} -N '${base}/live/sse?customer=${id}'
    ${curl} -N '${base}/live/sse'
`;
}

function advice(error: ClientError): string {
  if (error.code === 'unreachable') {
    return `${error.message}\nStart a server with npm start; --url or TAPELINE_URL says where it is.`;
  }
  if (error.code === 'unauthorized') return 'The server does not know this key.';
  if (error.code === 'forbidden') {
    return 'A key may not do this: --key needs the scope write, --admin-key the scope admin.';
  }
  return `${error.code}: ${error.message}`;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function complain(message: string, exitCode: number): number {
  process.stderr.write(`${message}\n`);
  return exitCode;
}
