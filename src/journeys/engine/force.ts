/**
 * What is in force in one workspace at the reader's position, arranged by what it listens to, so that an
 * event costs a look for each map and rule that it may concern, and nothing for the others.
 */
import type { CompiledAudience, JourneySteps } from '../../audiences/audience.ts';
import { TypeSet } from '../../tape/typeset.ts';
import type { CompiledMap, CompiledRule, CompiledTrigger } from '../compile/compiled.ts';
import { learnedTypes } from '../decide/learn.ts';
import type { PersonState } from '../state.ts';
import * as words from '../words.ts';
import { audiencesOf, markOf, membershipsOf, type OwnedAudience } from './owned.ts';

export interface Asking {
  readonly rule: CompiledRule;
  readonly trigger: CompiledTrigger;
}

/** Who listens to events of one type. */
export interface Listeners {
  /** Maps that may begin with it, by name. */
  readonly maps: CompiledMap[];
  readonly events: Asking[];
  readonly after: Asking[];
  readonly without: Asking[];
  /** Rules whose view shows it. */
  readonly views: CompiledRule[];
  readonly audiences: OwnedAudience[];
}

/** An audience whose changes somebody waits for. */
export interface Watched extends OwnedAudience {
  readonly rules: CompiledRule[];
  /** The map that has them said on the tape. */
  announcedBy?: CompiledMap;
}

/** What the server says, and what customers say of themselves: looked at wherever anything is in force. */
const alwaysRead: readonly string[] = [
  ...learnedTypes,
  words.typeOfDefinition,
  words.typeOfCommand,
  words.typeOfTimer,
  words.typeOfDecision,
  words.typeOfDelivery,
  words.typeOfOffer,
  words.typeOfResponse,
  words.typeOfAudience,
  'tapeline.link',
  'tapeline.merge',
  'tapeline.unmerge',
];

const none: Listeners = { maps: [], events: [], after: [], without: [], views: [], audiences: [] };

export class WorkspaceForce implements JourneySteps {
  /** In force, by name. */
  readonly maps: readonly CompiledMap[];
  readonly rules: readonly CompiledRule[];
  readonly watched: readonly Watched[];
  /** Audiences of all versions that look at events, by their keys; and a mark that tells this set from others. */
  readonly remembering: readonly OwnedAudience[];
  readonly pastMark: string;
  /** Rules that wait for silence, by their map. */
  readonly #stalls = new Map<string, CompiledRule[]>();
  /** Rules that wait for what happens to instances. */
  readonly happenings: readonly CompiledRule[];
  readonly #versions: ReadonlyMap<string, ReadonlyMap<number, CompiledMap>>;
  readonly #ruleByName: ReadonlyMap<string, CompiledRule>;
  readonly #listeners = new Map<string, Listeners>();
  /** Audiences that every event but the server's own matters to. */
  readonly #anyEvent: OwnedAudience[] = [];
  readonly #audiences = new Map<string, OwnedAudience>();
  readonly #types = new TypeSet();
  /** Types that some map, rule or audience names. */
  readonly #named = new Set<string>();
  /** Some map or audience wants to see every event. */
  #wantsAll = false;

  /**
   * @param maps those in force.
   * @param versions by name, every version that an instance may be on.
   */
  constructor(
    maps: readonly CompiledMap[],
    versions: ReadonlyMap<string, ReadonlyMap<number, CompiledMap>>,
    rules: readonly CompiledRule[],
  ) {
    this.maps = [...maps].sort(byName);
    this.rules = [...rules].sort(byName);
    this.#versions = versions;
    this.#ruleByName = new Map(rules.map((rule) => [rule.name, rule]));
    this.happenings = this.rules.filter(({ when }) => when.kind === 'instance');
    this.watched = this.#watch();
    for (const type of alwaysRead) this.#types.add(type);
    for (const map of this.maps) this.#listenForEntry(map);
    for (const byVersion of versions.values()) {
      for (const map of byVersion.values()) this.#listenForInstances(map);
    }
    for (const rule of this.rules) this.#listenForRule(rule);
    this.remembering = [...this.#audiences.values()]
      .filter(({ audience }) => audience.types.size > 0)
      .sort((one, other) => (one.ref < other.ref ? -1 : 1));
    this.pastMark = markOf(this.remembering.map(({ ref }) => ref));
  }

  /** Whether an event of a type with this hash is to be looked at. */
  wants(typeHash: number): boolean {
    return this.#wantsAll || this.#types.has(typeHash);
  }

  /** Whether some map, rule or audience waits for this very type: only then do the server's own mean anything to them. */
  names(type: string): boolean {
    return this.#named.has(type);
  }

  /** All that is to be looked at; undefined: everything is. */
  get types(): TypeSet | undefined {
    return this.#wantsAll ? undefined : this.#types;
  }

  /** The version in force, or a given one. */
  map(name: string, version?: number): CompiledMap | undefined {
    if (version !== undefined) return this.#versions.get(name)?.get(version);
    return this.maps.find((map) => map.name === name);
  }

  rule(name: string): CompiledRule | undefined {
    return this.#ruleByName.get(name);
  }

  stallsOf(journey: string): readonly CompiledRule[] {
    return this.#stalls.get(journey) ?? [];
  }

  listeners(type: string): Listeners {
    return this.#listeners.get(type) ?? none;
  }

  /** Audiences to which an event of this type matters. */
  audiencesFor(type: string): readonly OwnedAudience[] {
    const own = this.listeners(type).audiences;
    if (this.#anyEvent.length === 0 || type.startsWith('tapeline.')) return own;
    return [...this.#anyEvent, ...own];
  }

  /** Whether what a map or rule may ask about audiences depends on events. */
  remembers(owner: CompiledMap | CompiledRule): boolean {
    if ('borrowed' in owner && owner.borrowed.size > 0) return this.pastMark !== '';
    return [...owner.audiences.values()].some(({ types }) => types.size > 0);
  }

  /** By its key in a customer's state. */
  audience(ref: string): CompiledAudience | undefined {
    return this.#audiences.get(ref)?.audience;
  }

  /** Memberships as conditions of a map or rule may ask for them, by name. */
  memberships(
    person: PersonState,
    owner: CompiledMap | CompiledRule,
    now: number,
  ): Record<string, boolean> {
    const own = membershipsOf(audiencesOf(owner), person, now, this);
    if (!('borrowed' in owner) || owner.journey === undefined) return own;
    const map = this.map(owner.journey);
    if (map === undefined || owner.borrowed.size === 0) return own;
    const lent = audiencesOf(map).filter(({ name }) => owner.borrowed.has(name));
    return { ...membershipsOf(lent, person, now, this), ...own };
  }

  stageOf(journey: string, version: number, step: number): string | undefined {
    return this.map(journey, version)?.steps[step - 1]?.stage;
  }

  ordinalOf(journey: string, version: number, step: string): number | undefined {
    return this.map(journey, version)?.steps.find(({ name }) => name === step)?.ordinal;
  }

  #watch(): Watched[] {
    const found = new Map<string, Watched>();
    for (const rule of this.rules) {
      const { when } = rule;
      if (when.kind !== 'audience') continue;
      const map = rule.journey === undefined ? undefined : this.map(rule.journey);
      const known = [...audiencesOf(rule), ...(map === undefined ? [] : audiencesOf(map))];
      const audience = known.find(({ name }) => name === when.audience);
      if (audience === undefined) continue;
      const same = found.get(audience.ref);
      if (same === undefined) found.set(audience.ref, { ...audience, rules: [rule] });
      else same.rules.push(rule);
    }
    for (const map of this.maps) {
      for (const audience of audiencesOf(map)) {
        if (!map.announces.has(audience.name)) continue;
        const watched = found.get(audience.ref) ?? { ...audience, rules: [] };
        watched.announcedBy = map;
        found.set(audience.ref, watched);
      }
    }
    return [...found.values()];
  }

  #listenForEntry(map: CompiledMap): void {
    for (const { event } of map.entry) {
      const { maps } = this.#at(event);
      if (!maps.includes(map)) maps.push(map);
    }
  }

  #listenForInstances(map: CompiledMap): void {
    for (const type of map.listeners.keys()) this.#name(type);
    for (const owned of audiencesOf(map)) this.#listenForAudience(owned);
    if (map.activityChannel !== undefined) this.#wantsAll = true;
  }

  #listenForRule(rule: CompiledRule): void {
    const { when } = rule;
    if (when.kind === 'event')
      this.#at(when.trigger.event).events.push({ rule, trigger: when.trigger });
    if (when.kind === 'absence') {
      this.#at(when.after.event).after.push({ rule, trigger: when.after });
      this.#at(when.without.event).without.push({ rule, trigger: when.without });
    }
    if (when.kind === 'view') for (const type of rule.types) this.#at(type).views.push(rule);
    if (when.kind === 'stall' && rule.journey !== undefined) {
      const same = this.#stalls.get(rule.journey);
      if (same === undefined) this.#stalls.set(rule.journey, [rule]);
      else same.push(rule);
    }
    for (const owned of audiencesOf(rule)) this.#listenForAudience(owned);
  }

  #listenForAudience(owned: OwnedAudience): void {
    this.#audiences.set(owned.ref, owned);
    for (const type of owned.audience.types) {
      const list = type === '*' ? this.#anyEvent : this.#at(type).audiences;
      if (type === '*') this.#wantsAll = true;
      if (!list.some(({ ref }) => ref === owned.ref)) list.push(owned);
    }
  }

  #name(type: string): void {
    this.#types.add(type);
    this.#named.add(type);
  }

  #at(type: string): Listeners {
    const known = this.#listeners.get(type);
    if (known !== undefined) return known;
    this.#name(type);
    const made = { maps: [], events: [], after: [], without: [], views: [], audiences: [] };
    this.#listeners.set(type, made);
    return made;
  }
}

function byName(one: { readonly name: string }, other: { readonly name: string }): number {
  return one.name < other.name ? -1 : 1;
}
