/** Parts that look at who the customer is and where its journeys are, not at events. */
import { bucketOf } from './bucket.ts';

/** The customer as an audience sees it. */
export interface AudiencePerson {
  readonly name: string;
  readonly instances: readonly AudienceInstance[];
}

export interface AudienceInstance {
  readonly journey: string;
  readonly version: number;
  readonly status: string;
  /** Ordinal of the step it is at; 0: none yet. */
  readonly current: number;
}

/** What is known of maps, for audiences that name stages or steps. */
export interface JourneySteps {
  /** Undefined: that version is not known, or has no such step. */
  stageOf(journey: string, version: number, step: number): string | undefined;
  ordinalOf(journey: string, version: number, step: string): number | undefined;
}

/** @returns undefined when that cannot be known. */
export type Standing = (
  person: AudiencePerson,
  steps: JourneySteps | undefined,
) => boolean | undefined;

export function inBucket(from: number, to: number, salt: string): Standing {
  return ({ name }) => {
    const bucket = bucketOf(name, salt);
    return bucket >= from && bucket < to;
  };
}

export function isMember(members: readonly string[]): Standing {
  const names = new Set(members);
  return ({ name }) => names.has(name);
}

export interface JourneyWish {
  readonly journey: string;
  readonly status?: string | undefined;
  readonly stage?: string | undefined;
  readonly beyondStep?: number | string | undefined;
}

/** Some instance of the map that is all of it. */
export function inJourney(wish: JourneyWish): Standing {
  return ({ instances }, steps) => {
    let answer: boolean | undefined = false;
    for (const instance of instances) {
      if (instance.journey !== wish.journey || !hasStatus(instance, wish.status)) continue;
      const fits = and(isInStage(instance, wish.stage, steps), isBeyond(instance, wish, steps));
      if (fits === true) return true;
      if (fits === undefined) answer = undefined;
    }
    return answer;
  };
}

function hasStatus({ status }: AudienceInstance, wanted: string | undefined): boolean {
  return wanted === undefined ? status === 'active' || status === 'paused' : status === wanted;
}

function isInStage(
  { current, journey, version }: AudienceInstance,
  stage: string | undefined,
  steps: JourneySteps | undefined,
): boolean | undefined {
  if (stage === undefined) return true;
  if (current === 0) return false;
  const found = steps?.stageOf(journey, version, current);
  return found === undefined ? undefined : found === stage;
}

function isBeyond(
  { current, journey, version }: AudienceInstance,
  { beyondStep }: JourneyWish,
  steps: JourneySteps | undefined,
): boolean | undefined {
  if (beyondStep === undefined) return true;
  if (typeof beyondStep === 'number') return current > beyondStep;
  const ordinal = steps?.ordinalOf(journey, version, beyondStep);
  return ordinal === undefined ? undefined : current > ordinal;
}

function and(one: boolean | undefined, other: boolean | undefined): boolean | undefined {
  if (one === false || other === false) return false;
  return one === undefined || other === undefined ? undefined : true;
}
