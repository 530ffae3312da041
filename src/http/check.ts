/** Checks administrative bodies against their schemas; each is compiled once, when it is first asked. */
import { Ajv, type AnySchema, type ErrorObject, type ValidateFunction } from 'ajv';
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

/** The schemas are ours: that they are schemas is looked at by a test, not at every start. */
const ajv = new Ajv({ strict: true, validateSchema: false });

/** Each returns the body, known to have the shape. @throws AppError invalid, naming the place. */
export const checkAnswer = checker<NewAnswer>(NewAnswer);
export const checkNewMessage = checker<NewMessage>(NewMessage);
export const checkNewVisitor = checker<NewVisitor>(NewVisitor);
export const checkNewDecision = checker<NewDecision>(NewDecision);
export const checkNewResponse = checker<NewResponse>(NewResponse);
export const checkDryRunWish = checker<DryRunWish>(DryRunWish);
export const checkIdentitySettings = checker<IdentitySettings>(IdentitySettings);
export const checkDefinitionCheck = checker<DefinitionCheck>(DefinitionCheck);
export const checkNewCommand = checker<NewCommand>(NewCommand);
export const checkNewInstance = checker<NewInstance>(NewInstance);
export const checkNewKey = checker<NewKey>(NewKey);
export const checkNewLink = checker<NewLink>(NewLink);
export const checkNewMerge = checker<NewMerge>(NewMerge);
export const checkNewQuota = checker<NewQuota>(NewQuota);
export const checkNewRetention = checker<NewRetention>(NewRetention);
export const checkNewToken = checker<NewToken>(NewToken);
export const checkNewUnmerge = checker<NewUnmerge>(NewUnmerge);
export const checkReplayWish = checker<ReplayWish>(ReplayWish);
export const checkNewRotation = checker<NewRotation>(NewRotation);
export const checkNewWebhook = checker<NewWebhook>(NewWebhook);
export const checkNewWorkspace = checker<NewWorkspace>(NewWorkspace);

function checker<Shape>(schema: AnySchema): (value: unknown) => Shape {
  let validate: ValidateFunction<Shape> | undefined;
  return (value) => {
    validate ??= ajv.compile<Shape>(schema);
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
