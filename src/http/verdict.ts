/** What would happen to an event if it were sent now: for dry runs. */
import { type Envelope, encodingJson } from '../event/envelope.ts';
import type { Taxonomy } from '../ingest/taxonomy.ts';
import type { ErrorCode } from '../std/errors.ts';

export interface Foresight {
  readonly outcome: 'accepted' | 'flagged' | 'quarantined' | 'rejected';
  /** Of what is rejected. */
  readonly code?: ErrorCode;
  readonly reason?: string;
}

const outcomes = { flag: 'flagged', quarantine: 'quarantined', reject: 'rejected' } as const;

/** @param envelope of the walker, for the JSON in `body`. */
export function foresee(
  body: Uint8Array,
  envelope: Envelope,
  taxonomy: Taxonomy | undefined,
): Foresight {
  if (envelope.rejection !== undefined) {
    const { code, message } = envelope.rejection;
    return { outcome: 'rejected', code, reason: message };
  }
  const verdict = taxonomy?.judge(body, envelope, encodingJson);
  if (verdict === undefined) return { outcome: 'accepted' };
  const outcome = outcomes[verdict.mode];
  return {
    outcome,
    ...(outcome === 'rejected' && { code: 'invalid' as const }),
    reason: verdict.reason,
  };
}
