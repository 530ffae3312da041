/** Compiles the audiences of a map or rule, by name. */
import { type CompiledAudience, compileAudience } from '../../audiences/audience.ts';
import type { AudienceDefinition } from '../../audiences/definition.ts';

/** @throws AppError invalid, with the place. */
export function compileAudiences(
  audiences: Readonly<Record<string, AudienceDefinition>> | undefined,
): ReadonlyMap<string, CompiledAudience> {
  return new Map(
    Object.entries(audiences ?? {}).map(([name, definition]) => [
      name,
      compileAudience(definition, `audiences.${name}`),
    ]),
  );
}
