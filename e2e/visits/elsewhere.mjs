import { base, check, field, signOut, signUp, submit, whoami, withBrowser } from '../browser.mjs';

const provider = process.env.PROVIDER_URL;
const front = process.env.FRONT_URL; // sends people on to the provider

// atProvider signs in at the provider with the account that it comes with.
async function atProvider(page, username) {
  await page.waitForURL((url) => url.href.startsWith(provider));
  await page.locator('input[name=username]').fill(username);
  await page.locator('input[name=password]').fill('verysecure');
  await page.locator('button[type=submit]').click();
}

const choose = (page) => page.locator('button[name=provider][value=elsewhere]');

// Somebody signs up and in with an account elsewhere; somebody else connects one.
export const elsewhere = () => withBrowser({ beyond: [provider, front] }, async (page, context) => {
  await page.goto(`${base}/registration`);
  await choose(page).click();
  await atProvider(page, 'test-user2');
  await signOut(page).waitFor();
  check((await whoami(context)).email === 'test-user2@zitadel.ch', 'the account is not that of the provider');
  await signOut(page).click();
  await page.goto(`${base}/login`);
  await choose(page).click();
  await atProvider(page, 'test-user2');
  await signOut(page).waitFor();
  check((await whoami(context)).email === 'test-user2@zitadel.ch', 'signing in again ends somewhere else');
  await signOut(page).click();

  await signUp(page, 'ada@example.org', 'a hinge never forgets a door');
  await page.goto(`${base}/settings`);
  await page.locator('button[name=link][value=elsewhere]').click();
  await atProvider(page, `test-user@${new URL(provider).hostname}`);
  await page.locator('button[name=unlink][value=elsewhere]').waitFor();
  await page.goto(`${base}/`);
  await signOut(page).click();
  await page.goto(`${base}/login`);
  await choose(page).click();
  await atProvider(page, `test-user@${new URL(provider).hostname}`);
  await signOut(page).waitFor();
  check((await whoami(context)).email === 'ada@example.org', 'the connected account is not the one that was connected');

  await page.goto(`${base}/settings`);
  await page.locator('button[name=unlink][value=elsewhere]').click();
  await page.locator('button[name=link][value=elsewhere]').waitFor();
  await page.goto(`${base}/`);
  await signOut(page).click();
  await page.goto(`${base}/login`);
  await field(page, 'identifier').fill('ada@example.org');
  await field(page, 'password').fill('a hinge never forgets a door');
  await submit(page).click();
  await signOut(page).waitFor();
});
