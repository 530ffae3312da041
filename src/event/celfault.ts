/** Why a text of CEL is refused, as a sentence: what is wrong, where, and what to write instead. */

interface EngineError {
  readonly summary: string;
  readonly range?: { readonly start: number; readonly end: number };
}

/** What to say to a name that is not known. */
export interface NameHints {
  readonly variables: string;
  readonly members: string;
}

/** @param error as the engine threw or gave it. */
export function sentenceOf(error: unknown, text: string, hints: NameHints): string {
  const { range, summary = (error as Error).message } = error as Partial<EngineError>;
  const at = range === undefined ? '' : ` at character ${range.start + 1}${quoteAt(text, range)}`;
  const hint = hintFor(summary, range === undefined ? text : text.slice(range.start), hints);
  return `${summary}${at}${hint === undefined ? '' : `; ${hint}`}`;
}

function quoteAt(text: string, { start, end }: { start: number; end: number }): string {
  const found = text.slice(start, Math.max(end, start + 1));
  return found === '' ? '' : ` (${found.length > 40 ? `${found.slice(0, 40)}…` : found})`;
}

/** What people who know other languages write, and what it is here. */
function hintFor(
  summary: string,
  rest: string,
  { members, variables }: NameHints,
): string | undefined {
  if (/^and\b/i.test(rest)) return 'write && for and';
  if (/^or\b/i.test(rest)) return 'write || for or';
  if (/^not\b/i.test(rest)) return 'write ! for not';
  if (/^=(?!=)/.test(rest)) return 'write == to compare';
  if (/^(&|\|)/.test(rest)) return 'write && or ||';
  if (summary.startsWith('Unknown variable')) return variables;
  if (summary.startsWith('No such key')) return members;
  return rest === '' ? 'the condition ends too early' : undefined;
}
