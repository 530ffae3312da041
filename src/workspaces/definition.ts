/**
 * Journey maps and rules of a workspace as they are kept. A map has a draft, which anybody who may can
 * write over, and published versions, which never change; a rule gets a version each time it is put. What
 * a definition says is JSON text here, checked before it came (`journeys/check`); an `Outline` says of it
 * what has to fit with others (`definitionfit.ts`).
 */
import { AppError } from '../std/errors.ts';

export const journeysPerWorkspaceMax = 100;
export const rulesPerWorkspaceMax = 500;
/** Of one map: instances may be on any of them, so one more is refused. */
export const journeyVersionsMax = 1000;
/** Of one rule: nothing stays on an older one, so one more drops the oldest. */
export const ruleVersionsMax = 20;
/** Of the JSON of all drafts and versions of a workspace's maps and rules. */
export const definitionsBytesMax = 8 * 1024 * 1024;
/** Names of deleted maps and rules of a workspace that are remembered, so that their versions never come back. */
export const deletedNamesMax = 1000;
export const definitionNameBytesMax = 128;
/** Rules and webhooks whose names begin with it follow from actions of CJDS; nobody else may give such a name. */
export const derivedPrefix = 'cjds:';

export type DefinitionKind = 'journey' | 'rule';

export interface DefinitionVersion {
  readonly version: number;
  /** JSON of a map or rule. */
  readonly text: string;
  readonly outline: Outline;
  readonly publishedAt: number;
}

export interface DefinitionRecord {
  readonly workspace: number;
  readonly kind: DefinitionKind;
  readonly name: string;
  /** Of maps alone. */
  readonly draft?: Omit<DefinitionVersion, 'version' | 'publishedAt'> & {
    readonly updatedAt: number;
  };
  /** The version that is in force; 0: none. */
  readonly current: number;
  /** The newest first. */
  readonly versions: readonly DefinitionVersion[];
  /** The number of the newest version there ever was under this name; 0: none. */
  readonly last: number;
  readonly revision: number;
  readonly updatedAt: number;
}

/** What others have to know of a definition. */
export interface Outline {
  /** What it names that has to be there. */
  readonly asks: readonly Reference[];
  /** What a map has that others may name. */
  readonly offers?: {
    /** In order. */
    readonly steps: readonly string[];
    readonly stages: readonly string[];
    readonly milestones: readonly string[];
    readonly audiences: readonly string[];
  };
  readonly links: readonly OutlineLink[];
}

/** What a map has besides steps, each under its name. */
export type PartKind = 'stage' | 'milestone' | 'audience';

/** Something that is named; `of` is the map or view that has it. */
export type Reference = { readonly place: string } & (
  | { readonly what: 'view' | 'webhook'; readonly name: string }
  /** `isStep`: it is a step of the map that names it. */
  | { readonly what: 'journey'; readonly name: string; readonly isStep?: boolean }
  /** The events that a view shows, by their types. */
  | { readonly what: 'shown'; readonly name: string }
  | { readonly what: 'step'; readonly of: string; readonly name: string | number }
  | { readonly what: PartKind; readonly of: string; readonly name: string }
  | { readonly what: 'field'; readonly of: string; readonly name: string }
);

/**
 * Something that happens by itself once one of `heeds` has happened, and lets `says` happen: words such
 * as `event:Quote Started` or `start:onboarding`. So it is found out what would go round in circles.
 */
export interface OutlineLink {
  readonly place: string;
  readonly heeds: readonly string[];
  readonly says: readonly string[];
  /** It has a cooldown, a cap or the like: a circle through it ends. */
  readonly bounded?: boolean;
}

export type DefinitionChange =
  | {
      readonly kind: 'putDraft';
      readonly name: string;
      readonly text: string;
      readonly outline: Outline;
    }
  | {
      readonly kind: 'putRule';
      readonly name: string;
      readonly text: string;
      readonly outline: Outline;
      readonly enabled: boolean;
    }
  | {
      readonly kind: 'publish' | 'withdraw' | 'dropDraft' | 'deleteJourney' | 'deleteRule';
      readonly name: string;
    };

/** It was deleted, and only its name is remembered: nobody is to see it. */
export function isDeleted({ draft, versions }: DefinitionRecord): boolean {
  return draft === undefined && versions.length === 0;
}

/** A version that is kept; the one in force when none is named, else the newest. */
export function versionOf(
  { current, versions }: DefinitionRecord,
  version?: number,
): DefinitionVersion | undefined {
  const wanted = version ?? current;
  return (
    versions.find((each) => each.version === wanted) ??
    (version === undefined ? versions[0] : undefined)
  );
}

/** The name has to fit into a path and a key. @throws AppError invalid. */
export function checkDefinitionName(kind: DefinitionKind, name: string): void {
  const bytes = Buffer.byteLength(name);
  const isFit =
    bytes >= 1 &&
    bytes <= definitionNameBytesMax &&
    !/[\p{Control}\p{Surrogate}]/u.test(name) &&
    name !== '.' &&
    name !== '..';
  if (isFit && name.startsWith(derivedPrefix)) {
    throw new AppError(
      'invalid',
      `names that begin with ${derivedPrefix} belong to actions of CJDS`,
    );
  }
  if (isFit) return;
  const most = `1 to ${definitionNameBytesMax} bytes without control characters`;
  throw new AppError('invalid', `the name of a ${kind} must have ${most}, and not be . or ..`);
}
