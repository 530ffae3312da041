/** A person as it is found by a request, and as it is answered. */
import { AppError } from '../../std/errors.ts';
import type { Front } from '../context.ts';
import type { Reply } from '../reply.ts';
import type { RouteRequest } from '../route.ts';
import { customerOfPerson, findPerson, type Person, personIdOf } from './person.ts';
import { dataReply, nameIn, type Place } from './place.ts';

/** The person that the path names. @throws AppError not_found. */
export function named(request: RouteRequest, front: Front, param: string): Promise<Person> {
  return existing(front, request.credential.workspace, nameIn(request, param));
}

/** @throws AppError not_found. */
export async function existing(front: Front, workspace: number, id: string): Promise<Person> {
  const person = await findPerson(front, workspace, customerOfPerson(id));
  if (person !== undefined) return person;
  throw new AppError('not_found', `Person Id ${id.slice(0, 128)} not found`);
}

export async function answer(
  status: number,
  place: Place,
  front: Front,
  workspace: number,
  customer: string,
): Promise<Reply> {
  const person = await findPerson(front, workspace, customer);
  return dataReply(status, place, shown(person!));
}

export function shown({ aliases, customer, facts }: Person): Record<string, unknown> {
  const { socialId, ...rest } = facts;
  const social = socialId.length === 0 ? {} : { socialId };
  return { id: personIdOf(customer), ...rest, ...social, aliases };
}
