/** What CJDS knows of a template and its actions, and the changes it makes: plain data. */
import type { AggregationMode, MetaDataType } from './cjdsrules.ts';
import type { ViewTemplate } from './view.ts';

/** As it is given back; members that nobody here knows stay as they were sent. */
export interface CjdsAttribute {
  readonly displayName: string;
  readonly version: string;
  readonly event: string;
  readonly metaDataType: MetaDataType;
  readonly metaData: string;
  readonly limit: number;
  readonly lookBackDurationType: string;
  readonly lookBackPeriod: number;
  readonly aggregationMode: AggregationMode;
  readonly verbose: boolean;
  readonly rules: unknown;
  readonly widgetAttributes: unknown;
}

/** What CJDS wants to know of a template besides the view. Times are epoch milliseconds, `By` are ids of keys. */
export interface CjdsTemplate {
  readonly id: string;
  readonly attributes: readonly CjdsAttribute[];
  readonly actions: readonly JourneyAction[];
  readonly createdAt: number;
  readonly createdBy: string;
  readonly updatedBy: string;
}

/** Times are epoch milliseconds, `By` are ids of keys. */
export interface JourneyAction extends ActionWish {
  readonly id: string;
  readonly createdAt: number;
  readonly createdBy: string;
  readonly updatedAt: number;
  readonly updatedBy: string;
}

export interface ActionWish {
  readonly name: string;
  readonly isActive: boolean;
  readonly cooldownPeriodInMinutes: number;
  /** As they were sent; see `cjdsrules.ts`. */
  readonly rules: unknown;
  /** As they were sent: a known `type`, and what that needs. */
  readonly actionTriggers: readonly unknown[];
}

/** `by`: the id of the key that asks. */
export type CjdsChange =
  | {
      readonly kind: 'putTemplate';
      /** Absent: a new one. */
      readonly id?: string;
      readonly name: string;
      readonly attributes: readonly CjdsAttribute[];
      readonly template: ViewTemplate;
      readonly by: string;
    }
  | {
      readonly kind: 'putAction';
      readonly templateId: string;
      /** Absent: a new one. */
      readonly id?: string;
      readonly action: ActionWish;
      readonly by: string;
    }
  | { readonly kind: 'deleteAction'; readonly templateId: string; readonly id: string }
  | { readonly kind: 'describe'; readonly name: string; readonly description: string };
