/** Server-Sent Events by `fetch`: each message with its name and its data. */
export interface Message {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export async function* listen(url: URL, key: string, signal: AbortSignal): AsyncGenerator<Message> {
  const headers = { authorization: `Bearer ${key}` };
  const response = await fetch(url, { headers, signal });
  if (!response.ok) throw new Error(`${url.pathname}: ${response.status} ${await response.text()}`);
  let rest = '';
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    const blocks = (rest + chunk).split('\n\n');
    rest = blocks.pop()!;
    for (const block of blocks) {
      const message = messageOf(block.split('\n'));
      if (message !== undefined) yield message;
    }
  }
}

/** Undefined: a comment, or the head of the stream. */
function messageOf(lines: readonly string[]): Message | undefined {
  const value = (name: string): string | undefined =>
    lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
  const data = value('data');
  if (data === undefined) return undefined;
  return { event: value('event') ?? 'message', data: JSON.parse(data) as Message['data'] };
}
