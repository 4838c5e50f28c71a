import { base, check, signOut, whoami, withBrowser } from '../browser.mjs';

const email = 'grace@example.org';
const password = 'moths do not belong in relays';

// The same without a mouse: every control is reached, in a sensible order.
export const keyboard = () => withBrowser({}, async (page, context) => {
  const keys = page.keyboard;
  const focused = async (name) => {
    const got = await page.locator(':focus').getAttribute('name');
    check(got === name, `the focus is on ${got}, want ${name}`);
    await visible();
  };
  const visible = async () => {
    const outline = await page.locator(':focus').evaluate((e) => getComputedStyle(e).outlineStyle);
    check(outline !== 'none', `the focus cannot be seen on ${await page.locator(':focus').evaluate((e) => e.outerHTML)}`);
  };
  const tabTo = async (selector) => {
    for (let i = 0; i < 20; i++) {
      if ((await page.locator(`${selector}:focus`).count()) > 0) return visible();
      await keys.press('Tab');
    }
    check(false, `${selector} cannot be reached`);
  };

  await page.goto(`${base}/`);
  await tabTo('a[href*="/self-service/registration/browser"]');
  await keys.press('Enter');
  await page.waitForURL(/registration\?flow=/);

  await focused('traits.email');
  await keys.type(email);
  await keys.press('Tab');
  await focused('password');
  await keys.type(password);
  await tabTo('button[name=method]');
  await keys.press('Space');
  await signOut(page).waitFor();

  await tabTo('form.sign-out button');
  await keys.press('Enter');
  await tabTo('a[href*="/self-service/login/browser"]');
  await keys.press('Enter');
  await page.waitForURL(/login\?flow=/);

  await focused('identifier');
  await keys.type(email);
  await keys.press('Tab');
  await focused('password');
  await keys.type(password);
  await keys.press('Enter'); // the primary button answers to it
  await signOut(page).waitFor();
  check((await whoami(context)).email === email, 'nobody was signed in');
});
