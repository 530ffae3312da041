/**
 * CJDS's journey widget at a desk, with nothing but its base URL changed: an agent takes a call, sees who it is
 * and what happened before, watches it go on, corrects the name, adds an alias and takes it away again.
 * Its first requests meet faults; it asks again by itself.
 */
import { noBrowser, openSite, type Page, withBrowser } from '../../test/support/browser.ts';
import type { Fault } from '../../test/support/faultproxy.ts';
import type { TestServer } from '../../test/support/server.ts';
import { ask, tape } from '../../test/support/session.ts';
import { Missing } from '../sdks/library.ts';
import type { Findings, Outcome } from './outcome.ts';
import { RestClient } from './rest.ts';
import { widgetVersion } from './widgetbuild.ts';

const shownMsMax = 30_000;

interface Desk {
  readonly server: TestServer;
  readonly page: Page;
  readonly client: RestClient;
  readonly findings: Findings;
  readonly phone: string;
  readonly email: string;
}

/** @param script of `widgetPage`. @throws Missing without a browser. */
export async function runWidget(server: TestServer, script: string): Promise<Outcome> {
  if (noBrowser !== false) throw new Missing(noBrowser);
  const key = await deskKey(server);
  const client = new RestClient(server.url, server.url, server.keys.admin);
  const digits = String(Date.now()).slice(-7);
  const [phone, email] = [`+1415${digits}`, `desk-${digits}@example.com`];
  await prepare(client, phone);
  const site = await openSite(
    (path) => (path === '/widget' ? script : '<!doctype html><script src="/widget"></script>'),
    '',
    (path) => (path === '/widget' ? 'text/javascript' : 'text/html'),
  );
  const met: Fault[] = [];
  let done: { changes: readonly boolean[]; twice: number };
  try {
    done = await withBrowser(async (browser) => {
      const page = await browser.newPage();
      await routeAll(page, [server.url, site.url], met);
      await page.goto(site.url);
      const desk = { server, page, client, findings: client.findings, phone, email };
      await openWidget(desk, key);
      await watch(desk);
      return change(desk);
    });
  } finally {
    site.close();
  }
  return {
    name: '`customer-journey-widget`',
    version: widgetVersion,
    sent: done.changes.length,
    stored: done.changes.filter((isThere) => isThere).length,
    twice: done.twice,
    met,
    resent: 0,
    problems: client.findings.problems,
  };
}

/** A key as an agent's desktop has it: it reads, and changes persons. */
async function deskKey(server: TestServer): Promise<string> {
  const body = { name: 'desk', scopes: ['read', 'write', 'admin'] };
  const { json } = await ask(server, '/v1/keys', { key: server.keys.admin, body });
  return (json as { key: string }).key;
}

async function prepare(client: RestClient, phone: string): Promise<void> {
  const contacts = {
    version: '0.1',
    event: 'task:new',
    metaDataType: 'string',
    metaData: 'origin',
    limit: 100,
    displayName: 'Contacts today',
    lookBackDurationType: 'hours',
    lookBackPeriod: 24,
    aggregationMode: 'Count',
    rules: null,
    widgetAttributes: { type: 'table' },
    verbose: true,
  };
  const body = { name: 'journey-default-template', attributes: [contacts] };
  await client.want('template', 201, '/admin/v1/api/profile-view-template/{W}', { body });
  const person = { firstName: 'Pat', lastName: 'Doe', phone: [phone] };
  await client.want('person', 201, '/admin/v1/api/person/{W}', { body: person });
  await publish(client, phone, 'call-1', 'task:new');
  await publish(client, phone, 'call-1-end', 'task:ended');
}

function publish(client: RestClient, phone: string, id: string, type: string): Promise<void> {
  return client.publish({
    id: `${id}-${phone}`,
    specversion: '1.0',
    type,
    source: 'wxcc',
    identity: phone,
    identitytype: 'phone',
    datacontenttype: 'application/json',
    data: { taskId: id, origin: phone, channelType: 'telephony', direction: 'INBOUND' },
  });
}

/** Nothing leaves this machine. The first request for events, aliases and the view meets a fault. */
async function routeAll(page: Page, here: readonly string[], met: Fault[]): Promise<void> {
  const faults: { path: RegExp; fault: Fault }[] = [
    { path: /\/v1\/api\/events\/workspace-id/, fault: 500 },
    { path: /\/aliases\//, fault: 429 },
    { path: /\/progressive-profile-view\/workspace-id/, fault: 'cut' },
  ];
  await page.route('**/*', async (route) => {
    const request = route.request();
    const url = request.url();
    if (!here.some((place) => url.startsWith(place))) {
      await route.abort();
      return;
    }
    const at = faults.findIndex(({ path }) => request.method() === 'GET' && path.test(url));
    const [found] = at < 0 ? [] : faults.splice(at, 1);
    if (found === undefined) await route.continue();
    else {
      met.push(found.fault);
      if (typeof found.fault === 'number') await route.fulfill({ status: found.fault });
      else await route.abort('connectionreset');
    }
  });
}

async function openWidget({ page, phone, server }: Desk, token: string): Promise<void> {
  const desk = JSON.stringify({ base: server.url, token, phone });
  await page.evaluate(`(({ base, phone, token }) => {
    const widget = document.createElement('customer-journey-widget');
    widget.setAttribute('base-url', base);
    widget.setAttribute('project-id', 'default');
    widget.bearerToken = token;
    widget.organizationId = 'acme';
    widget.interactionData = { contactDirection: 'INBOUND', ani: phone };
    document.body.append(widget);
  })(${desk})`);
}

const contactsOf = 'cjaas-profile >> text=';

/** Waits until something is on the page; a finding when it never is. */
async function shows({ findings, page }: Desk, what: string, selector: string): Promise<void> {
  try {
    await page.locator(selector).first().waitFor({ state: 'attached', timeout: shownMsMax });
  } catch {
    const shown = await page.locator('customer-journey-widget').textContent();
    findings.problems.push(
      `the widget never shows ${what}: ${JSON.stringify(shown?.slice(0, 400))}`,
    );
  }
}

/** What happened before, and what happens then. */
async function watch(desk: Desk): Promise<void> {
  const { client, phone } = desk;
  await shows(desk, 'the name', 'cjaas-profile >> text=Pat Doe');
  await shows(desk, 'the view', `${contactsOf}Contacts today`);
  await shows(desk, 'one contact', `${contactsOf}/^1$/`);
  await shows(desk, 'the alias', `cjaas-identity >> text=${phone}`);
  await shows(desk, 'the call', 'cjaas-timeline >> text=new call');
  await shows(desk, 'its end', 'cjaas-timeline >> text=ended call');
  await publish(client, phone, 'call-2', 'task:new');
  await shows(desk, 'the view as it changes', `${contactsOf}/^2$/`);
  await shows(desk, 'the event as it happens', 'cjaas-timeline >> text=new call >> nth=1');
}

/** @returns which of the changes are on the server. */
async function change(desk: Desk): Promise<{ changes: readonly boolean[]; twice: number }> {
  const { client, email, page, phone, server } = desk;
  const person = async (): Promise<{ lastName: string; email: readonly string[] }> =>
    (await client.call(`/admin/v1/api/person/{W}/aliases/${phone}`)).data[0];
  await page.locator('cjaas-profile md-button.edit-names-button').click();
  await page.locator('#last-name-input input').fill('Roe');
  await page.locator('cjaas-profile md-button.names-control-button').click();
  await shows(desk, 'the new name', 'cjaas-profile >> text=Pat Roe');
  const renamed = await person();
  await page.locator('cjaas-identity md-dropdown').click();
  await page.locator('cjaas-identity md-dropdown').getByText('Email', { exact: true }).click();
  await page.locator('#alias-input input').fill(email);
  await page.locator('cjaas-identity md-button').getByText('Add').click();
  await shows(desk, 'the new alias', `cjaas-identity >> text=${email}`);
  const added = await person();
  const row = `p.alias-type-value:has-text("${email}")`;
  await page.locator(`${row} + md-tooltip md-icon.alias-delete-icon`).click();
  const isGone = page.locator(`cjaas-identity >> text=${email}`);
  await isGone.waitFor({ state: 'detached', timeout: shownMsMax });
  const fewer = await person();
  const changes = [
    renamed.lastName === 'Roe',
    added.email.includes(email),
    !fewer.email.includes(email),
  ];
  const { events } = await tape(server, phone, 'limit=1000');
  // One when the person was made, and one for each change.
  const said = events.filter(({ type }) => type === 'tapeline.person').length;
  return { changes, twice: Math.max(0, said - 1 - changes.length) };
}
