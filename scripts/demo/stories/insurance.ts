/**
 * The insurer: a customer quotes online, stalls at the price, and the nearest licensed agent has them walk in.
 *
 *     step 4, silent ─▶ walk-in offer ─▶ nearest licensed agent accepts ─▶ link to both ─▶ outcome reported
 */
import type { Stage } from '../stage.ts';
import { milesText, type Story } from './story.ts';

export const home = { latitude: 37.7793, longitude: -122.4193 };
const skill = 'demo-insurance-licence';

export const quoteMap = {
  title: 'Online quote',
  entry: [{ event: 'Quote Started' }],
  stages: [
    {
      name: 'Details',
      steps: [
        { name: 'Start' },
        { name: 'Vehicle', on: [{ event: 'Vehicle Entered' }] },
        { name: 'Driver', on: [{ event: 'Driver Entered' }] },
      ],
    },
    { name: 'Offer', steps: [{ name: 'Price', on: [{ event: 'Price Shown' }] }] },
  ],
  goal: [{ event: 'Policy Bought' }],
  context: { vehicle: 'vehicle', price: 'price' },
};

export function walkInRule(silentSeconds: number): object {
  return {
    title: 'Walk-in for who stalls at the price',
    journey: 'demo-quote',
    when: { beyondStep: 3, silentFor: `${silentSeconds}s` },
    within: { miles: 25 },
    perInstanceMax: 1,
    then: [
      {
        do: 'agent',
        kind: 'walkIn',
        title: 'Quote for a ${instance.context.vehicle} for ${instance.context.price} dollars',
        skills: [{ skill, level: 5 }],
        rings: [
          { after: '0s', miles: 5 },
          { after: '20s', miles: 25 },
        ],
        reserveFor: '1m',
        view: 'demo-quote',
        meeting: 'https://meet.example/${decision.id}?with=${agent.name}',
      },
      {
        do: 'page',
        data: {
          title: 'Shall we go through it together?',
          text: 'An agent near you has time now.',
        },
        ttl: '10m',
      },
    ],
  };
}

export const agents = {
  ann: {
    name: 'Ann Lee',
    skills: { [skill]: 7 },
    place: { latitude: 37.7849, longitude: -122.4712 },
  },
  bob: {
    name: 'Bob Ray',
    skills: { [skill]: 9 },
    place: { latitude: 37.8715, longitude: -122.273 },
  },
  cam: { name: 'Cam Fox', skills: {}, place: { latitude: 37.7799, longitude: -122.42 } },
};

/** The view, the map and the rule. */
export async function prepare(stage: Stage): Promise<void> {
  await stage.put('/v1/views/demo-quote', {
    fields: [
      { name: 'Vehicle', event: 'Vehicle Entered', attribute: 'vehicle', type: 'last' },
      { name: 'Price', event: 'Price Shown', attribute: 'price', type: 'last' },
    ],
  });
  await stage.publish('demo-quote', quoteMap);
  await stage.put('/v1/rules/demo-walk-in', walkInRule(stage.silentSeconds));
}

/** Up to the step at which they stall. */
export async function quote(stage: Stage, customer: string): Promise<void> {
  await stage.happens(customer, 'Quote Started', home);
  await stage.happens(customer, 'Vehicle Entered', { vehicle: 'Honda Civic' });
  await stage.happens(customer, 'Driver Entered', { age: 34 });
  await stage.happens(customer, 'Price Shown', { price: 840 });
}

async function play(stage: Stage): Promise<void> {
  await prepare(stage);
  const ann = await stage.agent('demo-ann', agents.ann);
  const others = [
    await stage.agent('demo-bob', agents.bob),
    await stage.agent('demo-cam', agents.cam),
  ];
  stage.tell(
    'agents',
    'Ann (licensed, 3 miles), Bob (licensed, 10 miles) and Cam (no licence, next door) are available',
  );
  const browser = await stage.browser();
  const customer = `demo-driver-${stage.run}`;
  await stage.ask('POST', '/v1/events', { customer, type: 'Login', previous: browser.visitor });
  await quote(stage, customer);
  stage.tell(
    'customer',
    'quotes online: vehicle, driver, and sees the price, step 4. Then nothing.',
  );
  const page = await browser.next();
  stage.tell('page', `shows “${page.data['title']}” after ${stage.silentSeconds} s of silence`);
  const offer = await ann.offer();
  const { journey } = offer;
  stage.tell(
    'Ann',
    `is offered “${offer.title}”, ${milesText(offer.distanceMiles)}; the customer is at step ${journey?.step} (${journey?.stepName})`,
  );
  const fields = offer.view?.fields.map(({ name, value }) => `${name}: ${String(value)}`);
  stage.tell('Ann', `sees the view: ${fields?.join(', ')}`);
  const { meeting } = await ann.accept(offer);
  stage.tell('Ann', `accepts, and meets at ${meeting}`);
  const invitation = await browser.next();
  if (invitation.data['meeting'] !== meeting) throw new Error('both sides have one link');
  stage.tell('page', `invites to ${invitation.data['meeting']} with ${invitation.data['text']}`);
  await stage.happens(customer, 'Policy Bought', { price: 820 }, 'store');
  await ann.complete(offer, 'policy sold');
  const done = await stage.event(
    customer,
    'tapeline.delivery',
    ({ data }) => data?.['detail'] === 'policy sold',
  );
  stage.tell(
    'server',
    `has it on the tape: ${done.data?.['outcome']}, outcome “${done.data?.['detail']}”`,
  );
  for (const agent of [ann, ...others]) await agent.leave();
}

export const insurance: Story = {
  about: 'a quote stalls at the price; the nearest licensed agent takes the walk-in',
  play,
};
