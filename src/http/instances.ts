/**
 * Where a customer is on its journeys, and what may be done with that: start, pause, resume, complete, exit,
 * cancel, move to a step. A command is said on the customer's tape, and answered when it has been applied.
 */
import type { ToldInstance } from '../journeys/engine/told.ts';
import { type CommandSaid, typeOfCommand } from '../journeys/words.ts';
import { AppError } from '../std/errors.ts';
import { uuidv7Bytes } from '../std/ids.ts';
import { checkNewCommand, checkNewInstance } from './check.ts';
import type { Front } from './context.ts';
import type { NewCommand } from './instanceschemas.ts';
import { customerOf } from './names.ts';
import { jsonReply, type Reply } from './reply.ts';
import type { Route, RouteRequest } from './route.ts';

export const instanceBodyBytesMax = 16 * 1024;
export const contextBytesMax = 8 * 1024;

const actions = ['pause', 'resume', 'complete', 'cancel', 'exit', 'step'] as const;
type Action = (typeof actions)[number];

export const instanceRoutes: readonly Route[] = [
  {
    method: 'get',
    path: '/v1/customers/{customer}/journeys',
    scope: 'read',
    query: ['journey', 'status'],
    handle: async (request, front) => {
      return jsonReply(
        200,
        filtered(request, await instancesOf(request, front, customerOf(request))),
      );
    },
  },
  {
    method: 'get',
    path: '/v1/visitor/journeys',
    scope: 'visitor',
    query: ['journey', 'status'],
    cors: 'any',
    handle: async (request, front) => {
      const { visitor, workspace } = request.credential;
      const wish = { workspace, customer: visitor!, ownOnly: true, after: front.issued() };
      return jsonReply(200, filtered(request, await front.engine({ kind: 'instances', ...wish })));
    },
  },
  {
    method: 'post',
    path: '/v1/customers/{customer}/journeys',
    scope: 'write',
    secret: true,
    query: [],
    bodyBytesMax: instanceBodyBytesMax,
    handle: startInstance,
  },
  {
    method: 'get',
    path: '/v1/customers/{customer}/journeys/{instance}',
    scope: 'read',
    query: [],
    handle: async (request, front) => jsonReply(200, (await findInstance(request, front)).instance),
  },
  ...actions.map(
    (action): Route => ({
      method: 'post',
      path: `/v1/customers/{customer}/journeys/{instance}/${action}`,
      scope: 'write',
      secret: true,
      query: [],
      bodyBytesMax: instanceBodyBytesMax,
      handle: (request, front) => commandInstance(request, front, action),
    }),
  ),
];

interface Found {
  readonly customer: string;
  readonly instances: readonly ToldInstance[];
}

/** As of everything that anybody was told of before. */
function instancesOf({ credential }: RouteRequest, front: Front, customer: string): Promise<Found> {
  const { workspace } = credential;
  return front.engine({ kind: 'instances', workspace, customer, after: front.issued() });
}

function filtered({ query }: RouteRequest, found: Found): Found {
  const [journeys, statuses] = [query.all('journey'), query.all('status')];
  const instances = found.instances.filter(({ journey, status }) => {
    const isJourney = journeys.length === 0 || journeys.includes(journey);
    return isJourney && (statuses.length === 0 || statuses.includes(status));
  });
  return { customer: found.customer, instances };
}

async function findInstance(
  request: RouteRequest,
  front: Front,
): Promise<{ readonly customer: string; readonly instance: ToldInstance }> {
  const id = request.param('instance');
  const { customer, instances } = await instancesOf(request, front, customerOf(request));
  const instance = instances.find((each) => each.id === id);
  if (instance === undefined) throw new AppError('not_found', `there is no instance '${id}'`);
  return { customer, instance };
}

async function startInstance(request: RouteRequest, front: Front): Promise<Reply> {
  const { context, journey, key = '' } = checkNewInstance(request.json());
  checkContext(context);
  const { workspace } = request.credential;
  const { steps } = await front.engine({ kind: 'steps', workspace, journey });
  if (steps === undefined) {
    throw new AppError('not_found', `no journey '${journey}' is in force`);
  }
  const before = await instancesOf(request, front, customerOf(request));
  const open = openOf(before, journey, key);
  if (open !== undefined) return jsonReply(200, open);
  const said: CommandSaid = { command: 'start', journey, key, ...(context && { context }) };
  await say(request, front, before.customer, said);
  const after = await instancesOf(request, front, before.customer);
  const started = after.instances.findLast((each) => {
    const isNew = !before.instances.some(({ id }) => id === each.id);
    return isNew && each.journey === journey && each.key === key;
  });
  if (started !== undefined) return jsonReply(201, started);
  throw new AppError('conflict', 'the customer has as many open instances as its map allows');
}

function openOf({ instances }: Found, journey: string, key: string): ToldInstance | undefined {
  return instances.find((each) => each.journey === journey && each.key === key && isOpen(each));
}

function isOpen({ status }: ToldInstance): boolean {
  return status === 'active' || status === 'paused';
}

async function commandInstance(
  request: RouteRequest,
  front: Front,
  action: Action,
): Promise<Reply> {
  const body = request.body.length === 0 ? {} : checkNewCommand(request.json());
  const { customer, instance } = await findInstance(request, front);
  if (!isOpen(instance)) {
    throw new AppError('conflict', `the instance has ended: it is ${instance.status}`);
  }
  await say(request, front, customer, await saidOf(request, front, instance, action, body));
  return jsonReply(200, (await findInstance(request, front)).instance);
}

/** @throws AppError invalid, conflict. */
async function saidOf(
  { credential }: RouteRequest,
  front: Front,
  { id, journey, status, version }: ToldInstance,
  action: Action,
  { context, reason, step }: NewCommand,
): Promise<CommandSaid> {
  if (action !== 'step' && (step !== undefined || context !== undefined)) {
    throw new AppError('invalid', 'step and context are of `step` alone');
  }
  if (action === 'exit') {
    if (reason === undefined) throw new AppError('invalid', 'reason is required');
    return { command: action, instance: id, reason };
  }
  if (action !== 'step') {
    return { command: action, instance: id, ...(reason !== undefined && { reason }) };
  }
  if (step === undefined) throw new AppError('invalid', 'step is required');
  checkContext(context);
  const { workspace } = credential;
  const { steps } = await front.engine({ kind: 'steps', workspace, journey, version });
  if (steps?.includes(step) !== true) {
    throw new AppError('invalid', `the journey has no step '${step}'`);
  }
  if (status === 'paused')
    throw new AppError('conflict', 'the instance is paused; resume it first');
  return { command: action, instance: id, step, ...(context !== undefined && { context }) };
}

/** @throws AppError invalid. */
function checkContext(context: object | undefined): void {
  if (context === undefined || Buffer.byteLength(JSON.stringify(context)) <= contextBytesMax)
    return;
  throw new AppError('invalid', `context must be at most ${contextBytesMax} bytes of JSON`);
}

/** Durable when it resolves; what is asked after that is as of then. */
async function say(
  { credential }: RouteRequest,
  front: Front,
  customer: string,
  data: CommandSaid,
): Promise<void> {
  const id = Buffer.alloc(36);
  uuidv7Bytes(front.clock.now(), front.random, id);
  const event = { id: id.toString('latin1'), customer, type: typeOfCommand, data };
  await front.say(credential.workspace, event);
}
