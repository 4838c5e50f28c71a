import { base, check, whoami, withBrowser } from '../browser.mjs';

const email = 'mary@example.org';
const functions = [
  'oryWebAuthnLogin', 'oryWebAuthnRegistration', 'oryPasskeyLogin', 'oryPasskeyLoginAutocompleteInit',
  'oryPasskeyRegistration', 'oryPasskeySettingsRegistration',
];

const quoted = (value) => String(value).replace(/&/g, '&amp;').replace(/"/g, '&quot;');

// drawn is a form as pages draw it that were made for Kratos: each node as it comes,
// with the handlers that its attributes name, and the script.
function drawn({ ui }) {
  const nodes = ui.nodes.map(({ attributes: a }) => {
    const given = (names) => names.filter((n) => a[n] !== undefined).map((n) => `${n}="${quoted(a[n])}"`).join(' ');
    switch (a.node_type) {
      case 'script': return `<script ${given(['src', 'integrity', 'crossorigin', 'referrerpolicy', 'async', 'type'])}></script>`;
      case 'input': return `<input ${given(['name', 'type', 'value', 'onclick'])}>`;
      default: return '';
    }
  });
  return `<!doctype html><meta charset="utf-8"><title>own</title><form action="${quoted(ui.action)}" method="${ui.method}">${nodes.join('')}</form>`;
}

// Somebody uses keys on pages that are not ours, which call the functions of the
// script by their names.
export const ownpages = () => withBrowser({ javaScriptEnabled: true }, async (page, context) => {
  const devices = await context.newCDPSession(page);
  await devices.send('WebAuthn.enable');
  const plugIn = async (transport) => (await devices.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', transport, hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
  })).authenticatorId;

  // open begins a journey and shows its form on a page of our own making.
  const open = async (kind, query = '') => {
    await page.goto('about:blank');
    const begun = await context.request.get(`${base}/self-service/${kind}/browser${query}`, { headers: { accept: 'application/json' } });
    check(begun.ok(), `${kind} cannot be begun: ${begun.status()} ${await begun.text()}`);
    const html = drawn(await begun.json());
    await page.route(`${base}/own-${kind}`, (route) => route.fulfill({ contentType: 'text/html', body: html }));
    await page.goto(`${base}/own-${kind}`);
    await page.waitForFunction(() => window.__oryWebAuthnInitialized === true);
    await page.unroute(`${base}/own-${kind}`);
  };
  // press presses a button and waits until the form was sent.
  const press = (name) => Promise.all([
    page.waitForURL((url) => !url.pathname.startsWith('/own-')),
    page.locator(`[name="${name}"]`).first().click(),
  ]);
  const level = async () => (await (await context.request.get(`${base}/sessions/whoami`)).json()).authenticator_assurance_level;

  const laptop = await plugIn('internal');
  await open('registration');
  const missing = await page.evaluate((names) => names.filter((n) => typeof window[n] !== 'function' || window[`__${n}`] !== window[n]), functions);
  check(missing.length === 0, `the script lacks ${missing}`);
  await page.locator('[name="traits.email"]').fill(email);
  await press('passkey_register_trigger');
  check((await whoami(context)).email === email, 'the passkey did not sign anybody up');

  await devices.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId: laptop });
  await plugIn('usb'); // another one, which may have a passkey beside the first
  await open('settings');
  await press('passkey_register_trigger');
  await open('settings');
  check((await page.locator('[name="passkey_remove"]').count()) === 2, 'the settings did not add a passkey');

  await page.locator('[name="webauthn_register_displayname"]').fill('blue one');
  await press('webauthn_register_trigger');
  check((await level()) === 'aal2', 'the security key is no second factor');

  await context.clearCookies();
  await open('login');
  await press('passkey_login_trigger');
  check((await whoami(context)).status === 403, 'one factor is enough for an account with two');
  await open('login', '?aal=aal2');
  await press('webauthn_login_trigger');
  check((await level()) === 'aal2', 'the security key did not count');
});
