/** What an expression gives, as JSON: numbers are numbers, times are RFC 3339, what has no JSON is null. */

/** @param value as the language gives it; undefined: it could not be found. */
export function asJson(value: unknown): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) ? value : null;
    case 'bigint':
      return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
    case 'object':
      return value === null ? null : objectAsJson(value);
    default:
      return null;
  }
}

function objectAsJson(value: object): unknown {
  if (Array.isArray(value)) return value.map(asJson);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (value instanceof Map) {
    return Object.fromEntries([...value].map(([name, each]) => [String(name), asJson(each)]));
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return wrappedAsJson(value);
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, asJson(each)]));
}

/** Values of the language's own classes: an unsigned number, an optional value, a duration. */
function wrappedAsJson(value: object): unknown {
  if ('hasValue' in value && 'orValue' in value) {
    return asJson((value as { orValue(other: null): unknown }).orValue(null));
  }
  if ('seconds' in value && 'nanos' in value) {
    return Number(value.seconds) * 1000 + Math.trunc(Number(value.nanos) / 1e6);
  }
  const primitive: unknown = value.valueOf();
  return typeof primitive === 'object' ? null : asJson(primitive);
}

/** Within text: nothing for null, JSON for lists and maps. */
export function asText(value: unknown): string {
  const json = asJson(value);
  if (json === null) return '';
  return typeof json === 'object' ? JSON.stringify(json) : String(json);
}
