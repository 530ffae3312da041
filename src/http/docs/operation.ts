/** One route as a section: what it is for, how to call it, what comes back. */
import type { Json, Operation } from '../openapi/describe.ts';
import { escapeHtml, renderCode, renderInline, renderMarkdown } from './markdown.ts';
import { renderRow, typeOf } from './shape.ts';

export interface Located {
  readonly path: string;
  readonly method: string;
  readonly operation: Operation;
}

/** The methods by their colours; WebSocket routes are GET on the wire but not in use. */
export function verbOf({ method, operation }: Located): string {
  return '101' in operation.responses ? 'ws' : method;
}

export function renderOperation(located: Located): string {
  const { operation, path } = located;
  const verb = verbOf(located);
  const id = escapeHtml(operation.operationId);
  const shownPath = escapeHtml(path).replace(/\{(\w+)\}/g, '<span class="param">{$1}</span>');
  return `<section class="operation" id="${id}">
<div class="text">
<h3><a class="anchor" href="#${id}">${renderInline(operation.summary)}</a></h3>
<p class="route"><span class="verb ${verb}">${verb}</span> <code>${shownPath}</code>${scopeOf(operation)}</p>
${renderMarkdown(operation.description)}
${renderParameters(operation)}
${renderBody(operation)}
${renderResponses(operation)}
</div>
<div class="samples">
${renderSamples(operation)}
</div>
</section>`;
}

function scopeOf(operation: Operation): string {
  const [first] = operation.security;
  if (first === undefined) return '<span class="scope">no key</span>';
  const scope = first['key']?.[0];
  const inQuery = operation.security.length > 1 ? ' · <code>?key=</code> works' : '';
  const label = scope === undefined ? 'any key' : `scope <strong>${escapeHtml(scope)}</strong>`;
  return `<span class="scope">${label}${inQuery}</span>`;
}

function renderParameters(operation: Operation): string {
  if (operation.parameters.length === 0) return '';
  const rows = operation.parameters.map((parameter) =>
    renderRow({
      name: parameter.name,
      schema: parameter.schema,
      required: parameter.required,
      place: parameter.in,
      description: parameter.description,
    }),
  );
  return `<h4>Parameters</h4><dl class="members">${rows.join('')}</dl>`;
}

function renderBody(operation: Operation): string {
  if (operation.requestBody === undefined) return '';
  const rows = Object.entries(operation.requestBody.content).map(([type, media]) =>
    renderRow({ name: type, schema: media.schema, required: false }),
  );
  return `<h4>Body</h4><dl class="members">${rows.join('')}</dl>`;
}

function renderResponses(operation: Operation): string {
  const rows = Object.entries(operation.responses).map(([status, response]) => {
    const media = Object.values(response.content ?? {})[0];
    const type = media === undefined ? '' : typeOf(media.schema);
    const tone = Number(status) < 400 ? 'good' : 'bad';
    return `<tr><td><span class="status ${tone}">${escapeHtml(status)}</span></td>
<td>${renderInline(response.description)}</td><td class="type">${type === 'any' ? '' : type}</td></tr>`;
  });
  return `<h4>Answers</h4><div class="scroll"><table class="answers"><tbody>${rows.join('')}</tbody></table></div>`;
}

function renderSamples(operation: Operation): string {
  const samples = operation['x-codeSamples'].map(({ source }) => renderCode(source));
  const [status, response] = Object.entries(operation.responses)[0] ?? [];
  const [type, media] = Object.entries(response?.content ?? {})[0] ?? [];
  if (media?.example !== undefined && status !== undefined && type !== undefined) {
    const label = `${escapeHtml(status)} · ${escapeHtml(type)}`;
    samples.push(`<p class="label">${label}</p>${renderCode(pretty(media.example))}`);
  }
  return samples.join('\n');
}

function pretty(example: Json): string {
  return typeof example === 'string' ? example : JSON.stringify(example, null, 2);
}
