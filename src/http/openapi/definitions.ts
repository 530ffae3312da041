/** The routes by which a workspace is set up, and those of the server itself. */
import type { Paths } from './describe.ts';
import { describe, inPath, jsonOf } from './describe.ts';
import { deleted, got, listed, put, type Stored } from './stored.ts';
import { auth, base, changeErrors, json, storeErrors } from './words.ts';

const gone = { 204: { description: 'Done.' } };
const view = {
  fields: [
    {
      name: 'City',
      event: 'Profile',
      attribute: 'City',
      limit: 2,
      lookback: '365d',
      type: 'value',
    },
    {
      name: 'Items in Cart',
      event: 'Add To Cart',
      attribute: 'SKU',
      lookback: '7d',
      type: 'count',
    },
    { name: 'Activity', event: 'Login', lookback: '30d', type: 'sum' },
  ],
};
const storedView = { name: 'basic', ...view, version: 1, updatedAt: 1763740000000 };
const key = {
  id: 'k_7Qx2',
  name: 'level 1 desk',
  scopes: ['read'],
  views: ['basic'],
  createdAt: 1763740000000,
};

const putViewText = `
Stores a view under a name of 1–128 bytes, or replaces it. Each row (field) of a view looks at the newest events of a type:

| type | gives |
|---|---|
| \`value\` | the newest values, newest first |
| \`count\` | how many events match, at most \`limit\` |
| \`distinct\` | the distinct values, newest first, at most \`limit\` of them |
| \`sum\` | numbers added; without an attribute each event adds 1 |
| \`min\` \`max\` \`average\` | over numbers |
| \`first\` \`last\` | the oldest and the newest matching value |

\`event\` is a type or \`*\`; \`attribute\` a dotted path into \`data\` or \`*\` for all of it. Values that are not numbers are left out of numeric types and counted in \`skipped\`.

\`where\`, on a field or on the view for all of its fields, is a condition in CEL on the event: \`event.type\`, \`id\`, \`customer\`, \`channel\`, \`source\` (text; \`""\` when absent), \`event.time\` (a timestamp) and \`event.data\` (a map). Whole numbers and the doubles of JSON mix. An error, such as a member that is not there, is no match; \`has(event.data.x)\` asks, \`event.data.?x.orValue(0)\` gives something instead. \`matches\` takes an RE2 expression in quotes. A condition that cannot be compiled is refused with its place and a hint; one that costs too much on an event leaves it out and says so in \`undecided\`.

An answer is current. With \`snapshot\` one answer serves everybody for so long on each front, even if events come meanwhile; it is made anew at that age, by \`?fresh=1\`, and when something is erased, identities are merged or the template changes. \`asOf\` never goes back, whichever connection a reader is on; of two snapshots of the same instant, made by two fronts, one may have an event that came late.`;

const stored: Stored = {
  ...{ tag: 'Profile views', path: '/v1/views', at: 'basic', readers: 'read' },
  ...{ name: inPath('name', 'The view.'), schema: 'View', example: storedView },
};
const newName = { parameters: [inPath('name', 'The view, 1–128 bytes.')] };

export const viewPaths: Paths = {
  '/v1/views': {
    get: listed(
      stored,
      {
        id: 'listViews',
        summary: 'List views',
        description: 'All views of the workspace, by name; for a narrowed key only its own.',
      },
      { description: 'The views.', schema: 'Views', member: 'views' },
    ),
  },
  '/v1/views/{name}': {
    get: got(
      stored,
      {
        id: 'getView',
        summary: 'Get a view’s template',
        description: 'The template as it was stored.',
      },
      'The view.',
    ),
    put: put(
      stored,
      { id: 'putView', summary: 'Store a view’s template', description: putViewText },
      { schema: 'ViewTemplate', example: view },
      storedView,
      newName,
    ),
    delete: deleted(
      stored,
      {
        id: 'deleteView',
        summary: 'Delete a view',
        description:
          'Deletes the template. No event is touched. One that a map or rule in force asks for stays: `conflict`.',
      },
      { responses: gone, errors: changeErrors },
    ),
  },
};

export const keyPaths: Paths = {
  '/v1/keys': {
    post: describe({
      id: 'createKey',
      tag: 'Keys',
      summary: 'Make a key',
      description:
        'Answers once with the key; only its hash is kept. `views` narrows a read key to the views named (a view may be named before it is made; until then it is `not_found`), `role` to what the role may read; both go with no other scope. Only a key with the scope `server` can give that scope.',
      scope: 'admin',
      body: jsonOf('NewKey', { scopes: ['read'], views: ['basic'], name: 'level 1 desk' }),
      responses: {
        201: {
          description: 'The key.',
          content: jsonOf('CreatedKey', { ...key, key: 'rk_3vTq0…' }),
        },
      },
      errors: storeErrors,
      curl: `curl -s ${base}/v1/keys ${auth} ${json} \\\n  -d '{"scopes":["read"],"views":["basic"],"name":"level 1 desk"}'`,
    }),
    get: describe({
      id: 'listKeys',
      tag: 'Keys',
      summary: 'List keys',
      description: 'All keys of the workspace, oldest first, without their secrets.',
      scope: 'admin',
      responses: { 200: { description: 'The keys.', content: jsonOf('Keys', { keys: [key] }) } },
      errors: [],
      curl: `curl -s ${base}/v1/keys ${auth}`,
    }),
  },
  '/v1/keys/{id}': {
    delete: describe({
      id: 'deleteKey',
      tag: 'Keys',
      summary: 'Delete a key',
      description: 'The key, and every token made with it, is refused from the answer on.',
      scope: 'admin',
      parameters: [inPath('id', 'The key’s id (not the key).')],
      responses: gone,
      errors: ['malformed', 'not_found', 'conflict', 'unavailable'],
      curl: `curl -s -X DELETE ${base}/v1/keys/k_7Qx2 ${auth}`,
    }),
  },
  '/v1/keys/{id}/quota': {
    put: describe({
      id: 'putKeyQuota',
      tag: 'Keys',
      summary: 'Set a key’s quota',
      description:
        'What may be sent with the key, and with every token made with it, in a second: see “Quotas” above. Replaces the quota; `{}` takes it away. In force from the answer on, with nothing counted yet.',
      scope: 'admin',
      parameters: [inPath('id', 'The key’s id (not the key).')],
      body: jsonOf('Quota', { eventsPerSecond: 1000, bytesPerSecond: 1_000_000 }),
      responses: {
        200: {
          description: 'The key.',
          content: jsonOf('Key', { ...key, quota: { eventsPerSecond: 1000 } }),
        },
      },
      errors: [...storeErrors, 'not_found'],
      curl: `curl -s -X PUT ${base}/v1/keys/k_7Qx2/quota ${auth} ${json} \\\n  -d '{"eventsPerSecond":1000,"bytesPerSecond":1000000}'`,
    }),
  },
  '/v1/tokens': {
    post: describe({
      id: 'createToken',
      tag: 'Keys',
      summary: 'Make a short-lived token',
      description:
        'A token can do at most what the key that asks can do, and dies with that key. It is used like a key, and fit to stand in a URL. A token cannot make tokens.',
      scope: 'any',
      body: jsonOf('NewToken', { scopes: ['read'], ttlSeconds: 300 }),
      responses: {
        201: {
          description: 'The token.',
          content: jsonOf('Token', { token: 'tk_eyJ3Ijox…', expiresAt: 1763740300000 }),
        },
      },
      errors: ['malformed', 'unsupported_media_type', 'too_large', 'invalid', 'forbidden'],
      curl: `curl -s ${base}/v1/tokens ${auth} ${json} \\\n  -d '{"scopes":["read"],"ttlSeconds":300}'`,
    }),
  },
};

const workspace = { id: 'w_5Tk9', name: 'acme', createdAt: 1763740000000 };
const adminKey = { id: 'k_1Bc4', name: 'admin', scopes: ['admin'], createdAt: 1763740000000 };

export const workspacePaths: Paths = {
  '/v1/workspaces': {
    post: describe({
      id: 'createWorkspace',
      tag: 'Workspaces',
      summary: 'Make a workspace',
      description: 'Answers with the workspace and, once, its first admin key.',
      scope: 'server',
      body: jsonOf('NewWorkspace', { name: 'acme' }),
      responses: {
        201: {
          description: 'The workspace.',
          content: jsonOf('CreatedWorkspace', { workspace, key: { ...adminKey, key: 'ak_9mPz…' } }),
        },
      },
      errors: storeErrors,
      curl: `curl -s ${base}/v1/workspaces ${auth} ${json} \\\n  -d '{"name":"acme"}'`,
    }),
    get: describe({
      id: 'listWorkspaces',
      tag: 'Workspaces',
      summary: 'List workspaces',
      description: 'All workspaces, oldest first.',
      scope: 'server',
      responses: {
        200: {
          description: 'The workspaces.',
          content: jsonOf('Workspaces', { workspaces: [workspace] }),
        },
      },
      errors: [],
      curl: `curl -s ${base}/v1/workspaces ${auth}`,
    }),
  },
  '/v1/workspaces/{id}': {
    delete: describe({
      id: 'deleteWorkspace',
      tag: 'Workspaces',
      summary: 'Delete a workspace',
      description: 'Its keys are refused from the answer on. The workspace `default` stays.',
      scope: 'server',
      parameters: [inPath('id', 'The workspace’s id.')],
      responses: gone,
      errors: ['malformed', 'not_found', 'conflict', 'unavailable'],
      curl: `curl -s -X DELETE ${base}/v1/workspaces/w_5Tk9 ${auth}`,
    }),
  },
  '/v1/workspaces/{id}/retention': {
    put: describe({
      id: 'putRetention',
      tag: 'Workspaces',
      summary: 'Set how long events are kept',
      description:
        'Replaces what was set; a member that is absent falls back to the setting of the server, null means no limit. Older events are not read any more at most an hour after their days are over, and removed when the files that hold them are dropped or written anew. A cursor of events that were removed is answered with `cursor_expired`.',
      scope: 'server',
      parameters: [inPath('id', 'The workspace’s id.')],
      body: jsonOf('Retention', { days: 365, bytes: null }),
      responses: {
        200: {
          description: 'The workspace.',
          content: jsonOf('Workspace', { ...workspace, retention: { days: 365 } }),
        },
      },
      errors: [...storeErrors, 'not_found'],
      curl: `curl -s -X PUT ${base}/v1/workspaces/w_5Tk9/retention ${auth} ${json} \\\n  -d '{"days":365}'`,
    }),
  },
  '/v1/workspaces/{id}/quota': {
    put: describe({
      id: 'putWorkspaceQuota',
      tag: 'Workspaces',
      summary: 'Set a workspace’s quota',
      description:
        'What all keys of the workspace together may send in a second: see “Quotas” above. Replaces the quota; a member that is absent falls back to the setting of the server, null means no limit. In force from the answer on, with nothing counted yet.',
      scope: 'server',
      parameters: [inPath('id', 'The workspace’s id.')],
      body: jsonOf('Quota', { eventsPerSecond: 100_000, bytesPerSecond: null }),
      responses: {
        200: {
          description: 'The workspace.',
          content: jsonOf('Workspace', { ...workspace, quota: { eventsPerSecond: 100_000 } }),
        },
      },
      errors: [...storeErrors, 'not_found'],
      curl: `curl -s -X PUT ${base}/v1/workspaces/w_5Tk9/quota ${auth} ${json} \\\n  -d '{"eventsPerSecond":100000}'`,
    }),
  },
};
