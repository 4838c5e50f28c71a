import { base, check, field, signUp, submit, withBrowser } from '../browser.mjs';

const password = 'a hinge never forgets a door';

// What the script adds: nothing that people need, everything that they like.
export const comfort = () => withBrowser({ javaScriptEnabled: true, locale: 'de', timezoneId: 'Asia/Tokyo' }, async (page, context) => {
  await page.goto(`${base}/registration`);
  const secret = field(page, 'password');
  const rule = (name) => page.locator(`[data-rule=${name}]`).getAttribute('data-kept');

  await field(page, 'traits.email').fill('marlene@example.org');
  await secret.fill('kurz');
  check((await rule('length')) === 'false', 'a short password passes');
  await secret.fill('marlene@example');
  check((await rule('length')) === 'true' && (await rule('similar')) === 'false', 'a password like the address passes');
  await secret.fill(password);
  check((await rule('length')) === 'true' && (await rule('similar')) === 'true', 'a good password does not pass');

  const peek = page.locator('.peek');
  await peek.click();
  check((await secret.getAttribute('type')) === 'text' && (await peek.getAttribute('aria-pressed')) === 'true', 'the password is not shown');
  await peek.click();
  check((await secret.getAttribute('type')) === 'password', 'the password is not hidden again');

  await page.reload();
  check((await field(page, 'traits.email').inputValue()) === 'marlene@example.org', 'a reload loses what was typed');
  check((await secret.inputValue()) === '', 'a reload brings the password back');
  const kept = await page.evaluate((p) => JSON.stringify(sessionStorage).includes(p), password);
  check(!kept, 'the password was kept');

  await context.clearCookies();
  await signUp(page, 'marlene@example.org', password);
  const time = page.locator('time[data-local]').first();
  const utc = new Date(await time.getAttribute('datetime'));
  const local = utc.toLocaleString('de', { dateStyle: 'medium', timeStyle: 'short', timeZone: 'Asia/Tokyo' });
  check((await time.innerText()) === local, `the time is not that of the person: ${await time.innerText()}, want ${local}`);

  // The language menu keeps the page.
  await page.locator('.languages summary').click();
  await page.locator('.languages a[hreflang=en]').click();
  check((await page.locator('html').getAttribute('lang')) === 'en', 'the menu does not change the language');
  await page.goto(`${base}/settings`);
  check((await page.locator('html').getAttribute('lang')) === 'en', 'the choice is forgotten');
});
