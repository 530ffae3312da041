/** Path parameters with rules of their own. */
import { customerBytesMax, reservedNamePrefix } from '../event/envelope.ts';
import { AppError } from '../std/errors.ts';
import { roleNameBytesMax } from '../workspaces/role.ts';
import type { RouteRequest } from './route.ts';

export const viewNameBytesMax = 128;

/** The customer of a path. @throws AppError invalid. */
export function customerOf(request: RouteRequest): string {
  return identityOf(request.param('customer'), 'customer');
}

/** An identity that is not one of the server's own names. @throws AppError invalid. */
export function identityOf(text: string, what: string): string {
  if (text.startsWith(reservedNamePrefix)) {
    throw new AppError('invalid', `${what} must not begin with ${reservedNamePrefix}`);
  }
  return bounded(text, what, customerBytesMax);
}

/** The view of a path. @throws AppError invalid. */
export function viewNameOf(request: RouteRequest): string {
  return bounded(request.param('name'), 'the name of a view', viewNameBytesMax);
}

/** The role of a path. @throws AppError invalid. */
export function roleNameOf(request: RouteRequest): string {
  return bounded(request.param('name'), 'the name of a role', roleNameBytesMax);
}

/** @throws AppError invalid. */
export function bounded(text: string, what: string, bytesMax: number): string {
  const bytes = Buffer.byteLength(text);
  if (bytes < 1 || bytes > bytesMax) {
    throw new AppError('invalid', `${what} must be 1 to ${bytesMax} bytes`);
  }
  return text;
}
