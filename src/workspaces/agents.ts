/**
 * Credentials of agents: a key or token with the scope `agent` names one agent, speaks for that agent, and
 * may do nothing else. Agents themselves belong to the room of journeys.
 */
import { AppError } from '../std/errors.ts';
import type { Scope } from './types.ts';

export const agentIdBytesMax = 128;

export interface AgentWish {
  readonly scopes: readonly Scope[];
  readonly agent?: string | undefined;
  readonly views?: readonly string[] | undefined;
  readonly role?: string | undefined;
}

/** The scope and the agent go together and with nothing else. @throws AppError invalid. */
export function checkAgentWish({ agent, role, scopes, views }: AgentWish): void {
  if (agent === undefined && !scopes.includes('agent')) return;
  if (agent === undefined || scopes.some((scope) => scope !== 'agent')) {
    throw new AppError(
      'invalid',
      'the scope agent goes with the name of an agent and no other scope',
    );
  }
  if (views !== undefined || role !== undefined) {
    throw new AppError('invalid', 'agent goes with neither views nor a role');
  }
  if (agent === '' || Buffer.byteLength(agent) > agentIdBytesMax) {
    throw new AppError('invalid', `agent must be 1 to ${agentIdBytesMax} bytes`);
  }
}
