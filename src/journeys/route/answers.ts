/** What fronts are answered about agents, desks and offers. */
import type { Clock } from '../../std/clock.ts';
import type { Answerer, EngineAnswer } from '../engine/asks.ts';
import type { AgentMessage, AnswerWish, RouteAsks, ShownOffer } from './asks.ts';
import type { Move, Offer } from './board.ts';
import type { Office } from './office.ts';
import type { Seat } from './roster.ts';
import { meetingOf } from './said.ts';
import { shownAgent, shownPresence } from './shown.ts';

export interface AnswerParts {
  readonly clock: Clock;
  office(workspace: number): Office;
  /** What was changed is durable when it resolves. @throws AppError unavailable. */
  flush(): Promise<void>;
  /** Somebody may get an offer now, or lose one. */
  touched(): void;
  tell(office: Office, seat: Seat, message: AgentMessage): void;
  /** Resolves when it counts. @throws AppError. */
  say(office: Office, move: Move): Promise<void>;
  /** Resolves when what is being said of an offer has been read back, whatever came of it; undefined: nothing is. */
  saying(office: Office, offer: string): Promise<void> | undefined;
  shown(office: Office, seat: Seat, offer: Offer): ShownOffer;
  /** The link of an offer, as it was decided. */
  meetingTemplate(office: Office, offer: Offer): unknown;
}

export function answererOf(parts: AnswerParts): Answerer<keyof RouteAsks> {
  const now = (): number => parts.clock.now();
  /** Answers when the change is durable, and lets the board look at it. */
  const changed = async <Answer>(answer: () => Answer): Promise<Answer> => {
    parts.touched();
    await parts.flush();
    return answer();
  };
  return {
    agent: ({ agent, workspace }) => shownAgent(parts.office(workspace).seat(agent), now()),
    agents({ afterId, limit, workspace }) {
      const agents = parts.office(workspace).agents(afterId, limit + 1, now());
      const next = agents.length > limit ? agents[limit - 1]!.id : null;
      return { agents: agents.slice(0, limit), next };
    },
    putAgent({ agent, definition, workspace }) {
      const { created, seat } = parts.office(workspace).putAgent(agent, definition);
      return changed(() => ({ agent: shownAgent(seat, now()), created }));
    },
    deleteAgent({ agent, workspace }) {
      const office = parts.office(workspace);
      const seat = office.seat(agent);
      office.deleteAgent(agent);
      parts.tell(office, seat, { type: 'deleted' });
      return changed(() => ({}));
    },
    desk: ({ desk, workspace }) => parts.office(workspace).desk(desk),
    desks: ({ workspace }) => ({ desks: parts.office(workspace).desks() }),
    putDesk({ definition, desk, workspace }) {
      const office = parts.office(workspace);
      const { created } = office.putDesk(desk, definition);
      return changed(() => ({ desk: office.desk(desk), created }));
    },
    deleteDesk({ desk, workspace }) {
      parts.office(workspace).deleteDesk(desk);
      return changed(() => ({}));
    },
    presence({ agent, wish, workspace }) {
      const office = parts.office(workspace);
      const seat = office.present(agent, wish, now());
      parts.tell(office, seat, { type: 'presence', presence: shownPresence(seat, now()) });
      return changed(() => shownAgent(seat, now()));
    },
    connection({ agent, connection, open, workspace }) {
      parts.office(workspace).connect(agent, connection, open, now());
      parts.touched();
      return {};
    },
    offers: ({ agent, workspace }) => offersOf(parts, parts.office(workspace), agent),
    answerOffer: (wish) => answerOffer(parts, wish),
  };
}

/** What an agent has to answer or to complete, oldest first; what is not read back yet it does not have. */
function offersOf(parts: AnswerParts, office: Office, id: string): EngineAnswer<'offers'> {
  const seat = office.seat(id);
  const offers = office.board
    .offersOf(seat)
    .filter(({ state }) => state.agent === id)
    .sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1))
    .map((offer) => parts.shown(office, seat, offer));
  return { agent: shownAgent(seat, parts.clock.now()), offers };
}

async function answerOffer(
  parts: AnswerParts,
  { agent, change, offer: id, outcome, workspace }: AnswerWish,
): Promise<EngineAnswer<'answerOffer'>> {
  const office = parts.office(workspace);
  office.seat(agent);
  // Whoever reads the tape may know that an offer is an agent's before it was read back here.
  for (let said = parts.saying(office, id); said !== undefined; said = parts.saying(office, id)) {
    await said;
  }
  const seat = office.seat(agent);
  const shown = (): EngineAnswer<'answerOffer'> => {
    const offer = office.board.offer(id);
    return offer?.state.agent === agent ? { offer: parts.shown(office, seat, offer) } : {};
  };
  const before = office.board.offer(id);
  if (before !== undefined && isAnswered(before, agent, change)) return shown();
  const meeting =
    before === undefined || change !== 'accepted'
      ? undefined
      : meetingOf(parts.meetingTemplate(office, before), agent, seat.definition);
  const said = {
    change,
    ...(meeting !== undefined && { meeting, agentName: seat.definition.name }),
    ...(outcome !== undefined && { outcome }),
  };
  await parts.say(office, office.board.answer(id, agent, said, parts.clock.now()));
  return shown();
}

/** The same answer again: its sender may not have heard that it was taken. */
function isAnswered({ state }: Offer, agent: string, change: AnswerWish['change']): boolean {
  if (change === 'accepted') return state.state === 'accepted' && state.agent === agent;
  return change === 'declined' && state.agent !== agent && state.passed.includes(agent);
}
