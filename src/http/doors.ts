/** Every door for clients of other products, in the order of the documentation. */
import type { Door } from './wire.ts';

export const doors: readonly Door[] = [];
