/** The stories that `npm run demo -- <name>` plays. */
import { bank } from './bank.ts';
import { insurance } from './insurance.ts';
import { mortgage } from './mortgage.ts';
import type { Story } from './story.ts';
import { telecom } from './telecom.ts';

export const stories: Readonly<Record<string, Story>> = { insurance, bank, mortgage, telecom };
