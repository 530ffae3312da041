/** The lender: an upload fails on iOS. Marketing is held back, the customer is told, and told again when it works. */
import type { Stage } from '../stage.ts';
import type { Story } from './story.ts';

const map = {
  title: 'Mortgage application',
  entry: [{ event: 'Application Started' }],
  stages: [
    {
      name: 'Papers',
      steps: [
        { name: 'Apply' },
        {
          name: 'Upload',
          on: [{ event: 'Upload Started' }],
          completed: [{ event: 'Upload Finished' }],
        },
      ],
    },
  ],
  goal: [{ event: 'Application Sent' }],
};

const trouble = {
  uploadTrouble: {
    all: [
      { performed: 'Upload Failed', where: "event.data.os == 'iOS'", within: '7d' },
      { not: { sequence: ['Upload Failed', 'Upload Finished'], within: '7d' } },
    ],
  },
};

const rules: Readonly<Record<string, object>> = {
  'demo-upload-notice': {
    title: 'Tell who met the fault, once a day',
    journey: 'demo-mortgage',
    when: { event: 'Upload Failed', where: "event.data.os == 'iOS'" },
    cooldown: '1d',
    then: [
      {
        do: 'notify',
        data: {
          title: 'We are on it',
          text: 'Uploads from iPhones fail at the moment. We keep your place.',
        },
      },
    ],
  },
  'demo-refinance': {
    title: 'Marketing, not while something is broken',
    when: { event: 'Page View', where: "event.data.page == 'rates'" },
    audiences: trouble,
    suppressedBy: ['uploadTrouble'],
    category: 'marketing',
    then: [{ do: 'page', data: { title: 'Refinance at 4.9 %' } }],
  },
};

async function play(stage: Stage): Promise<void> {
  await stage.publish('demo-mortgage', map);
  for (const [name, rule] of Object.entries(rules)) await stage.put(`/v1/rules/${name}`, rule);
  const browser = await stage.browser();
  const customer = `demo-borrower-${stage.run}`;
  await stage.ask('POST', '/v1/events', { customer, type: 'Login', previous: browser.visitor });
  await stage.happens(customer, 'Application Started');
  await stage.happens(customer, 'Upload Started', { os: 'iOS' }, 'app');
  await stage.happens(customer, 'Upload Failed', { os: 'iOS', error: 'HEIC' }, 'app');
  stage.tell('customer', 'applies for a mortgage; the upload of a payslip fails on an iPhone');
  const notice = await browser.next();
  stage.tell('page', `says “${notice.data['title']}: ${notice.data['text']}”`);
  await stage.happens(customer, 'Page View', { page: 'rates' });
  stage.tell('customer', 'looks at the rates');
  stage.tell(
    'server',
    `decides about the refinance offer: ${await stage.verdict(customer, 'demo-refinance')}`,
  );
  await stage.happens(customer, 'Upload Finished', { os: 'iOS' }, 'app');
  await stage.happens(customer, 'Page View', { page: 'rates' });
  stage.tell('customer', 'uploads after the fix, and looks at the rates again');
  const offer = await browser.next();
  stage.tell('page', `shows “${offer.data['title']}”: nothing is in the way any more`);
}

export const mortgage: Story = {
  about: 'an upload fails on iOS: marketing is suppressed, the customer is told',
  play,
};
