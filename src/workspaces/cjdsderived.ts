/**
 * Actions of CJDS as rules: a view's threshold with a cooldown is a rule of ours, and what it triggers are
 * actions of ours. They follow from the stored templates, so nothing has to agree with anything; they bear
 * names that nobody else can give.
 *
 *     action                     rule `cjds:<action id>`: when {view, where}, cooldown
 *     Webhook, IMIFlowTrigger    posted to `cjds:<action id>:<number>`, with the body that was given and nothing else
 *     WebexWalkin                an offer to agents, a walk-in
 *     AgentOffer, ChatBot        an offer in the customer's page, with its picture or address
 */
import type { JourneyAction } from './cjds.ts';
import { shownOf, thresholdOf } from './cjdsthreshold.ts';
import { type DefinitionRecord, derivedPrefix } from './definition.ts';
import type { ViewRecord } from './types.ts';
import { type WebhookMethod, type WebhookRecord, webhookMethods } from './webhook.ts';

/** The template that becomes the customer's name. */
// biome-ignore lint/suspicious/noTemplateCurlyInString: a template of rules.
const customerId = '${customer.id}';

interface Trigger {
  readonly type: string;
  readonly [member: string]: unknown;
}

export interface Derived {
  readonly rules: ReadonlyMap<string, DefinitionRecord>;
  readonly webhooks: ReadonlyMap<string, WebhookRecord>;
}

/** What follows from views, made anew only for those that have changed. */
export class DerivedDefinitions {
  /** By workspace: as of which views, in order. */
  readonly #made = new Map<number, Derived & { readonly of: string }>();
  readonly #byView = new Map<string, { version: number; rules: readonly DefinitionRecord[] }>();

  of(workspace: number, views: Iterable<ViewRecord>): Derived {
    const acting = [...views].filter(({ cjds }) => cjds !== undefined && cjds.actions.length > 0);
    const of = acting.map(({ name, version }) => `${name}/${version}`).join('\n');
    const known = this.#made.get(workspace);
    if (known?.of === of) return known;
    const rules = acting.flatMap((view) => this.#rulesOf(view));
    const webhooks = acting.flatMap(derivedWebhooks);
    const made = {
      of,
      rules: new Map(rules.map((rule) => [rule.name, rule])),
      webhooks: new Map(webhooks.map((webhook) => [webhook.name, webhook])),
    };
    this.#made.set(workspace, made);
    return made;
  }

  #rulesOf(view: ViewRecord): readonly DefinitionRecord[] {
    const key = `${view.workspace}/${view.name}`;
    const known = this.#byView.get(key);
    if (known?.version === view.version) return known.rules;
    const rules = derivedRules(view);
    this.#byView.set(key, { version: view.version, rules });
    return rules;
  }
}

/** The rules of a view's actions; those that are not active are in force nowhere. */
export function derivedRules(view: ViewRecord): readonly DefinitionRecord[] {
  const { name, updatedAt, version, workspace } = view;
  // By it the types are found that the rule is to look at.
  const asks = [{ place: 'when.view', what: 'shown', name }] as const;
  return (view.cjds?.actions ?? []).map((action) => ({
    ...{ workspace, kind: 'rule', name: `${derivedPrefix}${action.id}`, updatedAt },
    ...{ revision: version, last: version, current: action.isActive ? version : 0 },
    versions: [
      {
        ...{ version, publishedAt: updatedAt, outline: { asks, links: [] } },
        text: JSON.stringify(ruleOf(view, action)),
      },
    ],
  }));
}

function ruleOf(view: ViewRecord, action: JourneyAction): object {
  const { cooldownPeriodInMinutes: minutes, name, rules } = action;
  const shown = shownOf(view.cjds!.attributes, view.template);
  return {
    title: name,
    when: { view: view.name, where: thresholdOf(rules, 'rules', shown) },
    ...(minutes > 0 && { cooldown: `${minutes}m` }),
    // biome-ignore lint/suspicious/noThenProperty: it is the word for it in rules.
    then: triggersOf(action).map((trigger, index) => actionOf(view, action, trigger, index)),
  };
}

function actionOf(
  view: ViewRecord,
  action: JourneyAction,
  trigger: Trigger,
  index: number,
): object {
  const endpoint = endpointOf(action, index);
  const { id, name } = action;
  switch (trigger.type) {
    case 'Webhook': {
      const { requestbody } = attributesOf(trigger);
      const told = { action: { id, name }, template: view.name, customer: customerId };
      const isGiven = requestbody !== undefined && requestbody !== null;
      const data = isGiven ? literal(bodyOf(requestbody)) : told;
      return { do: 'webhook', endpoint, plain: true, data };
    }
    case 'IMIFlowTrigger': {
      const data = { flowId: literal(trigger['flowId']), customer: customerId };
      return { do: 'webhook', endpoint, plain: true, data };
    }
    case 'WebexWalkin': {
      const { agentId, title, welcomeMessage } = trigger;
      const data = literal({ agentId, welcomeMessage });
      return { do: 'agent', kind: 'walkIn', title: literal(textOf(title, name)), data };
    }
    case 'AgentOffer': {
      const { imageURL: image, imageWidth: width } = trigger;
      return { do: 'page', data: literal({ title: name, image, width }) };
    }
    default: {
      const { botURL: url, botWidth: width } = trigger;
      return { do: 'page', data: literal({ title: name, url, width }) };
    }
  }
}

/** Where the triggers of a view's actions are posted to. */
export function derivedWebhooks(view: ViewRecord): readonly WebhookRecord[] {
  return (view.cjds?.actions ?? []).flatMap((action) =>
    triggersOf(action).flatMap((trigger, index): readonly WebhookRecord[] => {
      const url = trigger.type === 'Webhook' ? trigger['webhookURL'] : trigger['flowURL'];
      if (typeof url !== 'string') return [];
      const { authorization, authorizationScheme, httpverb } = attributesOf(trigger);
      const method = methodOf(httpverb);
      const isKeyed = typeof authorization === 'string' && authorization !== '';
      const key = [authorizationScheme, authorization].filter((part) => typeof part === 'string');
      const { updatedAt, version: revision, workspace } = view;
      return [
        {
          ...{ workspace, name: endpointOf(action, index), url, revision, updatedAt, secrets: [] },
          ...(method !== 'POST' && { method }),
          headers: isKeyed ? { Authorization: key.join(' ') } : {},
        },
      ];
    }),
  );
}

function endpointOf({ id }: JourneyAction, index: number): string {
  return `${derivedPrefix}${id}:${index}`;
}

function triggersOf({ actionTriggers }: JourneyAction): readonly Trigger[] {
  return actionTriggers as readonly Trigger[];
}

function attributesOf(trigger: Trigger): Readonly<Record<string, unknown>> {
  return (trigger['attributes'] ?? {}) as Readonly<Record<string, unknown>>;
}

function methodOf(verb: unknown): WebhookMethod {
  const wanted = typeof verb === 'string' ? verb.toUpperCase() : 'POST';
  return webhookMethods.find((method) => method === wanted) ?? 'POST';
}

/** Sent as text that is JSON, as a rule. */
function bodyOf(body: unknown): unknown {
  if (typeof body !== 'string') return body;
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return body;
  }
}

function textOf(value: unknown, fallback: string): string {
  return typeof value === 'string' && value !== '' ? value : fallback;
}

/** As it is: nothing in it is a template. */
function literal(value: unknown): unknown {
  const text = JSON.stringify(value);
  return text === undefined ? null : (JSON.parse(text.replaceAll('${', () => '$${')) as unknown);
}
