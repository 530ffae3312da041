/** The routes of roles. */
import type { Paths } from './describe.ts';
import { inPath } from './describe.ts';
import { deleted, got, listed, put, type Stored } from './stored.ts';
import { changeErrors } from './words.ts';

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

const kind: Stored = {
  ...{ tag: 'Roles', path: '/v1/roles', at: 'level%201', readers: 'admin' },
  ...{ name: inPath('name', 'The role.'), schema: 'Role', example: stored },
};
const newName = { parameters: [inPath('name', 'The role, 1–128 bytes.')] };
const gone = { 204: { description: 'Done.' } };

export const rolePaths: Paths = {
  '/v1/roles': {
    get: listed(
      kind,
      {
        id: 'listRoles',
        summary: 'List roles',
        description: 'All roles of the workspace, by name.',
      },
      { description: 'The roles.', schema: 'Roles', member: 'roles' },
    ),
  },
  '/v1/roles/{name}': {
    get: got(
      kind,
      { id: 'getRole', summary: 'Get a role', description: 'The role as it was stored.' },
      'The role.',
    ),
    put: put(
      kind,
      { id: 'putRole', summary: 'Store a role', description: putText },
      { schema: 'RoleTemplate', example: role },
      stored,
      newName,
    ),
    delete: deleted(
      kind,
      {
        id: 'deleteRole',
        summary: 'Delete a role',
        description:
          'Refused while a key has it; tokens that have it are refused from the answer on.',
      },
      { responses: gone, errors: changeErrors },
    ),
  },
};
