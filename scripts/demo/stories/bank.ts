/** The bank: a checking customer who has looked at car loans calls, and reaches somebody who knows car loans. */
import type { Stage } from '../stage.ts';
import type { Story } from './story.ts';

const map = {
  title: 'Banking day by day',
  entry: [{ event: 'Login' }],
  context: { interest: 'topic' },
  stages: [
    {
      name: 'Bank',
      steps: [
        { name: 'Browse', on: [{ event: 'Page View' }] },
        { name: 'Call', on: [{ event: 'Call', channel: 'ivr' }] },
      ],
    },
  ],
  goal: [{ event: 'Call Ended' }],
};

const rule = {
  title: 'Whoever calls reaches who knows what they looked at',
  journey: 'demo-banking',
  when: { instance: 'step', name: 'Call' },
  then: [
    {
      do: 'agent',
      kind: 'offer',
      title: 'A checking customer calls',
      skills: [
        { skill: 'demo-banking', level: 1 },
        { context: 'interest', weight: 10 },
      ],
      bypass: true,
      data: { interest: '${instance.context.interest}' },
    },
  ],
};

async function play(stage: Stage): Promise<void> {
  await stage.publish('demo-banking', map);
  await stage.put('/v1/rules/demo-ensemble', rule);
  const eve = await stage.agent('demo-eve', { name: 'Eve Hill', skills: { 'demo-banking': 9 } });
  const joe = await stage.agent('demo-joe', {
    name: 'Joe Park',
    skills: { 'demo-banking': 4, 'auto-loans': 8 },
  });
  stage.tell('agents', 'Eve knows banking best; Joe knows banking, and car loans');
  const customer = `demo-checking-${stage.run}`;
  await stage.happens(customer, 'Login', { account: 'checking' });
  await stage.happens(customer, 'Page View', { topic: 'auto-loans' });
  stage.tell('customer', 'logs in to a checking account and reads about car loans');
  await stage.happens(customer, 'Call', {}, 'ivr');
  stage.tell('customer', 'calls');
  const offer = await joe.offer();
  stage.tell('Joe', `is offered “${offer.title}”: the caller goes past the menu to him`);
  await joe.accept(offer);
  stage.tell('Joe', 'accepts');
  await stage.happens(customer, 'Call Ended', {}, 'voice');
  await joe.complete(offer, 'loan application sent');
  const said = await stage.event(
    customer,
    'tapeline.offer',
    ({ data }) => data?.['change'] === 'completed',
  );
  stage.tell(
    'server',
    `has it on the tape: ${said.data?.['agent']} completed it, “${said.data?.['outcome']}”`,
  );
  for (const agent of [eve, joe]) await agent.leave();
}

export const bank: Story = {
  about: 'a checking customer who read about car loans reaches an agent who knows them',
  play,
};
