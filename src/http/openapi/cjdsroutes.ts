/** What the routes of CJDS do, in their order. */
import { type CjdsEntry, cjdsPaths, entry } from './cjds.ts';
import { personEntries } from './cjdspersons.ts';
import type { Paths } from './describe.ts';

const event = {
  id: 'call-8841',
  specversion: '1.0',
  type: 'task:new',
  source: 'wxcc',
  identity: 'ann@example.com',
  identitytype: 'email',
  datacontenttype: 'application/json',
  data: { origin: 'ann@example.com', channelType: 'email' },
};
const attribute = {
  displayName: 'Contacts in 24 hours',
  version: '0.1',
  event: 'task:new',
  metaDataType: 'string',
  metaData: 'origin',
  limit: 100,
  lookBackDurationType: 'hours',
  lookBackPeriod: 24,
  aggregationMode: 'Count',
  verbose: true,
  widgetAttributes: { type: 'table' },
};
const template = { name: 'journey-default-template', attributes: [attribute] };
const action = {
  name: 'Call back',
  isActive: true,
  cooldownPeriodInMinutes: 60,
  rules: { logic: 'SINGLE', condition: 'task:new,origin,string,Count GT 3' },
  actionTriggers: [{ type: 'Webhook', webhookURL: 'https://hooks.example.com/call-back' }],
};
const workspace = { name: 'Care', description: 'The care team' };

const list = ['filter', 'sortBy', 'sort', 'page', 'pageSize'];
const view = '/v1/api/progressive-profile-view/{W}';
const viewStream = '/v1/api/progressive-profile-view/stream/{W}/identity/{identity}';
const templates = '/admin/v1/api/profile-view-template/{W}';
const actions = '/admin/v1/api/journey-actions/{W}';
const ofTemplate = `${actions}/template-id/{templateId}`;
const workspaces = '/admin/v1/api/workspace';

const viewText =
  'The template, answered for a person in one scan: each attribute with its `result` as text and, if it is `verbose`, the newest 100 events behind it.';
const viewStreamText =
  'The answer at once, and again whenever it is another. One of more than 1 MiB is sent without `journeyEvents`. Ends when the template is gone; come back then.';

const eventEntries: readonly CjdsEntry[] = [
  {
    method: 'post',
    path: '/publish/v1/api/event',
    id: 'cjdsPublish',
    summary: 'Publish an event',
    text: 'Answered when it is durable. `id` is the idempotency key: sent again, 409 `Id … already exists`. Everything of the envelope that has no place in an event of ours stands under `data.cjds`; `data.channelType` becomes `channel`.',
    scope: 'write',
    query: ['workspaceId'],
    body: { schema: 'CjdsEvent', example: event },
  },
  {
    method: 'get',
    path: '/v1/api/events/{W}',
    id: 'cjdsEvents',
    summary: 'Historic events',
    text: 'The events of a customer, newest first, as the CloudEvents that they were. One answer looks at 50,000 events at most. `pageSize` is 100 when it is absent.',
    scope: 'read',
    query: ['identity', 'filter', 'data', 'sortBy', 'sort', 'page', 'pageSize'],
    answer: { of: 'CjdsEvent', many: true },
  },
  {
    method: 'get',
    path: '/v1/api/events/stream/{W}/identity/{identity}',
    id: 'cjdsEventStream',
    summary: 'Events as they come',
    text: 'Each event has an id: a client that comes back with `Last-Event-ID` misses none.',
    scope: 'read',
    query: ['filter', 'data'],
    stream: 'CjdsEvent',
  },
];

const viewEntries: readonly CjdsEntry[] = [
  ...(['person-id/{personId}', 'identity/{identity}'] as const).flatMap((who) =>
    (['template-id/{templateId}', 'template-name/{templateName}'] as const).map(
      (which): CjdsEntry => ({
        method: 'get',
        path: `${view}/${who}/${which}`,
        id: `cjdsView${nameOf(who)}${nameOf(which)}`,
        summary: 'Progressive profile view',
        text: viewText,
        scope: 'read',
        answer: { of: 'CjdsView', many: true },
      }),
    ),
  ),
  ...(['template-id/{templateId}', 'template-name/{templateName}'] as const).map(
    (which): CjdsEntry => ({
      method: 'get',
      path: `${viewStream}/${which}`,
      id: `cjdsViewStream${nameOf(which)}`,
      summary: 'A view as it changes',
      text: viewStreamText,
      scope: 'read',
      stream: 'CjdsView',
    }),
  ),
];

/** `template-id/{templateId}` is `TemplateId`. */
function nameOf(part: string): string {
  const name = /\{(\w)(\w*)\}/.exec(part)!;
  return `${name[1]!.toUpperCase()}${name[2]!}`;
}

const templateEntries: readonly CjdsEntry[] = [
  entry('get', templates, 'cjdsTemplates', 'List templates', 'read', {
    text: 'Every view of the workspace that the key may read, those made by other routes too.',
    query: list,
    answer: { of: 'CjdsTemplate', many: true },
  }),
  entry('post', templates, 'cjdsCreateTemplate', 'Store a template', 'admin', {
    text: 'It is a view as well, under the same name. The older spelling (`metadata`, `lookbackPeriod` …) is read too. In `rules` a condition looks at each event, so its mode is `Value`.',
    status: 201,
    body: { schema: 'CjdsTemplate', example: template },
    answer: { of: 'CjdsTemplate' },
  }),
  entry('get', `${templates}/template-id/{templateId}`, 'cjdsTemplate', 'Get a template', 'read', {
    answer: { of: 'CjdsTemplate' },
  }),
  entry(
    'put',
    `${templates}/template-id/{templateId}`,
    'cjdsPutTemplate',
    'Change a template',
    'admin',
    {
      text: 'Its actions must still fit.',
      body: { schema: 'CjdsTemplate', example: template },
      answer: { of: 'CjdsTemplate' },
    },
  ),
  entry(
    'delete',
    `${templates}/template-id/{templateId}`,
    'cjdsDeleteTemplate',
    'Delete a template',
    'admin',
    {
      text: 'Refused with 409 while it has actions. Answers with the template, without an envelope.',
      answer: { of: 'CjdsTemplate' },
      isBare: true,
    },
  ),
  entry(
    'get',
    `${templates}/template-name/{templateName}`,
    'cjdsTemplateByName',
    'Get a template by name',
    'read',
    {
      answer: { of: 'CjdsTemplate' },
    },
  ),
];

const actionEntries: readonly CjdsEntry[] = [
  entry('get', actions, 'cjdsActions', 'List journey actions', 'admin', {
    query: list,
    answer: { of: 'CjdsAction', many: true },
  }),
  entry('get', ofTemplate, 'cjdsTemplateActions', 'List the actions of a template', 'admin', {
    query: list,
    answer: { of: 'CjdsAction', many: true },
  }),
  entry('post', ofTemplate, 'cjdsCreateAction', 'Store an action', 'admin', {
    text: 'Each condition must ask for what an attribute of the template shows: the same event, metaData and aggregation mode. At most 50 for a template.',
    status: 201,
    body: { schema: 'CjdsAction', example: action },
    answer: { of: 'CjdsAction' },
  }),
  entry('put', ofTemplate, 'cjdsPutNamedAction', 'Change the action of that name', 'admin', {
    status: 201,
    body: { schema: 'CjdsAction', example: action },
    answer: { of: 'CjdsAction' },
  }),
  entry(
    'get',
    `${ofTemplate}/action-name/{actionName}`,
    'cjdsActionByName',
    'Get an action by name',
    'admin',
    {
      answer: { of: 'CjdsAction' },
    },
  ),
  entry('get', `${ofTemplate}/action-id/{actionId}`, 'cjdsAction', 'Get an action', 'admin', {
    answer: { of: 'CjdsAction' },
  }),
  entry('put', `${ofTemplate}/action-id/{actionId}`, 'cjdsPutAction', 'Change an action', 'admin', {
    status: 201,
    body: { schema: 'CjdsAction', example: action },
    answer: { of: 'CjdsAction' },
  }),
  entry(
    'delete',
    `${ofTemplate}/action-id/{actionId}`,
    'cjdsDeleteAction',
    'Delete an action',
    'admin',
    {
      text: 'Answers with the action, without an envelope.',
      answer: { of: 'CjdsAction' },
      isBare: true,
    },
  ),
];

const workspaceEntries: readonly CjdsEntry[] = [
  entry('get', workspaces, 'cjdsWorkspaces', 'List workspaces', 'read', {
    text: 'All of them for a key with the scope `server`, its own for every other.',
    query: list,
    answer: { of: 'CjdsWorkspace', many: true },
  }),
  entry('post', workspaces, 'cjdsCreateWorkspace', 'Create a workspace', 'server', {
    text: 'Answers with the organization, and with the `key` of the new workspace, which nobody sees again.',
    body: { schema: 'CjdsWorkspace', example: workspace },
  }),
  entry('get', `${workspaces}/{W}`, 'cjdsWorkspace', 'Get a workspace', 'read', {
    answer: { of: 'CjdsWorkspace' },
  }),
  entry('put', `${workspaces}/{W}`, 'cjdsPutWorkspace', 'Rename a workspace', 'admin', {
    body: { schema: 'CjdsWorkspace', example: workspace },
    answer: { of: 'CjdsWorkspace' },
  }),
  entry('delete', `${workspaces}/{W}`, 'cjdsDeleteWorkspace', 'Delete a workspace', 'server', {
    answer: { of: 'CjdsWorkspace' },
  }),
  entry(
    'get',
    '/admin/v1/api/wxcc-subscription/{W}',
    'cjdsSubscriptions',
    'List subscriptions',
    'read',
    {
      text: 'None: events come by being published alone.',
    },
  ),
];

export const cjdsRoutePaths: Paths = cjdsPaths([
  ...eventEntries,
  ...viewEntries,
  ...templateEntries,
  ...personEntries,
  ...actionEntries,
  ...workspaceEntries,
]);
