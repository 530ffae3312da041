/**
 * Signs what is posted to a webhook: https://www.standardwebhooks.com, symmetric.
 *
 *     webhook-id         the action's id, the same at each attempt
 *     webhook-timestamp  of the attempt, seconds
 *     webhook-signature  v1,<base64 of HMAC-SHA-256(secret, id.timestamp.body)> for each secret, with blanks
 */
import { createHmac } from 'node:crypto';
import { secretBytes } from '../../workspaces/webhook.ts';

/**
 * @param secrets the newest first: a receiver that knows any of them can verify. Without any nothing is
 * signed.
 */
export function signatureHeaders(
  secrets: readonly string[],
  message: { readonly id: string; readonly body: string; readonly atMs: number },
): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(message.atMs / 1000));
  const signed = `${message.id}.${timestamp}.${message.body}`;
  const signatures = secrets.map((secret) => {
    const digest = createHmac('sha256', secretBytes(secret)).update(signed).digest('base64');
    return `v1,${digest}`;
  });
  return {
    'webhook-id': message.id,
    'webhook-timestamp': timestamp,
    ...(signatures.length > 0 && { 'webhook-signature': signatures.join(' ') }),
  };
}
