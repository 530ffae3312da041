/** Schemas as people read them: a type in a word, a table of members, the limits. */
import type { Json } from '../openapi/describe.ts';
import { escapeHtml, renderInline } from './markdown.ts';

export type Schema = { readonly [key: string]: Json };

export function isSchema(value: Json | undefined): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A schema's type in a word or a link: `string`, `Event[]`, `string | integer`. As HTML. */
export function typeOf(schema: Json | undefined): string {
  if (!isSchema(schema)) return 'any';
  const ref = schema['$ref'];
  if (typeof ref === 'string') {
    const name = escapeHtml(ref.slice(ref.lastIndexOf('/') + 1));
    return `<a href="#schema-${name}">${name}</a>`;
  }
  const either = schema['oneOf'];
  if (Array.isArray(either)) return either.map(typeOf).join(' | ');
  const type = schema['type'];
  if (type === 'array') return `${typeOf(schema['items'])}[]`;
  if (Array.isArray(type)) return type.map(String).join(' | ');
  if (typeof type === 'string') {
    return schema['format'] === 'date-time' ? 'RFC 3339 string' : escapeHtml(type);
  }
  return Array.isArray(schema['enum']) ? 'string' : 'any';
}

/** The rules of a schema in a few words, as HTML; empty if it has none. */
export function rulesOf(schema: Json | undefined): string {
  if (!isSchema(schema)) return '';
  const rules: string[] = [];
  const allowed = valuesOf(schema) ?? valuesOf(schema['items']);
  if (allowed !== undefined) {
    rules.push(allowed.map((value) => `<code>${escapeHtml(String(value))}</code>`).join(' '));
  }
  const { minimum, maximum } = schema;
  if (typeof minimum === 'number' && typeof maximum === 'number') {
    rules.push(`${count(minimum)} to ${count(maximum)}`);
  }
  const { maxLength, maxItems } = schema;
  if (typeof maxLength === 'number') rules.push(`at most ${count(maxLength)} characters`);
  if (typeof maxItems === 'number') rules.push(`at most ${count(maxItems)} of them`);
  if (schema['default'] !== undefined) {
    rules.push(`default <code>${escapeHtml(String(schema['default']))}</code>`);
  }
  return rules.join(' · ');
}

function valuesOf(schema: Json | undefined): readonly Json[] | undefined {
  const allowed = isSchema(schema) ? schema['enum'] : undefined;
  return Array.isArray(allowed) ? allowed : undefined;
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}

/** A named schema as a section with its members. */
export function renderSchema(name: string, schema: Schema): string {
  const description = schema['description'];
  const text = typeof description === 'string' ? `<p>${renderInline(description)}</p>` : '';
  const id = `schema-${escapeHtml(name)}`;
  return `<section class="schema" id="${id}">
<h3><a class="anchor" href="#${id}">${escapeHtml(name)}</a></h3>
${text}${renderMembers(schema, 0)}
</section>`;
}

function renderMembers(schema: Schema, depth: number): string {
  const members = schema['properties'];
  if (!isSchema(members) || depth > 3) return '';
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  const rows = Object.entries(members).map(([name, member]) => {
    const inner = isSchema(member) ? renderMembers(member, depth + 1) : '';
    return renderRow({ name, schema: member, required: required.includes(name), inner });
  });
  return `<dl class="members">${rows.join('')}</dl>`;
}

/** One member or parameter: name, type, whether required, description and rules. */
export function renderRow(row: {
  name: string;
  schema: Json;
  required: boolean;
  place?: string;
  description?: string;
  inner?: string;
}): string {
  const own = isSchema(row.schema) ? row.schema['description'] : undefined;
  const description = row.description ?? (typeof own === 'string' ? own : '');
  const rules = rulesOf(row.schema);
  const place = row.place === undefined ? '' : ` <span class="dim">in ${row.place}</span>`;
  const must = row.required ? ' <span class="must">required</span>' : '';
  return `<div class="row"><dt><code class="name">${escapeHtml(row.name)}</code>
<span class="type">${typeOf(row.schema)}</span>${place}${must}</dt>
<dd>${renderInline(description)}${rules === '' ? '' : `<div class="dim">${rules}</div>`}${row.inner ?? ''}</dd></div>`;
}
