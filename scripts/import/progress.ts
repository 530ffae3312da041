/** Shows how an import is getting on: a bar on a terminal, otherwise a line every few seconds. */
import progress from 'cli-progress';
import type { Clock } from '../../src/std/clock.ts';
import { grouped } from './report.ts';

export interface Display {
  update(bytesRead: number, events: number): void;
  /** Says something without disturbing the bar. */
  note(text: string): void;
  stop(): void;
}

const linePeriodMs = 5_000;

/** Opens the display that suits standard error. `bytesTotal` is undefined for standard input. */
export function openDisplay(clock: Clock, bytesTotal: number | undefined): Display {
  return process.stderr.isTTY && bytesTotal !== undefined
    ? openBar(clock, bytesTotal)
    : openLines(clock, bytesTotal);
}

function openBar(clock: Clock, bytesTotal: number): Display {
  const startMs = clock.monotonicMs();
  const bar = new progress.SingleBar({
    stream: process.stderr,
    hideCursor: true,
    fps: 5,
    clearOnComplete: true,
    format: (options, params, payload: { events?: number }) => {
      const events = payload.events ?? 0;
      const seconds = (clock.monotonicMs() - startMs) / 1000;
      const rate = seconds > 0 ? Math.round(events / seconds) : 0;
      const picture = progress.Format.BarFormat(params.progress, options);
      const percent = Math.floor(params.progress * 100);
      return `${picture} ${percent}%  ${grouped(events)} events  ${grouped(rate)}/s`;
    },
  });
  bar.start(Math.max(1, bytesTotal), 0, { events: 0 });
  return {
    update: (bytesRead, events) => bar.update(bytesRead, { events }),
    note(text) {
      process.stderr.write(`\r\u001b[K${text}\n`);
    },
    stop: () => bar.stop(),
  };
}

function openLines(clock: Clock, bytesTotal: number | undefined): Display {
  const startMs = clock.monotonicMs();
  let saidMs = startMs;
  const note = (text: string): void => void process.stderr.write(`${text}\n`);
  return {
    update(bytesRead, events) {
      const nowMs = clock.monotonicMs();
      if (nowMs - saidMs < linePeriodMs) return;
      saidMs = nowMs;
      const rate = Math.round((events * 1000) / (nowMs - startMs));
      const share = bytesTotal ? `${Math.floor((bytesRead / bytesTotal) * 100)}%, ` : '';
      note(`${share}${grouped(events)} events, ${grouped(rate)}/s`);
    },
    note,
    stop: () => undefined,
  };
}
