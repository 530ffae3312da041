/**
 * Journey actions of CJDS: what to do when a view of a customer says so. Each belongs to one template, and its
 * rules speak of that template's attributes: event, metaData and aggregation mode are those of one of them.
 */
import { AppError } from '../std/errors.ts';
import type { ActionWish } from './cjds.ts';
import { conditionsOf, parseRules } from './cjdsrules.ts';
import { checkThreshold, isAbout, type ShownAttribute } from './cjdsthreshold.ts';
import { membersOf, quote, readText, refuse } from './view.ts';

export const actionsPerTemplateMax = 50;
export const actionTriggersMax = 10;
export const triggerCharactersMax = 16 * 1024;
export const actionNameCharactersMax = 128;
export const cooldownMinutesMax = 525_600;

export const triggerTypes = [
  'Webhook',
  'WebexWalkin',
  'AgentOffer',
  'IMIFlowTrigger',
  'ChatBot',
] as const;

/** @throws AppError invalid, with a message that points at the place. */
export function parseAction(value: unknown): ActionWish {
  const sent = membersOf(value, 'an action');
  const cooldown = sent.get('cooldownPeriodInMinutes');
  if (
    !Number.isInteger(cooldown) ||
    !(Number(cooldown) >= 0) ||
    Number(cooldown) > cooldownMinutesMax
  ) {
    refuse(`cooldownPeriodInMinutes must be a whole number from 0 to ${cooldownMinutesMax}`);
  }
  const isActive = sent.get('isActive') ?? true;
  if (typeof isActive !== 'boolean') refuse('isActive must be true or false');
  const rules = sent.get('rules');
  if (rules === undefined || rules === null) refuse('rules cannot be null');
  parseRules(rules, 'rules');
  const triggers = sent.get('actionTriggers');
  if (!Array.isArray(triggers) || triggers.length === 0 || triggers.length > actionTriggersMax) {
    refuse(`actionTriggers must have 1 to ${actionTriggersMax} entries`);
  }
  for (const [at, trigger] of triggers.entries()) checkTrigger(trigger, `actionTriggers[${at}]`);
  return {
    name: readText(sent.get('name'), 'name', actionNameCharactersMax),
    isActive,
    cooldownPeriodInMinutes: Number(cooldown),
    rules,
    actionTriggers: triggers as readonly unknown[],
  };
}

function checkTrigger(value: unknown, place: string): void {
  const sent = membersOf(value, place);
  const type = triggerTypes.find((known) => known === sent.get('type'));
  if (type === undefined) refuse(`${place}.type must be one of ${triggerTypes.join(', ')}`);
  if (JSON.stringify(value).length > triggerCharactersMax) {
    refuse(`${place} must be at most ${triggerCharactersMax} characters of JSON`);
  }
  if (type === 'Webhook') checkUrl(sent.get('webhookURL'), `${place}.webhookURL`);
  if (sent.has('attributes')) membersOf(sent.get('attributes'), `${place}.attributes`);
}

function checkUrl(value: unknown, place: string): void {
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    refuse(`${place} must be an http or https URL`);
  }
}

/** Every condition asks for what the template shows. @throws AppError invalid. */
export function checkActionFits(
  { name, rules }: ActionWish,
  shown: readonly ShownAttribute[],
): void {
  for (const condition of conditionsOf(parseRules(rules, 'rules'))) {
    if (shown.some(({ attribute }) => isAbout(condition, attribute))) continue;
    const { aggregationMode, event, metaData } = condition;
    const wanted = `${event},${metaData},${aggregationMode}`;
    const message = `the action ${quote(name)} asks for ${wanted}, which is no attribute of the template (event, metaData and aggregationMode must be equal)`;
    throw new AppError('invalid', message);
  }
  checkThreshold(rules, `the rules of the action ${quote(name)}`, shown);
}
