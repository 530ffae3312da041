/** The routes for clients of other products. */
import { cloudEventsPaths } from './cloudevents.ts';
import type { Paths } from './describe.ts';
import { trackerPaths } from './trackers.ts';

export const doorPaths: Paths = { ...cloudEventsPaths, ...trackerPaths };
