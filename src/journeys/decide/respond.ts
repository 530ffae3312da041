/**
 * Notes what a customer answered to something that was decided: `tapeline.response` on its tape, once for
 * each answer. It is durable when this is answered, and counts when it is read back.
 */
import { createHash } from 'node:crypto';
import { AppError } from '../../std/errors.ts';
import { actionsMax } from '../check/limits.ts';
import type { EngineContext } from '../engine/work.ts';
import type { PersonState, Touch } from '../state.ts';
import { type ResponseSaid, typeOfResponse } from '../words.ts';
import { actionIdOf } from './acts.ts';
import type { RespondWish } from './asks.ts';
import type { Reservations } from './reservations.ts';

const idCharacters = 32;

export interface RespondParts {
  readonly context: EngineContext;
  readonly reservations: Reservations;
}

/** @throws AppError not_found, too_large, unavailable. */
export async function respond(
  { context, reservations }: RespondParts,
  wish: RespondWish,
): Promise<{ customer: string; decision: string }> {
  const { action, answer, data, workspace } = wish;
  const person = context.person(workspace, wish.customer);
  const customer = person?.name ?? wish.customer;
  const touches = reservations.with(workspace, customer, person?.touches ?? []);
  const touch = touchFor(wish, person, touches);
  if (touch === undefined) {
    throw new AppError('not_found', 'nothing of that kind was decided about this customer');
  }
  const { request, rule } = touch;
  const said: ResponseSaid = {
    request,
    ...(rule !== undefined && { rule }),
    ...(action !== undefined && { action }),
    answer,
    ...(data !== undefined && { data }),
  };
  const id = responseIdOf(said);
  await context.say(workspace, [{ id, customer, type: typeOfResponse, data: said }]);
  return { customer, decision: request };
}

/** The same answer to the same thing is said once, whoever tells of it. */
export function responseIdOf({ answer, request, rule = '' }: ResponseSaid): string {
  const text = JSON.stringify([request, rule, answer]);
  return `rsp_${createHash('sha256').update(text).digest('base64url').slice(0, idCharacters)}`;
}

function touchFor(
  { action, candidate, decision, workspace }: RespondWish,
  person: PersonState | undefined,
  touches: readonly Touch[],
): Pick<Touch, 'request' | 'rule'> | undefined {
  if (action === undefined) {
    return touches.findLast(({ request, rule }) => {
      const isMeant =
        candidate === undefined || rule === candidate || rule === `local:${candidate}`;
      return request === decision && isMeant;
    });
  }
  const delivery = person?.deliveries.find((each) => each.action.id === action);
  if (delivery !== undefined) return delivery;
  // It has been delivered: its id tells of which decision it was.
  return touches.findLast(({ request, rule = '' }) => {
    for (let index = 0; index < actionsMax; index++) {
      if (actionIdOf({ workspace, request, rule }, index) === action) return true;
    }
    return false;
  });
}
