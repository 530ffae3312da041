/** Checks administrative bodies against their schemas; each is compiled once, when it is first asked. */
import { Ajv, type AnySchema, type ValidateFunction } from 'ajv';
import { AppError } from '../std/errors.ts';
import { DryRunWish } from './aidschemas.ts';
import { NewDecision, NewResponse } from './decideschemas.ts';
import { IdentitySettings, NewLink, NewMerge, NewUnmerge } from './identityschemas.ts';
import { NewCommand, NewInstance } from './instanceschemas.ts';
import { DefinitionCheck } from './journeyschemas.ts';
import { NewKey, NewQuota, NewRetention, NewToken, NewWorkspace } from './schemas.ts';
import { sentenceOf } from './sentence.ts';
import { NewAnswer, NewMessage, NewVisitor } from './tagschemas.ts';
import { ReplayWish } from './taxonomyschemas.ts';
import { NewRotation, NewWebhook } from './webhookschemas.ts';

/**
 * The schemas are ours: that they are schemas is looked at by a test, not at every start. `verbose`, for
 * errors then know the rule that was broken.
 */
const ajv = new Ajv({ strict: true, validateSchema: false, verbose: true });

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
    throw new AppError('invalid', sentenceOf(validate.errors ?? []));
  };
}
