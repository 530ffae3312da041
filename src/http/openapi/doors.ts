/** The routes for clients of other products. */
import { cloudEventsPaths } from './cloudevents.ts';
import type { Paths } from './describe.ts';

export const doorPaths: Paths = { ...cloudEventsPaths };
