import { base, check, field, signOut, whoami, withBrowser } from '../browser.mjs';

const provider = process.env.PROVIDER_URL;
const front = process.env.FRONT_URL; // sends people on to the provider
const id = process.env.ORGANIZATION;
const email = 'test-user2@zitadel.ch';

async function atProvider(page) {
  await page.waitForURL((url) => url.href.startsWith(provider));
  await page.locator('input[name=username]').fill('test-user2');
  await page.locator('input[name=password]').fill('verysecure');
  await page.locator('button[type=submit]').click();
}

async function isMember(page, context) {
  await signOut(page).waitFor();
  check((await whoami(context)).email === email, 'the account is not that of the provider');
  await signOut(page).click();
}

// Somebody comes in through the connection of their organization: by a link to it, and
// by their address. Nobody else sees the connection.
export const organization = () => withBrowser({ beyond: [provider, front] }, async (page, context) => {
  await page.goto(`${base}/login`);
  check(await page.locator('button[name=provider]').count() === 0, 'the connection is offered to everybody');

  await page.goto(`${base}/login?organization=${id}`);
  await page.locator('button[name=provider][value=acme]').click();
  await atProvider(page);
  await isMember(page, context);

  await page.goto(`${base}/login`);
  await field(page, 'identifier').fill(email);
  await page.locator('button[name=method][value=identifier_first]').click();
  await atProvider(page);
  await isMember(page, context);

  await page.goto(`${base}/registration?organization=${id}`);
  check(await field(page, 'password').count() === 0, 'a member can sign up with a password');
  await page.locator('button[name=provider][value=acme]').click();
  await atProvider(page);
  await isMember(page, context);
});
