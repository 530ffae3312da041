/** What is kept of a customer for one audience: plain data, bounded by the audience's own numbers. */
export interface AudienceState {
  /** Whether the customer is in; undefined until its tape has been read so far. */
  isIn?: boolean;
  /** What each part of the definition remembers, in document order. */
  parts: unknown[];
}
