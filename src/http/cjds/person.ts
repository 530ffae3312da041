/**
 * Persons as CJDS names them. Everybody who has events is one, whoever wrote them: the id of a person is one of
 * its identities in another alphabet, so it stands for the same person however identities are joined later.
 */
import { customerBytesMax } from '../../event/envelope.ts';
import { AppError } from '../../std/errors.ts';

export function personIdOf(customer: string): string {
  return Buffer.from(customer, 'utf8').toString('base64url');
}

/** @throws AppError not_found. */
export function customerOfPerson(id: string): string {
  const customer = Buffer.from(id, 'base64url').toString('utf8');
  const bytes = Buffer.byteLength(customer);
  if (bytes < 1 || bytes > customerBytesMax || personIdOf(customer) !== id) {
    throw new AppError('not_found', `Person Id ${id.slice(0, 128)} not found`);
  }
  return customer;
}
