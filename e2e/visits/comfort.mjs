import { request } from 'playwright-core';
import { base, check, field, signUp, submit, withBrowser } from '../browser.mjs';

const password = 'a hinge never forgets a door';

// refusedBy says whether the server finds fault with a password, as it tells an app.
async function refusedBy(email, one) {
  const app = await request.newContext();
  const flow = await (await app.get(`${base}/self-service/registration/api`)).json();
  const answer = await app.post(flow.ui.action, { data: { method: 'password', password: one, traits: { email } } });
  const body = await answer.json();
  await app.dispose();
  return (body.ui?.nodes ?? []).some((n) => n.attributes.name === 'password' && n.messages.length > 0);
}

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

  // The rules are the server's: it is asked about the same passwords.
  for (const one of ['short', 'seven77', 'marlene@', 'marlene1', 'Marlene@Example.Org', 'marlene@example.orgy', 'eight888', 'ééééé', 'enelramgro.elpmaxe', password]) {
    await secret.fill(one);
    const passes = (await rule('length')) === 'true' && (await rule('similar')) === 'true';
    const refused = await refusedBy('marlene@example.org', one);
    check(passes === !refused, `the page says ${passes} about ${one}, the server ${!refused}`);
  }
  await secret.fill(password);

  const caps = page.locator('[data-caps]');
  const hint = (on) => secret.evaluate((e, modifierCapsLock) => e.dispatchEvent(new KeyboardEvent('keyup', { key: 'A', modifierCapsLock })), on);
  await hint(true);
  check((await caps.textContent()) === (await caps.getAttribute('data-caps')), 'nothing says that Caps Lock is on');
  await hint(false);
  check((await caps.textContent()) === '', 'the hint stays when Caps Lock is off');

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
  await signUp(page, 'ilse@example.org', password);
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
