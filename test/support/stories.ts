/**
 * Stories of telecoms and banks, as maps and rules: what is offered, and above all what is not, at a moment
 * of a customer's life with a product.
 */
import type { JourneyMap, Rule } from '../../src/journeys/definition.ts';

/** A device that was shipped and is not activated gets help, and nobody is sold an accessory for it. */
export function deviceRules(within: string): Readonly<Record<string, Rule>> {
  const audiences = {
    notActivated: {
      all: [
        { performed: 'Device Shipped', within: '30d' },
        { not: { performed: 'Device Activated', within: '30d' } },
      ],
    },
  } as const;
  const when = { event: 'Page View', where: 'event.data.page == "shop"' } as const;
  return {
    'accessory offer': {
      ...{ when, audiences, suppressedBy: ['notActivated'], category: 'marketing' },
      ...{ propensity: 1, value: 10 },
      then: [{ do: 'event', type: 'Accessory Offered' }],
      channel: 'web',
    },
    'activation help': {
      ...{ when, audiences, if: 'audience.notActivated', category: 'service' },
      then: [{ do: 'event', type: 'Help Offered' }],
      channel: 'web',
    },
    'activation reminder': {
      when: {
        after: { event: 'Device Shipped' },
        without: { event: 'Device Activated' },
        within,
      },
      category: 'service',
      then: [{ do: 'event', type: 'Help Sent', data: { order: '${event.data.order}' } }],
    },
  };
}

/** Uploads fail on iOS: who has met it is asked for nothing, and is told when it has happened. */
export const uploadRules: Readonly<Record<string, Rule>> = {
  'rate us': {
    when: { event: 'Upload Finished' },
    audiences: {
      hasFailed: {
        performed: 'Upload Failed',
        where: 'event.data.os == "iOS"',
        within: '7d',
      },
    },
    suppressedBy: ['hasFailed'],
    category: 'marketing',
    channel: 'app',
    then: [{ do: 'event', type: 'Asked For A Rating' }],
  },
  'upload apology': {
    when: { event: 'Upload Failed', where: 'event.data.os == "iOS"' },
    cooldown: '1d',
    category: 'service',
    channel: 'app',
    then: [{ do: 'event', type: 'Apology Sent' }],
  },
};

export const supportMap: JourneyMap = {
  entry: [{ event: 'Ticket Opened' }],
  stages: [{ name: 'Support', steps: [{ name: 'Open' }] }],
  goal: [{ event: 'Ticket Closed' }],
};

/** No marketing while in a support journey. */
export const supportRules: Readonly<Record<string, Rule>> = {
  'spring sale': {
    when: { event: 'Login' },
    audiences: { inSupport: { journey: 'support', status: 'active' } },
    suppressedBy: ['inSupport'],
    category: 'marketing',
    channel: 'web',
    then: [{ do: 'event', type: 'Sale Shown' }],
  },
};

/** Called after a failed payment; called more than twice within three hours. */
export const callRules: Readonly<Record<string, Rule>> = {
  'payment rescue': {
    when: { audience: 'calledAfterFailure' },
    audiences: { calledAfterFailure: { sequence: ['Payment Failed', 'Call'], within: '1d' } },
    then: [{ do: 'event', type: 'Payment Rescue' }],
  },
  'frequent caller': {
    when: { audience: 'callsOften' },
    audiences: { callsOften: { performed: 'Call', times: 3, within: '3h' } },
    then: [{ do: 'event', type: 'Callback Arranged' }],
  },
};
