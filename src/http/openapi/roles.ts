/** The routes of roles. */
import type { Paths } from './describe.ts';
import { describe, inPath, jsonOf } from './describe.ts';

const auth = '\\\n  -H "Authorization: Bearer $KEY"';
const base = 'http://127.0.0.1:8787';
const role = {
  views: ['basic'],
  masks: [
    { attribute: 'email', as: 'email' },
    { field: 'Phone', as: 'last4' },
  ],
};
const stored = { name: 'level 1', ...role, version: 7, updatedAt: 1763740000000 };

const putText = `
Stores a role under a name of 1–128 bytes, or replaces it. A key or token that has the role (\`role\` in \`POST /v1/keys\` and \`POST /v1/tokens\`) reads views and nothing else: neither tapes nor live events. Fields that a mask fits are shown masked and say so in \`masked\`.

| \`as\` | shows |
|---|---|
| \`hide\` | null, no counts, no evidence |
| \`present\` | true when there is a value |
| \`last4\` | the last four characters of eight or more: \`*******4567\` |
| \`email\` | \`j***@example.com\` |
| \`hash\` | a text that is the same for equal values of the workspace |

A mask by \`attribute\` fits every field that shows it, now and later; a field that shows something the attribute is only a part of (\`*\`) is hidden. A change is in force from the answer on.`;

export const rolePaths: Paths = {
  '/v1/roles': {
    get: describe({
      id: 'listRoles',
      tag: 'Roles',
      summary: 'List roles',
      description: 'All roles of the workspace, by name.',
      scope: 'admin',
      responses: {
        200: { description: 'The roles.', content: jsonOf('Roles', { roles: [stored] }) },
      },
      errors: [],
      curl: `curl -s ${base}/v1/roles ${auth}`,
    }),
  },
  '/v1/roles/{name}': {
    get: describe({
      id: 'getRole',
      tag: 'Roles',
      summary: 'Get a role',
      description: 'The role as it was stored.',
      scope: 'admin',
      parameters: [inPath('name', 'The role.')],
      responses: { 200: { description: 'The role.', content: jsonOf('Role', stored) } },
      errors: ['malformed', 'invalid', 'not_found'],
      curl: `curl -s ${base}/v1/roles/level%201 ${auth}`,
    }),
    put: describe({
      id: 'putRole',
      tag: 'Roles',
      summary: 'Store a role',
      description: putText,
      scope: 'admin',
      parameters: [inPath('name', 'The role, 1–128 bytes.')],
      body: jsonOf('RoleTemplate', role),
      responses: {
        200: { description: 'Replaced.', content: jsonOf('Role', stored) },
        201: { description: 'Created.', content: jsonOf('Role', stored) },
      },
      errors: [
        'malformed',
        'unsupported_media_type',
        'too_large',
        'invalid',
        'conflict',
        'unavailable',
      ],
      curl: `curl -s -X PUT ${base}/v1/roles/level%201 ${auth} \\\n  -H 'Content-Type: application/json' \\\n  -d '${JSON.stringify(role)}'`,
    }),
    delete: describe({
      id: 'deleteRole',
      tag: 'Roles',
      summary: 'Delete a role',
      description:
        'Refused while a key has it; tokens that have it are refused from the answer on.',
      scope: 'admin',
      parameters: [inPath('name', 'The role.')],
      responses: { 204: { description: 'Done.' } },
      errors: ['malformed', 'invalid', 'not_found', 'conflict', 'unavailable'],
      curl: `curl -s -X DELETE ${base}/v1/roles/level%201 ${auth}`,
    }),
  },
};
