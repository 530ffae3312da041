/** The routes of the server itself: readiness, metrics and this description. */
import type { Paths } from './describe.ts';
import { describe, jsonOf } from './describe.ts';
import { base } from './words.ts';

export const serverPaths: Paths = {
  '/healthz': {
    get: describe({
      id: 'getHealth',
      tag: 'Server',
      summary: 'Readiness',
      description: 'For load balancers and supervisors. Needs no key.',
      scope: 'none',
      responses: {
        200: {
          description: 'Requests are served.',
          content: jsonOf('Health', { status: 'ready' }),
        },
        503: {
          description: 'Starting, draining or unable to write.',
          content: jsonOf('Health', { status: 'draining', reason: 'the server is going away' }),
        },
      },
      errors: [],
      curl: `curl -s ${base}/healthz`,
    }),
  },
  '/metrics': {
    get: describe({
      id: 'getMetrics',
      tag: 'Server',
      summary: 'Metrics',
      description: 'Prometheus text. Names begin with `tapeline_`. Needs no key.',
      scope: 'none',
      responses: {
        200: {
          description: 'The metrics of all threads.',
          content: { 'text/plain': { schema: { type: 'string' } } },
        },
      },
      errors: [],
      curl: `curl -s ${base}/metrics`,
    }),
  },
  '/openapi.json': {
    get: describe({
      id: 'getDocument',
      tag: 'Server',
      summary: 'This API as OpenAPI 3.1',
      description:
        'The document this page is made from. Needs no key; may be read from any origin.',
      scope: 'none',
      responses: {
        200: {
          description: 'The document.',
          content: { 'application/json': { schema: { type: 'object' } } },
        },
      },
      errors: [],
      curl: `curl -s ${base}/openapi.json`,
    }),
  },
  '/docs': {
    get: describe({
      id: 'getDocs',
      tag: 'Server',
      summary: 'This page',
      description: 'The document for people. `/` leads here.',
      scope: 'none',
      responses: {
        200: { description: 'A page.', content: { 'text/html': { schema: { type: 'string' } } } },
      },
      errors: [],
      curl: `curl -s ${base}/docs`,
    }),
  },
};
