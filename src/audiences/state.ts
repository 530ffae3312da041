/** What is kept of a customer for one audience: plain data, bounded by the audience's own numbers. */
export interface AudienceState {
  /** Whether the customer is in; undefined until it has been asked. */
  isIn?: boolean;
  /** Its tape is being read: what depends on events is unknown, and counts as absent, until that is done. */
  loading?: boolean;
  /** What each part of the definition that looks at events remembers, in document order. */
  parts: unknown[];
}
