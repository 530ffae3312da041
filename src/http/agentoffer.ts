/** An offer as an agent reads it: what routing knows of it, with the fields of the view that goes with it. */
import type { ShownOffer } from '../journeys/route/asks.ts';
import { AppError } from '../std/errors.ts';
import type { Front } from './context.ts';

/**
 * The offer's JSON text. A view that cannot be read keeps nobody from the offer: it says why.
 *
 *     "view":{"name":"desk","asOf":…,"fields":[…]}     "view":{"name":"desk","error":{"code":…,"message":…}}
 */
export async function offerText(
  front: Front,
  workspace: number,
  { view, ...offer }: ShownOffer,
): Promise<string> {
  const text = JSON.stringify(offer);
  if (view === undefined) return text;
  const read = await viewText(front, workspace, offer.customer, view);
  return `${text.slice(0, -1)},"view":{"name":${JSON.stringify(view)},${read}}}`;
}

async function viewText(
  front: Front,
  workspace: number,
  customer: string,
  name: string,
): Promise<string> {
  try {
    const record = front.directory.view(workspace, name);
    if (record === undefined) throw new AppError('not_found', `there is no view '${name}'`);
    const { template, version } = record;
    const view = { name, template, version, evidence: undefined, masks: undefined, variant: '' };
    const reading = { workspace, customer, views: [view], freshness: 'current' } as const;
    const [found] = await front.readViews(reading);
    return `"asOf":${found!.asOf},"fields":${found!.json}`;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const { code, message } = error;
    return `"error":${JSON.stringify({ code, message })}`;
  }
}
