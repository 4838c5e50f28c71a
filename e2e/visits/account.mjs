import { accessible } from '../axe.mjs';
import { base, check, field, signOut, signUp, submit, whoami, withBrowser } from '../browser.mjs';
import { letterAfter } from '../mail.mjs';
import { looks, nameOf } from './screens.mjs';

const password = 'a hinge never forgets a door';
const another = 'and the door remembers the hinge';

const button = (page, name, value) => page.locator(value ? `button[name="${name}"][value="${value}"]` : `button[name="${name}"]`);

// Somebody proves an address, gets back in without the password, and changes it.
async function recovered(page, context, email) {
  await page.goto(`${base}/recovery`);
  await field(page, 'email').fill(email);
  const code = await letterAfter(context, email, async () => {
    await button(page, 'method', 'code').click();
    await field(page, 'code').waitFor();
  });
  await page.reload(); // nothing is lost
  await field(page, 'code').fill('000000');
  await button(page, 'method', 'code').first().click();
  await page.locator('main [role=alert]').first().waitFor();
  await field(page, 'code').fill(code);
  await button(page, 'method', 'code').first().click();
  await page.waitForURL(/settings\?flow=/);
  await field(page, 'password').fill(another);
  await page.locator('section#password button[name=method]').click();
  await page.locator('main .note.success').waitFor();
}

// What settings offer beside the flow: the sessions, the data, the way out.
async function settled(page, context, email) {
  await page.goto(`${base}/settings`);
  const data = await context.request.get(`${base}/settings/data`);
  check(data.ok() && JSON.stringify(await data.json()).includes(email), 'the data do not name the person');
  check(!(await data.text()).includes('hashed_password'), 'the data have a secret');

  await page.locator('section#delete a').click();
  await page.locator('form button.grave').click();
  await page.locator('main [role=alert]').waitFor();
  check((await whoami(context)).status === 200, 'the account is gone without a tick');
  await page.locator('input[name=confirm]').check();
  await page.locator('form button.grave').click();
  await page.waitForURL(/signed-out/);
  check((await whoami(context)).status === 401, 'the session outlived the account');
}

// account walks through everything but keys, in every look: each look is somebody else.
export async function account() {
  for (const look of looks) {
    const { width, ...options } = look;
    const email = `${nameOf(look)}@example.org`;
    await withBrowser({ ...options, viewport: { width, height: 800 } }, async (page, context) => {
      await signUp(page, email, password);
      if (look.javaScriptEnabled) await accessible(page, `home ${nameOf(look)}`);
      await signOut(page).click();
      await page.locator('main a[href*="/self-service/login/browser"]').waitFor();
      await recovered(page, context, email);
      if (look.javaScriptEnabled) await accessible(page, `settings ${nameOf(look)}`);
      await page.goto(`${base}/`);
      await signOut(page).click();
      await page.goto(`${base}/login`);
      await field(page, 'identifier').fill(email);
      await field(page, 'password').fill(password);
      await submit(page).click();
      await page.locator('main [role=alert]').first().waitFor();
      await field(page, 'password').fill(another);
      await submit(page).click();
      await signOut(page).waitFor();
      await settled(page, context, email);
    });
  }
}

// sessions: whoever is signed in on two devices ends the other one.
export const sessions = () => withBrowser({}, async (page, context) => {
  const email = 'two-devices@example.org';
  await signUp(page, email, password);
  await withBrowser({}, async (other, elsewhere) => {
    await other.goto(`${base}/login`);
    await field(other, 'identifier').fill(email);
    await field(other, 'password').fill(password);
    await submit(other).click();
    await signOut(other).waitFor();
    await page.goto(`${base}/settings`);
    check((await page.locator('#sessions .line').count()) === 2, 'not both sessions are there');
    check((await page.locator('#sessions .badge').count()) === 1, 'this device is not marked');
    await page.locator('#sessions .line button').click();
    await page.locator('#sessions .note.success').waitFor();
    check((await whoami(elsewhere)).status === 401, 'the other device is still signed in');
    check((await whoami(context)).status === 200, 'this device was signed out, too');
    check((await page.locator('#sessions .line').count()) === 1, 'the ended session is still listed');
  });
  await button(page, 'end', 'all').click();
  await page.waitForURL(/signed-out/);
  check((await whoami(context)).status === 401, 'this device is still signed in');
});
