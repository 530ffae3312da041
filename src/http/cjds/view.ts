/** `GET /v1/api/progressive-profile-view/…`: a template answered for a person, in the shape of CJDS. */
import { customerBytesMax } from '../../event/envelope.ts';
import { cjdsEventOf } from '../../ingest/wire/cjds.ts';
import { readJson, writeJson } from '../../ingest/wire/json.ts';
import type { KeptView } from '../../views/kept.ts';
import type { Credential, ViewRecord } from '../../workspaces/types.ts';
import type { Front } from '../context.ts';
import { bounded } from '../names.ts';
import type { Reply } from '../reply.ts';
import type { Route, RouteRequest } from '../route.ts';
import { seenBy } from '../views.ts';
import { customerOf, customerOfPerson, personIdOf } from './person.ts';
import { cjdsRoute, dataReply, inWorkspace, isNarrow, nameIn, type Place } from './place.ts';
import { attributesOf, templateById, templateByName, templateIdOf } from './templates.ts';

const base = `/v1/api/progressive-profile-view/${inWorkspace}`;
type Find<Found> = (request: RouteRequest, front: Front) => Found;

const byPerson: Find<string> = (request) => customerOfPerson(nameIn(request, 'personId'));
const byIdentity: Find<string> = (request) =>
  bounded(nameIn(request, 'identity'), 'identity', customerBytesMax);

export const viewRoutes: readonly Route[] = [
  viewRoute('person-id/{personId}/template-id/{templateId}', byPerson, templateById),
  viewRoute('person-id/{personId}/template-name/{templateName}', byPerson, templateByName),
  viewRoute('identity/{identity}/template-id/{templateId}', byIdentity, templateById),
  viewRoute('identity/{identity}/template-name/{templateName}', byIdentity, templateByName),
];

function viewRoute(rest: string, customerIn: Find<string>, viewIn: Find<ViewRecord>): Route {
  return cjdsRoute({
    method: 'get',
    path: `${base}/${rest}`,
    scope: 'read',
    narrowed: true,
    handle: async (request, front, place) => {
      const view = viewIn(request, front);
      const named = customerIn(request, front);
      const customer = customerOf(front, request.credential.workspace, named);
      return readView(request, front, { place, view, customer });
    },
  });
}

/** A template of somebody, as it is answered. */
export interface Asked {
  readonly place: Place;
  readonly view: ViewRecord;
  readonly customer: string;
}

async function readView({ credential }: RouteRequest, front: Front, asked: Asked): Promise<Reply> {
  const { customer, place, view } = asked;
  const reading = {
    workspace: credential.workspace,
    customer,
    views: [viewFor(credential, view)],
    freshness: 'snapshot',
  } as const;
  const [found] = await front.readViews(reading);
  const { asOf, json } = found!;
  const model = modelOf(asked, asOf, readJson(json) as readonly Field[]);
  const { personId, templateId } = model;
  return dataReply(200, place, [model], { workspaceId: place.workspace.id, personId, templateId });
}

/** Events are more than a view shows: who may read views alone does not get them. */
export function viewFor(credential: Credential, view: ViewRecord): KeptView {
  const wants = attributesOf(view).some(({ verbose }) => verbose) && !isNarrow({ credential });
  return seenBy(credential, view, wants ? 'events' : undefined);
}

/** What an evaluated field says, as far as it is needed here. */
export interface Field {
  readonly value: unknown;
  readonly skipped?: number;
  readonly undecided?: number;
  readonly evidence?: readonly { readonly event: Readonly<Record<string, unknown>> }[];
}

export interface ViewModel {
  readonly personId: string;
  readonly templateId: string;
  readonly [member: string]: unknown;
}

/** @param asOf epoch milliseconds. */
export function modelOf(asked: Asked, asOf: number, fields: readonly Field[]): ViewModel {
  const { customer, place, view } = asked;
  return {
    workspaceId: place.workspace.id,
    organizationId: place.organizationId,
    personId: personIdOf(customer),
    templateId: templateIdOf(view),
    searchFilter: null,
    attributes: attributesOf(view).map((attribute, at) => {
      const field = fields[at]!;
      const events = attribute.verbose ? (field.evidence ?? []) : [];
      return {
        queryTemplate: attribute,
        result: resultOf(field.value),
        error: errorOf(field),
        journeyEvents: events.map(({ event }) => writeJson(cjdsEventOf(event))),
      };
    }),
    systemMetdata: { journeyActionTriggerHistories: [] },
    timestamp: new Date(asOf).toISOString(),
  };
}

/** Always a text: of a list its entries with commas between, empty where there is nothing. */
function resultOf(value: unknown): string {
  if (Array.isArray(value)) return value.map(resultOf).join(',');
  if (value === null || value === undefined) return '';
  return typeof value === 'string' ? value : writeJson(value);
}

function errorOf({ skipped = 0, undecided = 0 }: Field): string | null {
  if (skipped + undecided === 0) return null;
  const reasons = [
    skipped > 0 && `${skipped} values are no numbers`,
    undecided > 0 && `the rules would cost too much on ${undecided} events`,
  ];
  return reasons.filter(Boolean).join('; ');
}
