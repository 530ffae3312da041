/** Errors of the tag end here: a page must not notice them. */
export function guard(run: () => unknown): void {
  try {
    const result = run();
    if (result instanceof Promise) result.catch(() => undefined);
  } catch {
    // On purpose: see above.
  }
}
