/** `config MEMBERID`: a member logs in, or out (null). Pages may say so again on each of their pages. */
import { closeChannel, openChannel } from './channel.ts';
import { fillIn, newVisitor, post } from './queue.ts';
import { schedule } from './sender.ts';
import { isAllowed } from './settings.ts';
import { keepWho, who } from './who.ts';

/**
 * The `Login` of a member carries the visitor as `previous`, which links what was done before it to the
 * member. Another member logs the one before out.
 */
export function logIn(value: unknown): void {
  if (!isAllowed()) return;
  const { member } = who();
  const next = value === null || value === undefined || value === '' ? undefined : String(value);
  if (next === member) return;
  if (member !== undefined) logOut();
  if (next === undefined) return;
  keepWho({ ...who(), member: next });
  post({ type: 'Login' }, { previous: '' });
}

/** From now on the browser is a new visitor: the next one at it may be somebody else. */
function logOut(): void {
  const { offset = 0, visitor } = who();
  post({ type: 'Logout' });
  // What waits to learn who this is must not be told that it is the next one.
  if (visitor === undefined) fillIn(newVisitor());
  closeChannel();
  keepWho({ offset });
  openChannel();
  schedule(0);
}
