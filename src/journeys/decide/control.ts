/**
 * Control groups: so many percent of customers get nothing, always the same ones, so that what the others
 * got can be judged. Asked before caps: who is in it has not been shown anything.
 */
import { bucketOf } from '../../audiences/bucket.ts';

export interface Control {
  /** 0–100. */
  readonly percent: number;
  /** Rules with the same salt have the same control group; undefined: the rule's own. */
  readonly salt: string | undefined;
}

export function isControl({ percent, salt }: Control, rule: string, customer: string): boolean {
  return bucketOf(customer, salt ?? rule) < percent;
}
