/** Faults that tests switch on by the environment, to stop a process where nothing else could; off otherwise. */

/** What events say of identities is never written: they are durable, and have no receipt. */
export const holdsLinks = process.env['TAPELINE_FAULT_HOLD_LINKS'] === '1';
