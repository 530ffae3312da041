/**
 * A touchpoint's question as it came: JSON, of which the menu (`candidates`) is most and the same with every
 * question. So the menu is found in the bytes and looked up by them; only the first of its kind is read and checked.
 *
 *     {"customer":"ann","context":{…},"candidates":[ … ]}
 *      └───────── read for each ──────┘             └ known by its bytes
 */
import { skipJsonColon, skipJsonSpace, skipJsonString, skipJsonValue } from '../event/lex.ts';
import { type CheckedMenu, checkMenu } from '../journeys/decide/menu.ts';
import { ByText } from '../std/bytext.ts';
import { systemRandom } from '../std/random.ts';
import { parseJson } from './body.ts';
import { checkNewDecision } from './check.ts';
import type { NewDecision } from './decideschemas.ts';

/** Bytes of menus that a front keeps. */
const keptBytesMax = 4 * 1024 * 1024;
const openBrace = 0x7b;
const comma = 0x2c;
const quote = 0x22;
const name = Buffer.from('candidates"');

/** A question that has the shape of one. */
export interface Question {
  readonly asked: Omit<NewDecision, 'candidates'>;
  readonly menu: CheckedMenu | undefined;
}

/** By their bytes, each of them a character. */
const menus = new ByText<CheckedMenu>(keptBytesMax);
/** Stands for a menu that is known, and for nothing that anybody sends: whoever names it twice is read as a whole. */
const mark = Buffer.from(JSON.stringify(Buffer.from(systemRandom.bytes(15)).toString('base64')));
const marked = JSON.parse(mark.toString()) as string;

/** @throws AppError unsupported_media_type, malformed, invalid. */
export function readQuestion(body: Uint8Array, contentType: string): Question {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  const found = findMenu(bytes);
  const text = found && bytes.toString('latin1', found.start, found.end);
  const known = text === undefined ? undefined : menus.find(text);
  const around = known && readAround(bytes, found!, contentType);
  if (around !== undefined) return { asked: around, menu: known };
  const { candidates, ...asked } = checkNewDecision(parseJson(body, contentType));
  if (candidates === undefined || candidates.length === 0) return { asked, menu: undefined };
  const menu = checkMenu(candidates);
  const isNew = text !== undefined && known === undefined;
  if (isNew && readAround(bytes, found!, contentType) !== undefined) menus.keep(text, menu);
  return { asked, menu };
}

interface Span {
  readonly start: number;
  readonly end: number;
}

/** The value of the first member `candidates`; undefined when it is written otherwise, or this is no JSON so far. */
function findMenu(bytes: Buffer): Span | undefined {
  const { length } = bytes;
  let at = skipJsonSpace(bytes, 0, length);
  if (bytes[at] !== openBrace) return undefined;
  do {
    at = skipJsonSpace(bytes, at + 1, length);
    if (bytes[at] !== quote) return undefined;
    const isMenu = bytes.compare(name, 0, name.length, at + 1, at + 1 + name.length) === 0;
    const keyEnd = skipJsonString(bytes, at + 1, length);
    const start = keyEnd < 0 ? -1 : skipJsonColon(bytes, keyEnd, length);
    const end = start < 0 ? -1 : skipJsonValue(bytes, start, length);
    if (end < 0) return undefined;
    if (isMenu) return { start, end };
    at = skipJsonSpace(bytes, end, length);
  } while (bytes[at] === comma);
  return undefined;
}

/** All but the menu; undefined when the menu is named once more. */
function readAround(
  bytes: Buffer,
  { end, start }: Span,
  contentType: string,
): Question['asked'] | undefined {
  const around = Buffer.concat([bytes.subarray(0, start), mark, bytes.subarray(end)]);
  const { candidates, ...asked } = parseJson(around, contentType) as { candidates?: unknown };
  return candidates === marked ? checkNewDecision(asked) : undefined;
}
