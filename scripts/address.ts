/**
 * Where the commands that talk to a server look for it: `--url`, else `TAPELINE_URL`, else where
 * `TAPELINE_HOST` and `TAPELINE_PORT` let `npm start` listen, so that one setting does for both.
 */
import { settings } from '../src/config.ts';
import { AppError } from '../src/std/errors.ts';

/** What `--help` says of `--url`. */
export const urlMeaning =
  'the server (default: TAPELINE_URL, else http at TAPELINE_HOST and TAPELINE_PORT, as of npm start)';

/** A server that listens on every address is reached at this machine's own. */
const reachable: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

/**
 * The address of the server, http(s)://host:port.
 *
 * @param given the value of `--url`, if there was one.
 * @throws AppError `invalid` when nothing is given and `TAPELINE_PORT` is no port of a server.
 */
export function addressOf(
  given: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): string {
  const url = given ?? environment['TAPELINE_URL'];
  if (url) return url;
  const text = (variable: string): string =>
    environment[variable] ?? settings.find((setting) => setting.variable === variable)!.fallback;
  const port = Number(text('TAPELINE_PORT'));
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    const message = `at port ${text('TAPELINE_PORT')} (TAPELINE_PORT) no server can be found`;
    throw new AppError('invalid', `${message}: say --url, or set TAPELINE_URL`);
  }
  const host = reachable[text('TAPELINE_HOST')] ?? text('TAPELINE_HOST');
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
