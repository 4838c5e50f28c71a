import { base, check, field, signOut, whoami, withBrowser } from '../browser.mjs';

const email = 'grace@example.org';
const button = (page, name) => page.locator(`button[name="${name}"]`);

// Somebody signs up with a passkey, signs in with it, and adds a security key as a
// second factor. The authenticator is Chromium's own, in software.
export const keys = () => withBrowser({ javaScriptEnabled: true }, async (page, context) => {
  const devices = await context.newCDPSession(page);
  await devices.send('WebAuthn.enable');
  const { authenticatorId } = await devices.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2', transport: 'internal', hasResidentKey: true,
      hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true,
    },
  });
  const touches = (enabled) => devices.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId, enabled });

  await page.goto(`${base}/registration`);
  await field(page, 'traits.email').fill(email);
  await button(page, 'passkey_register_trigger').click();
  await signOut(page).waitFor();
  check((await whoami(context)).email === email, 'the passkey did not sign anybody up');
  const { credentials } = await devices.send('WebAuthn.getCredentials', { authenticatorId });
  check(credentials.length === 1 && credentials[0].isResidentCredential, 'the authenticator does not keep the passkey');

  await signOut(page).click();
  await page.locator('main a[href*="/self-service/login/browser"]').waitFor();
  await page.goto(`${base}/login`); // the browser suggests the passkey, and it is taken
  await signOut(page).waitFor();
  check((await whoami(context)).email === email, 'the suggested passkey did not sign anybody in');
  await signOut(page).click();
  await page.locator('main a[href*="/self-service/login/browser"]').waitFor();

  await touches(false); // it is suggested, and nobody takes it
  await page.goto(`${base}/login`);
  const offered = button(page, 'passkey_login_trigger');
  await offered.waitFor();
  check((await whoami(context)).status === 401, 'somebody was signed in without a touch');
  await touches(true);
  await offered.click();
  await signOut(page).waitFor();
  check((await whoami(context)).email === email, 'the passkey did not sign anybody in');

  await page.goto(`${base}/settings`);
  await field(page, 'webauthn_register_displayname').fill('blue one');
  await button(page, 'webauthn_register_trigger').click();
  await button(page, 'webauthn_remove').waitFor();
  const session = await (await context.request.get(`${base}/sessions/whoami`)).json();
  check(session.authenticator_assurance_level === 'aal2', 'the security key is no second factor');

  await page.goto(`${base}/`);
  await signOut(page).click();
  await page.goto(`${base}/login`); // the passkey is taken, and the key is asked for
  const second = button(page, 'webauthn_login_trigger');
  await second.waitFor();
  check((await whoami(context)).status === 403, 'one factor is enough for an account with two');
  await second.click();
  await page.waitForURL(`${base}/`);
  const again = await (await context.request.get(`${base}/sessions/whoami`)).json();
  check(again.authenticator_assurance_level === 'aal2', 'the security key did not count');

  await page.goto(`${base}/settings`);
  await button(page, 'webauthn_remove').click();
  await button(page, 'webauthn_remove').waitFor({ state: 'detached' });
});
