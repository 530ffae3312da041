/** The telecom: a device was shipped and never activated, so there is help instead of an accessory offer. */
import type { Stage } from '../stage.ts';
import type { Story } from './story.ts';

function rules(silentSeconds: number): Readonly<Record<string, object>> {
  return {
    'demo-activation-help': {
      title: 'Help who does not get the device to work',
      when: {
        after: { event: 'Device Delivered' },
        without: { event: 'Device Activated' },
        within: `${silentSeconds}s`,
      },
      then: [
        {
          do: 'page',
          data: { title: 'Need a hand?', text: 'We set it up with you in five minutes.' },
        },
      ],
    },
    'demo-accessory': {
      title: 'A case for the new device, once it is in use',
      when: { event: 'Page View', where: "event.data.page == 'shop'" },
      audiences: {
        notActivated: {
          all: [{ performed: 'Device Delivered' }, { notPerformed: 'Device Activated' }],
        },
      },
      suppressedBy: ['notActivated'],
      category: 'marketing',
      then: [{ do: 'page', data: { title: 'A case for your new phone' } }],
    },
  };
}

async function play(stage: Stage): Promise<void> {
  for (const [name, rule] of Object.entries(rules(stage.silentSeconds))) {
    await stage.put(`/v1/rules/${name}`, rule);
  }
  const browser = await stage.browser();
  const customer = `demo-subscriber-${stage.run}`;
  await stage.ask('POST', '/v1/events', { customer, type: 'Login', previous: browser.visitor });
  await stage.happens(customer, 'Device Delivered', { device: 'phone' }, 'store');
  stage.tell('customer', 'gets a phone by post, and does not activate it');
  await stage.happens(customer, 'Page View', { page: 'shop' });
  stage.tell('customer', 'looks around the shop');
  stage.tell(
    'server',
    `decides about the accessory offer: ${await stage.verdict(customer, 'demo-accessory')}`,
  );
  const help = await browser.next();
  stage.tell(
    'page',
    `asks “${help.data['title']} ${help.data['text']}” after ${stage.silentSeconds} s (days, in earnest)`,
  );
  await stage.happens(customer, 'Device Activated', { device: 'phone' }, 'app');
  await stage.happens(customer, 'Page View', { page: 'shop' });
  stage.tell('customer', 'activates it with that help, and is in the shop again');
  const offer = await browser.next();
  stage.tell('page', `shows “${offer.data['title']}”: now it is wanted`);
}

export const telecom: Story = {
  about: 'a device was never activated: help instead of an accessory offer',
  play,
};
