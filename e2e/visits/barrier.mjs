import { join } from 'node:path';
import { accessible } from '../axe.mjs';
import { base, check, field, shots, signOut, signUp, submit, whoami, withBrowser } from '../browser.mjs';
import { fits } from './screens.mjs';

const password = 'a hinge never forgets a door';
const status = (page) => page.locator('.barrier [role=status]').first();
const answers = (page) => page.locator('[name="transient_payload.captcha_altcha_response"]');

const signIn = async (page, email, otherwise = password) => {
  await page.goto(`${base}/login`);
  await field(page, 'identifier').fill(email);
  await field(page, 'password').fill(otherwise);
  await submit(page).click();
};

// The barrier stands in front of every journey: whoever has JavaScript hardly notices,
// also who is faster than the work; everybody else is told what is missing.
export async function barrier() {
  for (const look of [
    { colorScheme: 'light', width: 390, locale: 'en' },
    { colorScheme: 'dark', width: 1280, locale: 'ar' },
  ]) {
    const { width, ...options } = look;
    const name = `${width}-${look.colorScheme}-${look.locale}`;
    const email = `${look.locale}@example.org`;
    await withBrowser({ ...options, javaScriptEnabled: true, viewport: { width, height: 800 } }, async (page, context) => {
      await signUp(page, email, password);
      await page.goto(`${base}/settings`);
      await page.locator('section').filter({ has: submit(page) }).locator('input[name=password]').fill(`${password} again`);
      await submit(page).click();
      await page.locator('main .note.success').first().waitFor();
      await page.goto(`${base}/`);
      await signOut(page).click();

      await signIn(page, email, 'something else');
      await page.locator('main [role=alert]').first().waitFor();
      check((await whoami(context)).status === 401, 'a wrong password signed somebody in');
      const before = await page.locator('main').boundingBox();
      const value = await answers(page).first().evaluate(async (input) => {
        for (let n = 0; n < 600 && !input.value; n++) await new Promise((r) => setTimeout(r, 50));
        return input.value;
      });
      check(JSON.parse(Buffer.from(value, 'base64').toString()).algorithm === 'SHA-256', 'there is no answer');
      check((await status(page).innerText()).length > 5, 'nobody is told what goes on');
      check((await page.locator('main').boundingBox()).height === before.height, 'the page jumps');
      await fits(page, `the barrier ${name}`, width);
      await page.screenshot({ path: join(shots, `barrier-${name}.png`), fullPage: true });
      await accessible(page, `the barrier ${name}`);

      await signIn(page, email, `${password} again`);
      await signOut(page).waitFor();
      check((await whoami(context)).email === email, 'nobody is signed in');
      await signOut(page).click();

      for (const journey of ['recovery', 'verification']) {
        await page.goto(`${base}/${journey}`);
        await field(page, 'email').fill(email);
        await page.locator('button[name=method][value=code]').click();
        await field(page, 'code').waitFor();
      }
    });
  }
  await withBrowser({ locale: 'en', viewport: { width: 390, height: 800 } }, async (page, context) => {
    await page.goto(`${base}/login`);
    check((await page.locator('.barrier').first().innerText()).includes('JavaScript'), 'nobody says that JavaScript is missing');
    await page.screenshot({ path: join(shots, 'barrier-plain.png'), fullPage: true });
    await signIn(page, 'en@example.org', `${password} again`);
    await page.locator('main [role=alert]').first().waitFor();
    check((await whoami(context)).status === 401, 'somebody got in without a proof');
  });
}
