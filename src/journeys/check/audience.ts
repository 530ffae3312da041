/** What an audience is told from: types of events, and journeys that have to be there. */
import type { AudienceDefinition, PatternDefinition } from '../../audiences/definition.ts';
import type { Reference } from '../../workspaces/definition.ts';

/** An audience and the audiences it is made of, each with its place. */
function* partsOf(
  audience: AudienceDefinition,
  place: string,
): Iterable<{ readonly part: AudienceDefinition; readonly place: string }> {
  yield { part: audience, place };
  if ('not' in audience) yield* partsOf(audience.not, `${place}.not`);
  for (const member of ['all', 'any'] as const) {
    const parts = (audience as { readonly [member]?: readonly AudienceDefinition[] })[member] ?? [];
    for (const [index, each] of parts.entries()) {
      yield* partsOf(each, `${place}.${member}[${index}]`);
    }
  }
}

export function typesOfAudience(audience: AudienceDefinition): string[] {
  return [...partsOf(audience, '')].flatMap(({ part }) => {
    if ('performed' in part) return [part.performed];
    if ('notPerformed' in part) return [part.notPerformed];
    if ('lastPerformed' in part) return [part.lastPerformed];
    if ('pattern' in part) return typesOfPattern(part.pattern);
    const steps = 'matches' in part ? part.of : 'sequence' in part ? part.sequence : [];
    return steps.map((each) => (typeof each === 'string' ? each : each.event));
  });
}

function typesOfPattern({ among = [], steps }: PatternDefinition): string[] {
  const ends = steps.flatMap(({ until }) => until ?? []);
  return [...steps, ...ends]
    .map((each) => (typeof each === 'string' ? each : each.event))
    .concat(among);
}

export function asksOfAudience(audience: AudienceDefinition, place: string): Reference[] {
  return [...partsOf(audience, place)].flatMap(({ part, place: at }): Reference[] => {
    if (!('journey' in part)) return [];
    const { beyondStep, journey: of, stage } = part;
    return [
      { place: `${at}.journey`, what: 'journey', name: of },
      ...(beyondStep === undefined
        ? []
        : [{ place: `${at}.beyondStep`, what: 'step' as const, of, name: beyondStep }]),
      ...(stage === undefined
        ? []
        : [{ place: `${at}.stage`, what: 'stage' as const, of, name: stage }]),
    ];
  });
}

export function asksOfAudiences(
  audiences: Readonly<Record<string, AudienceDefinition>> | undefined,
): Reference[] {
  return Object.entries(audiences ?? {}).flatMap(([name, audience]) =>
    asksOfAudience(audience, `audiences.${name}`),
  );
}
