/**
 * What fronts ask the engine, by kind, and what they are answered: plain data, since it crosses threads.
 * A room that answers questions of its own adds an interface of them here.
 */
import type { CountsAsks } from '../aids/asks.ts';
import type { DecideAsks } from '../decide/asks.ts';
import type { WebhookAsks } from '../deliver/asks.ts';
import type { AgentPush, RouteAsks } from '../route/asks.ts';
import type { ToldInstance } from './told.ts';

export interface InstanceAsks {
  /** Nothing but to wait until the reader has passed `after`. */
  readonly passed: { readonly ask: object; readonly answer: { readonly passedUpTo: number } };
  /** Waits until a version of a map or rule is in force (0: none is). */
  readonly inForce: {
    readonly ask: {
      readonly workspace: number;
      readonly definition: 'journey' | 'rule';
      readonly name: string;
      readonly version: number;
    };
    readonly answer: object;
  };
  /**
   * Of a customer, by any of its identities; oldest first. `ownOnly`: for a browser, which anybody may have said to
   * be somebody's; it is told what began under that very identity, under no other name, and the context only as
   * long as it is known as nobody else.
   */
  readonly instances: {
    readonly ask: {
      readonly workspace: number;
      readonly customer: string;
      readonly ownOnly?: boolean;
    };
    readonly answer: {
      /** The name under which it is known. */
      readonly customer: string;
      readonly instances: readonly ToldInstance[];
    };
  };
  /** The names of a map's steps: the version in force, or a given one. */
  readonly steps: {
    readonly ask: {
      readonly workspace: number;
      readonly journey: string;
      readonly version?: number;
    };
    readonly answer: { readonly steps: readonly string[] | undefined };
  };
}

export interface EngineAsks extends InstanceAsks, DecideAsks, CountsAsks, WebhookAsks, RouteAsks {}

export type AskKind = keyof EngineAsks;

/**
 * `after`: answer when everything up to this stamp has been applied; unavailable when that takes too long. With
 * `patienceMs` it is answered after about that time as of what has been applied by then.
 */
interface AskTiming {
  readonly after?: number;
  readonly patienceMs?: number;
}

export type EngineAsk<Kind extends AskKind = AskKind> = {
  [Each in Kind]: { readonly kind: Each } & AskTiming & EngineAsks[Each]['ask'];
}[Kind];

export type EngineAnswer<Kind extends AskKind = AskKind> = EngineAsks[Kind]['answer'];

/** What the engine tells every front unasked; a listener knows what is its own. */
export type EnginePush = AgentPush;

/** One function for each kind; what it throws is the refusal. */
export type Answerer<Kinds extends AskKind> = {
  readonly [Kind in Kinds]: (
    ask: EngineAsk<Kind>,
  ) => EngineAnswer<Kind> | Promise<EngineAnswer<Kind>>;
};
