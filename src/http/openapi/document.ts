/** The OpenAPI 3.1 document, assembled from the descriptions of the routes and the schemas. */
import { schemas } from '../schemas.ts';
import { agentPaths } from './agents.ts';
import { aidPaths } from './aids.ts';
import { cjdsRoutePaths } from './cjdsroutes.ts';
import { decidePaths } from './decide.ts';
import { keyPaths, viewPaths, workspacePaths } from './definitions.ts';
import type { Json, Paths } from './describe.ts';
import { doorPaths } from './doors.ts';
import { erasurePaths } from './erasures.ts';
import { guide } from './guide.ts';
import { identityPaths } from './identities.ts';
import { instancePaths } from './instances.ts';
import { journeyPaths } from './journeys.ts';
import { readPaths } from './reads.ts';
import { rolePaths } from './roles.ts';
import { segmentPaths } from './segment.ts';
import { serverPaths } from './server.ts';
import { sinkPaths } from './sink.ts';
import { sourcePaths } from './sources.ts';
import { taxonomyPaths } from './taxonomy.ts';
import { visitorPaths } from './visitors.ts';
import { webhookPaths } from './webhooks.ts';

export interface ApiDocument {
  readonly openapi: string;
  readonly info: {
    readonly title: string;
    readonly version: string;
    readonly summary: string;
    readonly description: string;
    readonly license: { readonly name: string; readonly identifier: string };
  };
  readonly servers: readonly { readonly url: string; readonly description: string }[];
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Paths;
  readonly components: {
    readonly schemas: { readonly [name: string]: Json };
    readonly securitySchemes: { readonly [name: string]: Json };
  };
}

const tags = [
  { name: 'Ingest', description: 'Events in.' },
  { name: 'Other clients', description: 'Events in, from clients of other products as they are.' },
  {
    name: 'Segment and RudderStack',
    description: 'Events in, from the libraries of these products as they are.',
  },
  {
    name: 'CJDS',
    description: 'The API of Cisco’s Customer Journey Data Service, for its clients as they are.',
  },
  { name: 'Tape', description: 'Everything known of one customer, newest first.' },
  { name: 'Profile views', description: 'A customer at a glance: stored questions to the tape.' },
  { name: 'Live', description: 'Events as they are committed, from any point on.' },
  { name: 'Web pages', description: 'The browser tag, visitors, and messages to them.' },
  { name: 'Identities', description: 'Who is who: several identities, one customer.' },
  { name: 'Erasure', description: 'Removing a customer for good.' },
  { name: 'Taxonomy', description: 'Which events a workspace takes, and what it kept apart.' },
  { name: 'Sources', description: 'Foreign JSON, made into events by maps.' },
  { name: 'Journeys', description: 'How journeys go: maps, with drafts and versions.' },
  { name: 'Instances', description: 'Where a customer is on its journeys.' },
  { name: 'Rules', description: 'What to do, for whom, at which moment of a journey.' },
  { name: 'Webhooks', description: 'Where actions of journeys and rules are posted to.' },
  { name: 'Decisions', description: 'What to do next for a customer, and what came of it.' },
  { name: 'Agents', description: 'Agents and desks, and what they are offered to do.' },
  { name: 'Keys', description: 'Who may do what in a workspace.' },
  { name: 'Roles', description: 'Who may read which views, and which fields they see masked.' },
  { name: 'Workspaces', description: 'Tenants, isolated from one another.' },
  { name: 'Server', description: 'Readiness, metrics and this description.' },
];

const securitySchemes: { readonly [name: string]: Json } = {
  key: { type: 'http', scheme: 'bearer', description: 'A key, or a token made from one.' },
  visitor: {
    type: 'http',
    scheme: 'bearer',
    description: 'The token of a visitor, from `POST /v1/visitors`.',
  },
  keyInQuery: {
    type: 'apiKey',
    in: 'query',
    name: 'key',
    description: 'For clients that cannot set headers. Prefer a short-lived token.',
  },
};

/** The whole document; plain data, ready for JSON. */
export function openApiDocument(): ApiDocument {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Tapeline API',
      version: '1',
      summary: 'A durable event tape per customer, profile views and live streams.',
      description: guide.trim(),
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'This server.' }],
    tags,
    paths: {
      ...sinkPaths,
      ...doorPaths,
      ...segmentPaths,
      ...cjdsRoutePaths,
      ...readPaths,
      ...viewPaths,
      ...keyPaths,
      ...rolePaths,
      ...workspacePaths,
      ...identityPaths,
      ...erasurePaths,
      ...taxonomyPaths,
      ...sourcePaths,
      ...journeyPaths,
      ...instancePaths,
      ...aidPaths,
      ...webhookPaths,
      ...decidePaths,
      ...agentPaths,
      ...visitorPaths,
      ...serverPaths,
    },
    components: {
      // Through JSON, because the schema library marks its objects with members of its own.
      schemas: JSON.parse(JSON.stringify(schemas)) as { readonly [name: string]: Json },
      securitySchemes,
    },
  };
}
