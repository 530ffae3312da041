/** What a sender learns of a batch. */
import type { ErrorCode } from '../std/errors.ts';

export interface RejectedEvent {
  /** Counts from 0 in the batch. */
  readonly index: number;
  readonly id?: string;
  readonly code: ErrorCode;
  readonly message: string;
}

export interface Receipt {
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: readonly RejectedEvent[];
  /** Of those accepted or duplicates: kept apart in quarantine; stored with a flag. */
  readonly quarantined: number;
  readonly flagged: number;
  /** Nothing of the batch is stored, because the store cannot write: worth sending again. */
  readonly unavailable: boolean;
}
