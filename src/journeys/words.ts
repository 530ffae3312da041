/**
 * What the server itself says on customers' tapes about journeys, and how the engine reads it back. The
 * tape is what puts everything in one order: a timer that is due, a command, a decision and what became of
 * it count at the place where they stand on the tape, in the first run as in every replay.
 *
 *     type                 said when                                 id (with the customer, said once)
 *     tapeline.definition  a version of a map or rule takes effect   <kind>:<name>:<version>:…, customer `tapeline:definitions`
 *     tapeline.journey     somebody commands an instance             the command's own
 *     tapeline.timer       a timer is due                            <timer id>:<generation>
 *     tapeline.decision    something was decided, either way         <request id>
 *     tapeline.delivery    an action was carried out, or given up    <action id>:delivery
 *     tapeline.offer       an agent was asked, answered, timed out   <action id>:<number>
 *     tapeline.audience    a customer has entered or left an audience  <audience>/<change>/<place of the cause>
 *     tapeline.response    a customer answered an offer              <action id, or request and candidate>:response:<answer>
 *
 * `data` of each is one of the shapes below. Every one names the workspace's customer it is about as the
 * event's `customer`: the name that the person had when it was said.
 */
export const typeOfDefinition = 'tapeline.definition';
export const typeOfCommand = 'tapeline.journey';
export const typeOfTimer = 'tapeline.timer';
export const typeOfDecision = 'tapeline.decision';
export const typeOfDelivery = 'tapeline.delivery';
export const typeOfOffer = 'tapeline.offer';
export const typeOfResponse = 'tapeline.response';
export const typeOfAudience = 'tapeline.audience';

/** The customer on whose tape it stands which definitions take effect. */
export const definitionsCustomer = 'tapeline:definitions';
/** A rule without a text, in force where touchpoints ask: it makes the workspace one that is read. */
export const followedRule = 'tapeline:questions';
/**
 * Of one part of a definition's text, in characters of up to three bytes, so that its event is within 32 KiB
 * also beside a hundred types that are shown, each 128 quotation marks.
 */
export const definitionPartMax = 2000;

export interface DefinitionSaid {
  readonly kind: 'journey' | 'rule';
  readonly name: string;
  /** Which version is in force from here on; 0: none. */
  readonly version: number;
  /** The newest change of the graph of identities when it was said: older links are not on the tape. */
  readonly links?: number;
  /** JSON of the version, or one part of it. A long one comes in parts, right behind each other; the last puts it in force. */
  readonly text?: string;
  /** Which part, and of how many: 1 …; absent: it is the only one. */
  readonly part?: number;
  readonly parts?: number;
  /** Types of what the view shows that a rule watches. */
  readonly shown?: readonly string[];
  /** A map was deleted, this being its newest version: instances on it and on older ones end. */
  readonly deleted?: number;
}

export type CommandSaid =
  | {
      readonly command: 'start';
      readonly journey: string;
      readonly key: string;
      readonly context?: Readonly<Record<string, unknown>>;
    }
  | {
      readonly command: 'pause' | 'resume' | 'complete' | 'cancel';
      readonly instance: string;
      readonly reason?: string;
    }
  | { readonly command: 'exit'; readonly instance: string; readonly reason: string }
  /** Every instance of a map. */
  | { readonly command: 'stop'; readonly journey: string; readonly reason: string }
  | {
      readonly command: 'step';
      readonly instance: string;
      readonly step: string;
      readonly context?: Readonly<Record<string, unknown>>;
    };

export interface TimerSaid {
  readonly timer: string;
  /**
   * What it was armed with: one that was armed anew since counts for nothing. 0: a rule that waits for silence
   * came into force when the instance stood there; it waits from here on.
   */
  readonly generation: number;
  /** Epoch milliseconds. */
  readonly due: number;
  /** It is fired this late because the server was not there. */
  readonly late?: boolean;
}

/** Why nothing is done, in the order in which it is asked. */
export type NotReason =
  | 'condition'
  | 'tooFar'
  | 'consent'
  | 'suppressed'
  | 'quietHours'
  | 'cooldown'
  | 'capped'
  | 'control'
  | 'outranked'
  | 'lapsed'
  /** What it depends on could not be read in the time that whoever asked gave. */
  | 'outOfTime'
  | 'notInDate'
  /** It has acted for the instance as often as it may. */
  | 'perInstanceMax'
  | 'error';

export interface DecisionSaid {
  /** The request's id. */
  readonly request: string;
  readonly rule?: string;
  readonly version: number;
  readonly journey?: string;
  readonly instance?: string;
  /** `act`: the actions are to be carried out. */
  readonly verdict: 'act' | NotReason;
  /** What it was that said no: the name of a suppressor, the scope of a cap; of an error the message. */
  readonly detail?: string;
  readonly score?: number;
  readonly category?: string;
  readonly channel?: string;
  /** Each with all that is needed to carry it out, templates filled in. */
  readonly actions?: readonly DecidedAction[];
  /** When a touchpoint asked (`POST /v1/decide`): what was weighed, the best first. */
  readonly candidates?: readonly CandidateSaid[];
}

export interface CandidateSaid {
  readonly id: string;
  /** Under which name it counts for caps, cooldown and propensity; that of a rule, or `local:<id>`. */
  readonly rule: string;
  readonly verdict: 'act' | NotReason;
  readonly detail?: string | undefined;
  readonly score?: number | undefined;
  readonly category?: string | undefined;
  readonly channel?: string | undefined;
  /** What it is about, if it may act for an instance only so often. */
  readonly instance?: string | undefined;
  /** What the server does about it; what is to be shown went to whoever asked. */
  readonly actions?: readonly DecidedAction[] | undefined;
}

/** `do` and the members of an `Action`, filled in. */
export interface DecidedAction {
  /** Stable over retries, restarts and replays: the idempotency key of whatever it does. */
  readonly id: string;
  readonly do: string;
  readonly [member: string]: unknown;
}

export interface DeliverySaid {
  readonly action: string;
  readonly outcome: 'delivered' | 'failed' | 'expired' | 'withdrawn';
  readonly attempts?: number;
  readonly detail?: string;
}

export interface OfferSaid {
  readonly action: string;
  readonly number: number;
  readonly change:
    | 'reserved'
    | 'accepted'
    | 'declined'
    | 'timedOut'
    | 'completed'
    | 'expired'
    | 'withdrawn';
  readonly agent?: string;
  /** Epoch milliseconds: until when it is the agent's. */
  readonly until?: number;
  readonly meeting?: string;
  /** Of one who accepts, for the customer. */
  readonly agentName?: string;
  readonly outcome?: string;
}

/** What was answered: one action, or all that a decision did about one candidate. */
export interface ResponseSaid {
  readonly action?: string;
  /** The decision it is about, and the rule under which that counted. */
  readonly request: string;
  readonly rule?: string;
  /** `failed`: it never reached the customer, and counts for no cap. */
  readonly answer: 'accepted' | 'dismissed' | 'shown' | 'failed' | string;
  readonly data?: unknown;
}

export interface AudienceSaid {
  /** The map whose audience it is. */
  readonly journey: string;
  readonly audience: string;
  readonly change: 'enter' | 'leave';
}
