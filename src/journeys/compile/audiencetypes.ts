/** Which event types an audience is told from. */
import type { AudienceDefinition, SequenceStep } from '../../audiences/definition.ts';

export function typesOfAudience(audience: AudienceDefinition): string[] {
  if ('performed' in audience) return [audience.performed];
  if ('notPerformed' in audience) return [audience.notPerformed];
  if ('lastPerformed' in audience) return [audience.lastPerformed];
  if ('sequence' in audience) return audience.sequence.map(typeOf);
  if ('pattern' in audience) return audience.pattern.steps.map(({ event }) => event);
  if ('all' in audience) return audience.all.flatMap(typesOfAudience);
  if ('any' in audience) return audience.any.flatMap(typesOfAudience);
  return 'not' in audience ? typesOfAudience(audience.not) : [];
}

function typeOf(step: string | SequenceStep): string {
  return typeof step === 'string' ? step : step.event;
}
