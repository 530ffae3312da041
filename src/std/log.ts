/**
 * The process's own log: one JSON object a line on standard error. Never log a credential, a
 * payload or a customer's identity.
 */

export type LogLevel = 'info' | 'warn' | 'error';

export interface Log {
  info(message: string, facts?: Record<string, unknown>): void;
  warn(message: string, facts?: Record<string, unknown>): void;
  error(message: string, facts?: Record<string, unknown>): void;
}

/** A log whose every line carries `facts` (such as the thread's name). */
export function openLog(now: () => number, facts: Record<string, unknown> = {}): Log {
  const write = (level: LogLevel, message: string, more: Record<string, unknown> = {}): void => {
    const line = { time: new Date(now()).toISOString(), level, message, ...facts, ...more };
    process.stderr.write(`${JSON.stringify(line)}\n`);
  };
  return {
    info: (message, more) => write('info', message, more),
    warn: (message, more) => write('warn', message, more),
    error: (message, more) => write('error', message, more),
  };
}
