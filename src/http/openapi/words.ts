/** What descriptions of routes say alike: parts of commands, the codes of the usual refusals, examples of headers. */
import type { ErrorCode } from '../../std/errors.ts';

/** Where the server of the examples is. */
export const base = 'http://127.0.0.1:8787';
export const auth = '\\\n  -H "Authorization: Bearer $KEY"';
export const json = "\\\n  -H 'Content-Type: application/json'";

/** Of a command that sends this as JSON. */
export function sends(body: object): string {
  return `${json} \\\n  -d '${JSON.stringify(body)}'`;
}

/** Of what is asked for by name. */
export const findErrors: readonly ErrorCode[] = ['malformed', 'invalid', 'not_found'];
export const removeErrors: readonly ErrorCode[] = [...findErrors, 'unavailable'];
/** Of a body that is not stored. */
export const bodyErrors: readonly ErrorCode[] = [
  'malformed',
  'unsupported_media_type',
  'too_large',
  'invalid',
];
export const storeErrors: readonly ErrorCode[] = [...bodyErrors, 'conflict', 'unavailable'];
/** Of a change of what is there already. */
export const changeErrors: readonly ErrorCode[] = [...findErrors, 'conflict', 'unavailable'];
