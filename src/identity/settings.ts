/** How a workspace treats identities: the types there are, what never links, who survives a merge. */
import { AppError } from '../std/errors.ts';

export const survivors = ['newest', 'oldest', 'explicit'] as const;
export type Survivor = (typeof survivors)[number];

/** How identities of one type are treated. */
export interface TypeRule {
  /** 1 is the strongest: the weaker of two profiles is linked to the stronger. */
  readonly priority: number;
  /** Identities of this type that one customer may have. */
  readonly limit: number;
  /** The limit counts those linked within so many days; null: all. */
  readonly days: number | null;
  /** Of a device rather than a person: a login moves it to whoever logs in, and a `publish` key may link it. */
  readonly shared: boolean;
}

/** Values that name nobody: they stay in the event and never link. */
export interface BlockedValues {
  /** Compared without regard to case. */
  readonly anyCase: readonly string[];
  readonly exact: readonly string[];
}

export interface IdentitySettings {
  readonly survivor: Survivor;
  readonly types: Readonly<Record<string, TypeRule>>;
  readonly blocked: BlockedValues;
}

/** What a workspace has set; the rest is as by default, types each for itself. */
export interface IdentityWish {
  readonly survivor?: Survivor;
  readonly types?: Readonly<Record<string, TypeRule>>;
  readonly blocked?: BlockedValues;
}

export const typesMax = 50;
export const typeNamePattern = '^[A-Za-z][A-Za-z0-9_-]{0,31}$';
export const identityLimitMax = 1000;
export const identityDaysMax = 3650;
export const priorityMax = 100;
export const blockedValuesMax = 200;

function rule(priority: number, limit: number, days: number | null, shared: boolean): TypeRule {
  return { priority, limit, days, shared };
}

export const identityDefaults: IdentitySettings = {
  survivor: 'newest',
  types: {
    customerId: rule(1, 1, null, false),
    email: rule(2, 5, null, false),
    phone: rule(3, 5, null, false),
    temporaryId: rule(4, 5, 7, true),
    device: rule(5, 5, null, true),
    anonymous: rule(6, 5, 7, true),
    cookie: rule(7, 5, 7, true),
    ip: rule(8, 5, 7, true),
  },
  blocked: {
    anyCase: [
      'anonymous',
      'guest',
      'distinctid',
      'distinct_id',
      'id',
      'not_authenticated',
      'email',
      'undefined',
      'true',
      'false',
    ],
    exact: ['-1', '[object Object]', 'NaN', 'None', 'none', 'null', '0'],
  },
};

const made = new WeakMap<IdentityWish, IdentitySettings>();

/** Types that the rules themselves speak of cannot be left out: a wish only changes or adds. */
export function settingsOf(wish: IdentityWish | undefined): IdentitySettings {
  if (wish === undefined) return identityDefaults;
  let settings = made.get(wish);
  if (settings === undefined) {
    settings = {
      survivor: wish.survivor ?? identityDefaults.survivor,
      types: { ...identityDefaults.types, ...wish.types },
      blocked: wish.blocked ?? identityDefaults.blocked,
    };
    made.set(wish, settings);
  }
  return settings;
}

/** @throws AppError invalid. */
export function checkIdentityWish({ types = {} }: IdentityWish): void {
  const names = Object.keys({ ...identityDefaults.types, ...types });
  if (names.length > typesMax) {
    throw new AppError('invalid', `there may be at most ${typesMax} types of identities`);
  }
  const lower = new Set(names.map((name) => name.toLowerCase()));
  if (lower.size < names.length) {
    throw new AppError('invalid', 'names of types may not differ in case alone');
  }
  if (lower.has('tel')) throw new AppError('invalid', 'tel is another name of the type phone');
}
