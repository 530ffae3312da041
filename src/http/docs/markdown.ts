/**
 * The little Markdown our own descriptions use, to HTML: paragraphs, `##` headings, lists of one
 * level, tables, fenced code, `code` and **bold**. Its input is ours, yet everything is escaped.
 */

export interface Heading {
  readonly id: string;
  readonly text: string;
}

export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** An id for an anchor: `Profile views` → `profile-views`. */
export function slugOf(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
}

/** The `##` headings of a text, in order. */
export function headingsOf(markdown: string): readonly Heading[] {
  const lines = outsideFences(markdown.split('\n'));
  const titles = lines.filter((line) => line.startsWith('## ')).map((line) => line.slice(3));
  return titles.map((text) => ({ id: slugOf(text), text }));
}

function outsideFences(lines: readonly string[]): readonly string[] {
  let isInside = false;
  return lines.filter((line) => {
    if (line.startsWith('```')) isInside = !isInside;
    return !isInside;
  });
}

export function renderInline(text: string): string {
  return text
    .split(/(`[^`]+`)/)
    .map((part) => {
      if (part.length > 2 && part.startsWith('`')) {
        return `<code>${escapeHtml(part.slice(1, -1))}</code>`;
      }
      return escapeHtml(part).replace(/\*\*(.+?)\*\*/g, '<strong>$1</strong>');
    })
    .join('');
}

export function renderCode(source: string): string {
  const copy = '<button class="copy" type="button">Copy</button>';
  return `<div class="code"><pre tabindex="0"><code>${escapeHtml(source)}</code></pre>${copy}</div>`;
}

export function renderMarkdown(markdown: string): string {
  const lines = markdown.trim().split('\n');
  const blocks: string[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at]!;
    const end = blockEnd(lines, at);
    const block = lines.slice(at, end);
    if (line.startsWith('```')) blocks.push(renderCode(block.slice(1, -1).join('\n')));
    else if (line.startsWith('## ')) blocks.push(renderHeading(line.slice(3)));
    else if (line.startsWith('- ')) blocks.push(renderList(block));
    else if (line.startsWith('|')) blocks.push(renderTable(block));
    else if (line !== '') blocks.push(`<p>${renderInline(block.join(' '))}</p>`);
    at = end;
  }
  return blocks.join('\n');
}

/** The line after the block that starts at `at`. */
function blockEnd(lines: readonly string[], at: number): number {
  const kind = kindOf(lines[at]!);
  let end = at + 1;
  if (kind === 'fence') {
    while (end < lines.length && !lines[end]!.startsWith('```')) end++;
    return end + 1;
  }
  if (kind === 'heading' || kind === 'blank') return end;
  while (end < lines.length && kindOf(lines[end]!) === kind) end++;
  return end;
}

function kindOf(line: string): 'fence' | 'heading' | 'list' | 'table' | 'blank' | 'text' {
  if (line.startsWith('```')) return 'fence';
  if (line.startsWith('## ')) return 'heading';
  if (line.startsWith('- ')) return 'list';
  if (line.startsWith('|')) return 'table';
  return line === '' ? 'blank' : 'text';
}

function renderHeading(text: string): string {
  const id = slugOf(text);
  return `<h2 id="${id}"><a class="anchor" href="#${id}">${renderInline(text)}</a></h2>`;
}

function renderList(lines: readonly string[]): string {
  const items = lines.map((line) => `<li>${renderInline(line.slice(2))}</li>`);
  return `<ul>${items.join('')}</ul>`;
}

function renderTable(lines: readonly string[]): string {
  const [head, , ...rows] = lines.map(cellsOf);
  const heads = (head ?? []).map((cell) => `<th scope="col">${renderInline(cell)}</th>`).join('');
  const body = rows.map((cells) => `<tr>${cells.map(renderCell).join('')}</tr>`).join('');
  const table = `<table><thead><tr>${heads}</tr></thead><tbody>${body}</tbody></table>`;
  return `<div class="scroll">${table}</div>`;
}

function renderCell(cell: string): string {
  return `<td>${renderInline(cell)}</td>`;
}

function cellsOf(line: string): readonly string[] {
  return line
    .slice(1, line.lastIndexOf('|'))
    .split('|')
    .map((cell) => cell.trim());
}
