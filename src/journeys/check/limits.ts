/** How large a map or a rule may be, and each of its parts; durations are written as in definitions. */

/** Of the JSON text of one map or rule, as UTF-8. */
export const definitionBytesMax = 64 * 1024;
/** Objects and lists within each other. */
export const definitionDepthMax = 32;
/** Of the regular expressions (`matches`) in all conditions together; a letter is one or two. */
export const patternInstructionsMax = 4000;
export const titleCharactersMax = 256;
export const descriptionCharactersMax = 2048;
/** Of stages, steps, milestones, waits, measures, skills, context members. */
export const partNameBytesMax = 128;
/** Audiences are asked for as `audience.name`. */
export const audienceNameCharactersMax = 64;
export const pathCharactersMax = 512;
export const reasonBytesMax = 128;

export const stagesMax = 50;
/** Over all stages of a map. */
export const stepsMax = 200;
/** In one list: `entry`, `on`, `completed`, `goal`. */
export const triggersMax = 20;
export const waitsMax = 10;
export const milestonesMax = 100;
export const exitsMax = 20;
export const contextMembersMax = 50;
export const audiencesMax = 20;
export const kpisMax = 20;
/** In one list of actions. */
export const actionsMax = 10;
export const instancesMaxMax = 100;

export const waitMin = '1s';
export const waitMax = '366d';
export const expiresAfterMin = '1m';
export const expiresAfterMax = '366d';
export const latenessMin = '1s';
export const latenessMax = '366d';
export const reentryWaitMax = '366d';

export const milesMax = 12_500;
export const suppressionsMax = 20;
export const capsMax = 20;
export const capTimesMax = 500;
export const contextWeightsMax = 20;
export const perInstanceMaxMax = 1000;
export const priorityMax = 1000;
export const valueMax = 1_000_000;
export const percentMax = 1000;
export const cooldownMax = '366d';

export const offerTtlMin = '1s';
export const offerTtlMax = '7d';
export const agentTtlMin = '10s';
export const reserveForMin = '1s';
export const reserveForMax = '10m';
export const skillsMax = 20;
export const skillWeightMax = 1000;
export const skillLevelMax = 10;
export const ringsMax = 10;
export const meetingCharactersMax = 2048;
