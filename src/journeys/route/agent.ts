/**
 * Agents and desks as they are defined and stored, and where an agent says it is. Plain JSON.
 *
 *     agent      {"name":"Ann","skills":{"licence":7},"desk":"main-street","capacity":2,"channels":["walkIn"]}
 *     desk       {"title":"Main Street","place":{"latitude":37.77,"longitude":-122.42},"capacity":4}
 *     presence   {"status":"available","place":{…},"ttlSeconds":120}
 *
 * An agent has the skills of its desk too (the higher level counts), is at the desk's place unless it says
 * another, and shares the desk's capacity.
 */
import { AppError } from '../../std/errors.ts';
import { agentIdBytesMax } from '../../workspaces/agents.ts';
import { isPlace, type Place } from '../place.ts';
import { type OfferKind, offerKinds, skillLevelMax } from './search.ts';

export const deskNameBytesMax = 128;
export const agentNameCharactersMax = 256;
export const skillBytesMax = 128;
export const skillsMax = 100;
export const agentCapacityMax = 100;
export const deskCapacityMax = 10_000;
export const agentsPerWorkspaceMax = 10_000;
export const desksPerWorkspaceMax = 1000;
export const presenceTtlSecondsDefault = 60;
export const presenceTtlSecondsMax = 86_400;

export type Skills = Readonly<Record<string, number>>;

export interface AgentDefinition {
  readonly name: string;
  readonly skills: Skills;
  readonly desk?: string;
  readonly place?: Place;
  /** Offers it may hold at a time, 1–100. */
  readonly capacity: number;
  /** Which kinds of offers it takes; absent: every kind. */
  readonly channels?: readonly OfferKind[];
}

export interface DeskDefinition {
  readonly title: string;
  readonly place?: Place;
  /** Offers its agents may hold together; absent: as many as they can. */
  readonly capacity?: number;
  readonly skills?: Skills;
}

export const presenceStatuses = ['available', 'busy', 'away', 'offline'] as const;
export type PresenceStatus = (typeof presenceStatuses)[number];

/** What an agent says of itself. */
export interface PresenceWish {
  readonly status: PresenceStatus;
  readonly place?: Place;
  readonly ttlSeconds: number;
}

/** @throws AppError invalid, with the place. */
export function parseAgent(value: unknown): AgentDefinition {
  const sent = membersIn(value, 'the body', [
    'name',
    'skills',
    'desk',
    'place',
    'capacity',
    'channels',
  ]);
  const { channels, desk, place } = sent;
  return {
    name: textOf(sent['name'], 'name', agentNameCharactersMax),
    skills: skillsOf(sent['skills'] ?? {}),
    ...(desk !== undefined && { desk: nameOf(desk, 'desk', deskNameBytesMax) }),
    ...(place !== undefined && { place: placeIn(place) }),
    capacity: wholeOf(sent['capacity'] ?? 1, 'capacity', agentCapacityMax),
    ...(channels !== undefined && { channels: channelsOf(channels) }),
  };
}

/** @throws AppError invalid, with the place. */
export function parseDesk(value: unknown): DeskDefinition {
  const sent = membersIn(value, 'the body', ['title', 'place', 'capacity', 'skills']);
  const { capacity, place, skills } = sent;
  return {
    title: textOf(sent['title'], 'title', agentNameCharactersMax),
    ...(place !== undefined && { place: placeIn(place) }),
    ...(capacity !== undefined && { capacity: wholeOf(capacity, 'capacity', deskCapacityMax) }),
    ...(skills !== undefined && { skills: skillsOf(skills) }),
  };
}

/** @throws AppError invalid, with the place. */
export function parsePresence(value: unknown): PresenceWish {
  const sent = membersIn(value, 'the body', ['status', 'place', 'ttlSeconds']);
  const status = presenceStatuses.find((each) => each === sent['status']);
  if (status === undefined) refuse(`status must be one of ${presenceStatuses.join(', ')}`);
  const ttlSeconds = sent['ttlSeconds'] ?? presenceTtlSecondsDefault;
  const { place } = sent;
  return {
    status,
    ...(place !== undefined && { place: placeIn(place) }),
    ttlSeconds: wholeOf(ttlSeconds, 'ttlSeconds', presenceTtlSecondsMax),
  };
}

/** @throws AppError invalid. */
export function checkAgentId(id: string): void {
  nameOf(id, 'the id of an agent', agentIdBytesMax);
}

/** @throws AppError invalid. */
export function checkDeskName(name: string): void {
  nameOf(name, 'the name of a desk', deskNameBytesMax);
}

function skillsOf(value: unknown): Skills {
  const skills = membersIn(value, 'skills');
  const names = Object.keys(skills);
  if (names.length > skillsMax) refuse(`skills must be at most ${skillsMax}`);
  const levels = names.map((name): [string, number] => {
    nameOf(name, 'a skill', skillBytesMax);
    return [name, wholeOf(skills[name], `skills.${name}`, skillLevelMax)];
  });
  return Object.fromEntries(levels);
}

function channelsOf(value: unknown): OfferKind[] {
  if (!Array.isArray(value) || value.length === 0) {
    refuse(`channels must be a list of one or more of ${offerKinds.join(', ')}`);
  }
  const kinds = value.map((each) => offerKinds.find((kind) => kind === each));
  if (kinds.some((kind) => kind === undefined)) {
    refuse(`channels must be of ${offerKinds.join(', ')}`);
  }
  return [...new Set(kinds as OfferKind[])];
}

function placeIn(value: unknown): Place {
  const { latitude, longitude } = membersIn(value, 'place', ['latitude', 'longitude']);
  const place = { latitude: latitude as number, longitude: longitude as number };
  if (typeof latitude !== 'number' || typeof longitude !== 'number' || !isPlace(place)) {
    refuse('place must be {latitude: -90 to 90, longitude: -180 to 180}');
  }
  return place;
}

function textOf(value: unknown, what: string, charactersMax: number): string {
  if (typeof value !== 'string' || value === '' || value.length > charactersMax) {
    refuse(`${what} must be a string of 1 to ${charactersMax} characters`);
  }
  return value;
}

/** What stands in keys of rows and in paths: no control characters, so none that divides. */
function nameOf(value: unknown, what: string, bytesMax: number): string {
  const isName = typeof value === 'string' && value !== '' && !hasControls(value);
  if (!isName || Buffer.byteLength(value) > bytesMax) {
    refuse(`${what} must be 1 to ${bytesMax} bytes without control characters`);
  }
  return value;
}

function hasControls(text: string): boolean {
  return [...text].some((character) => character < ' ' || character === '\u007f');
}

function wholeOf(value: unknown, what: string, most: number): number {
  const isWhole = typeof value === 'number' && Number.isInteger(value) && value >= 1;
  if (!isWhole || value > most) refuse(`${what} must be a whole number from 1 to ${most}`);
  return value;
}

function membersIn(
  value: unknown,
  what: string,
  known?: readonly string[],
): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    refuse(`${what} must be an object`);
  }
  const unknown = Object.keys(value).find((member) => known?.includes(member) === false);
  if (unknown !== undefined) {
    refuse(`${what} has an unknown member '${unknown.slice(0, 64)}' (known: ${known!.join(', ')})`);
  }
  return value as Readonly<Record<string, unknown>>;
}

function refuse(message: string): never {
  throw new AppError('invalid', message);
}
