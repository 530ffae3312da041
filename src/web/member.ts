/** `config MEMBERID`: a member logs in, or out (null). Pages may say so again on each of their pages. */
import { closeChannel, openChannel } from './channel.ts';
import { post } from './queue.ts';
import { schedule } from './sender.ts';
import { isAllowed } from './settings.ts';
import { keepWho, who } from './who.ts';

/**
 * The `Login` of a member carries the visitor as `previous`, which links what was done before it to the
 * member. After a `Logout` the browser is a new visitor: the next one at it may be somebody else.
 */
export function logIn(value: unknown): void {
  if (!isAllowed()) return;
  const { member, ...browser } = who();
  const next = value === null || value === undefined || value === '' ? undefined : String(value);
  if (next === member) return;
  if (next !== undefined) {
    keepWho({ ...browser, member: next });
    post({ type: 'Login' }, { previous: '' });
    return;
  }
  post({ type: 'Logout' });
  closeChannel();
  keepWho({});
  openChannel();
  schedule(0);
}
