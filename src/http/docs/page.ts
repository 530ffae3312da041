/**
 * The page at `/docs`: made on the server from the same document that programs read, complete in
 * one file, so that it works offline and under a strict content security policy.
 */
import { createHash } from 'node:crypto';
import type { ApiDocument } from '../openapi/document.ts';
import { escapeHtml, headingsOf, renderInline, renderMarkdown } from './markdown.ts';
import { type Located, renderOperation, verbOf } from './operation.ts';
import { script } from './script.ts';
import { isSchema, renderSchema } from './shape.ts';
import { style } from './style.ts';

/** @returns the page and the Content-Security-Policy it is made for. */
export function docsPage(document: ApiDocument): { html: string; policy: string } {
  const sections = document.tags.map(({ name, description }) => ({
    name,
    description,
    operations: operationsOf(document, name),
  }));
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(document.info.title)}</title>
<link rel="icon" href="data:image/svg+xml,${encodeURIComponent(icon)}">
<style>${style}</style>
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
${renderNavigation(document, sections)}
<main id="main">
<header>
<p class="label">OpenAPI 3.1 · version ${escapeHtml(document.info.version)} · <a href="/openapi.json">openapi.json</a></p>
<h1>${escapeHtml(document.info.title)}</h1>
<p class="lead">${renderInline(document.info.summary)}</p>
</header>
<article class="guide">${renderMarkdown(document.info.description)}</article>
${sections.map(renderSection).join('\n')}
<section class="group"><h2 id="schemas"><a class="anchor" href="#schemas">Schemas</a></h2>
<p class="lead">The shapes of bodies, as they are checked and sent.</p>
${renderSchemas(document)}</section>
</main>
<script>${script}</script>
</body>
</html>
`;
  return { html, policy };
}

interface Section {
  readonly name: string;
  readonly description: string;
  readonly operations: readonly Located[];
}

const icon =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#0f766e"/><path d="M6 11h20M6 16h14M6 21h9" stroke="#fff" stroke-width="3" stroke-linecap="round"/></svg>';

const policy = [
  "default-src 'none'",
  `style-src '${hashOf(style)}'`,
  `script-src '${hashOf(script)}'`,
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

function hashOf(source: string): string {
  return `sha256-${createHash('sha256').update(source).digest('base64')}`;
}

function operationsOf(document: ApiDocument, tag: string): readonly Located[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item)
      .map(([method, operation]) => ({ path, method, operation }))
      .filter(({ operation }) => operation.tags.includes(tag)),
  );
}

function renderNavigation(document: ApiDocument, sections: readonly Section[]): string {
  const guide = headingsOf(document.info.description)
    .map(({ id, text }) => `<li><a href="#${id}">${escapeHtml(text)}</a></li>`)
    .join('');
  const groups = sections.map(({ name, operations }) => {
    const items = operations.map(renderLink).join('');
    return `<h2>${escapeHtml(name)}</h2><ul>${items}</ul>`;
  });
  return `<nav aria-label="Contents">
<div class="brand"><span class="mark" aria-hidden="true"><i></i><i></i><i></i></span> Tapeline
<button id="menu" type="button" aria-expanded="false" aria-controls="contents">Contents</button></div>
<div id="contents">
<input id="filter" type="search" placeholder="Filter routes" aria-label="Filter routes" autocomplete="off">
<h2>Guide</h2><ul>${guide}</ul>
${groups.join('\n')}
<h2>Reference</h2><ul><li><a href="#schemas">Schemas</a></li></ul>
</div>
</nav>`;
}

function renderLink(located: Located): string {
  const { operation, path } = located;
  const verb = verbOf(located);
  const words = escapeHtml(`${path} ${operation.summary} ${located.method}`.toLowerCase());
  return `<li data-words="${words}"><a href="#${escapeHtml(operation.operationId)}"><span>${renderInline(operation.summary)}</span> <span class="verb ${verb}">${verb}</span></a></li>`;
}

function renderSection({ name, description, operations }: Section): string {
  const id = `tag-${escapeHtml(name.toLowerCase().replaceAll(' ', '-'))}`;
  return `<section class="group"><h2 id="${id}"><a class="anchor" href="#${id}">${escapeHtml(name)}</a></h2>
<p class="lead">${renderInline(description)}</p>
${operations.map(renderOperation).join('\n')}</section>`;
}

function renderSchemas(document: ApiDocument): string {
  return Object.entries(document.components.schemas)
    .map(([name, schema]) => (isSchema(schema) ? renderSchema(name, schema) : ''))
    .join('\n');
}
