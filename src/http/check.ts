/** Checks administrative bodies against their schemas; compiled once, when the module is loaded. */
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { AppError } from '../std/errors.ts';
import { DryRunWish } from './aidschemas.ts';
import { NewDecision, NewResponse } from './decideschemas.ts';
import { IdentitySettings, NewLink, NewMerge, NewUnmerge } from './identityschemas.ts';
import { NewCommand, NewInstance } from './instanceschemas.ts';
import { DefinitionCheck } from './journeyschemas.ts';
import { NewKey, NewQuota, NewRetention, NewToken, NewWorkspace } from './schemas.ts';
import { NewAnswer, NewMessage, NewVisitor } from './tagschemas.ts';
import { ReplayWish } from './taxonomyschemas.ts';
import { NewRotation, NewWebhook } from './webhookschemas.ts';

const ajv = new Ajv({ strict: true });

/** Each returns the body, known to have the shape. @throws AppError invalid, naming the place. */
export const checkAnswer = checker(ajv.compile<NewAnswer>(NewAnswer));
export const checkNewMessage = checker(ajv.compile<NewMessage>(NewMessage));
export const checkNewVisitor = checker(ajv.compile<NewVisitor>(NewVisitor));
export const checkNewDecision = checker(ajv.compile<NewDecision>(NewDecision));
export const checkNewResponse = checker(ajv.compile<NewResponse>(NewResponse));
export const checkDryRunWish = checker(ajv.compile<DryRunWish>(DryRunWish));
export const checkIdentitySettings = checker(ajv.compile<IdentitySettings>(IdentitySettings));
export const checkDefinitionCheck = checker(ajv.compile<DefinitionCheck>(DefinitionCheck));
export const checkNewCommand = checker(ajv.compile<NewCommand>(NewCommand));
export const checkNewInstance = checker(ajv.compile<NewInstance>(NewInstance));
export const checkNewKey = checker(ajv.compile<NewKey>(NewKey));
export const checkNewLink = checker(ajv.compile<NewLink>(NewLink));
export const checkNewMerge = checker(ajv.compile<NewMerge>(NewMerge));
export const checkNewQuota = checker(ajv.compile<NewQuota>(NewQuota));
export const checkNewRetention = checker(ajv.compile<NewRetention>(NewRetention));
export const checkNewToken = checker(ajv.compile<NewToken>(NewToken));
export const checkNewUnmerge = checker(ajv.compile<NewUnmerge>(NewUnmerge));
export const checkReplayWish = checker(ajv.compile<ReplayWish>(ReplayWish));
export const checkNewRotation = checker(ajv.compile<NewRotation>(NewRotation));
export const checkNewWebhook = checker(ajv.compile<NewWebhook>(NewWebhook));
export const checkNewWorkspace = checker(ajv.compile<NewWorkspace>(NewWorkspace));

function checker<Shape>(validate: ValidateFunction<Shape>): (value: unknown) => Shape {
  return (value) => {
    if (validate(value)) return value;
    const [first] = validate.errors ?? [];
    throw new AppError('invalid', first === undefined ? 'the body is invalid' : sentenceOf(first));
  };
}

function sentenceOf(error: ErrorObject): string {
  const place = error.instancePath.slice(1).replaceAll('/', '.') || 'the body';
  const params = error.params as Record<string, unknown>;
  if (error.keyword === 'additionalProperties') {
    return `${place} has an unknown member '${String(params['additionalProperty'])}'`;
  }
  if (error.keyword === 'required') {
    const missing = String(params['missingProperty']);
    return `${place === 'the body' ? missing : `${place}.${missing}`} is required`;
  }
  if (error.keyword === 'enum') {
    const allowed = params['allowedValues'] as readonly unknown[];
    return `${place} must be one of ${allowed.join(', ')}`;
  }
  return `${place} ${error.message ?? 'is invalid'}`;
}
