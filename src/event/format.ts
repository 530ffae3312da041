/** The values of `format` in a schema that are checked; others are refused when it is published. */
import { isIPv4, isIPv6 } from 'node:net';
import { parseTime } from './time.ts';

const day = /^\d{4}-\d{2}-\d{2}$/;
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export const formats: Readonly<Record<string, (text: string) => boolean>> = {
  'date-time': (text) => !Number.isNaN(parseTime(text)),
  date: (text) => day.test(text) && !Number.isNaN(parseTime(`${text}T00:00:00Z`)),
  email: isEmail,
  uuid: (text) => uuid.test(text),
  uri: (text) => URL.canParse(text),
  ipv4: (text) => isIPv4(text),
  ipv6: (text) => isIPv6(text),
};
export const knownFormats: readonly string[] = Object.keys(formats);

/** One @ with something before it and a name with a dot behind it, no blanks: in linear time. */
function isEmail(text: string): boolean {
  const at = text.indexOf('@');
  const dot = text.lastIndexOf('.');
  if (at < 1 || at !== text.lastIndexOf('@') || text.length > 320) return false;
  return dot > at + 1 && dot < text.length - 1 && !/\s/.test(text);
}
