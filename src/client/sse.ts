/** Reads Server-Sent Events out of a stream of bytes, as the HTML standard lays them down. */

export interface ServerSentEvent {
  /** The last id the stream has named so far; empty if it has named none. */
  readonly id: string;
  readonly event: string;
  /** Absent when a block named an id and nothing else. */
  readonly data: string | undefined;
}

/** Longest line that is waited for. */
const lineCharsMax = 1024 * 1024;

/**
 * Yields each event as soon as its blank line arrives, and a block that only names an id as well, so
 * that a reader knows where it stands before the first event. What an ended stream left unfinished
 * is dropped, as the standard demands.
 *
 * @throws RangeError when a line does not end within a million characters.
 */
export async function* readSse(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  const decoder = new TextDecoder('utf-8');
  const block = openBlock();
  let rest = '';
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true });
    let at = 0;
    for (;;) {
      const end = lineEnd(rest, at);
      if (end < 0) break;
      const finished = block.line(rest.slice(at, end));
      if (finished !== undefined) yield finished;
      at = rest[end] === '\r' && rest[end + 1] === '\n' ? end + 2 : end + 1;
    }
    rest = rest.slice(at);
    if (rest.length > lineCharsMax) throw new RangeError('a line of the stream does not end');
  }
}

/** Where the line that begins at `at` ends; -1 while that is not known (a CR may be half a CRLF). */
function lineEnd(text: string, at: number): number {
  const feed = text.indexOf('\n', at);
  const carriage = text.indexOf('\r', at);
  if (carriage < 0 || (feed >= 0 && feed < carriage)) return feed;
  return carriage + 1 < text.length ? carriage : -1;
}

/** Collects the lines of one event; `line` returns the event when a blank line ends it. */
function openBlock(): { line(line: string): ServerSentEvent | undefined } {
  let id = '';
  let event = '';
  let data: string[] = [];
  let isNamed = false;
  return {
    line(line) {
      if (line === '') {
        const isEmpty = data.length === 0 && !isNamed;
        const text = data.length > 0 ? data.join('\n') : undefined;
        const finished = { id, event: event || 'message', data: text };
        event = '';
        data = [];
        isNamed = false;
        return isEmpty ? undefined : finished;
      }
      const colon = line.indexOf(':');
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? '' : line.slice(colon + (line[colon + 1] === ' ' ? 2 : 1));
      if (field === 'data') data.push(value);
      else if (field === 'event') event = value;
      else if (field === 'id' && !value.includes('\0')) {
        id = value;
        isNamed = true;
      }
      return undefined;
    },
  };
}
