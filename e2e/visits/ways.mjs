import { accessible } from '../axe.mjs';
import { base, check, field, signOut, submit, whoami, withBrowser } from '../browser.mjs';
import { letterAfter } from '../mail.mjs';
import { code } from './app.mjs';
import { looks, nameOf } from './screens.mjs';

const password = 'a hinge never forgets a door';
const another = 'and the door remembers the hinge';
const button = (page, name, value) => page.locator(value ? `button[name="${name}"][value="${value}"]` : `button[name="${name}"]`);
const done = (page) => page.locator('main .note.success');

async function leave(page) {
  await page.goto(`${base}/`);
  await signOut(page).click();
  await page.locator('main a[href*="/self-service/login/browser"]').waitFor();
}

// signedUp takes two steps, the first of them twice: the way back keeps what was typed.
async function signedUp(page, email) {
  await page.goto(`${base}/registration`);
  await field(page, 'traits.email').fill(email);
  await button(page, 'method', 'profile').click();
  await field(page, 'password').waitFor();
  await button(page, 'screen', 'previous').click();
  await field(page, 'traits.email').waitFor();
  check((await field(page, 'traits.email').inputValue()) === email, 'the way back lost what was typed');
  await button(page, 'method', 'profile').click();
  await field(page, 'password').fill(password);
  await submit(page).click();
  await signOut(page).waitFor();
}

async function verified(page, context, email) {
  await page.goto(`${base}/verification`);
  await field(page, 'email').fill(email);
  const sent = await letterAfter(context, email, async () => {
    await button(page, 'method', 'code').click();
    await field(page, 'code').waitFor();
  });
  await field(page, 'code').fill(sent);
  await button(page, 'method', 'code').first().click();
  await done(page).waitFor();
}

async function renamed(page) {
  await page.goto(`${base}/settings`);
  await field(page, 'traits.name').fill('Grace Hopper');
  await page.locator('section#profile button[name=method]').click();
  await done(page).waitFor();
  await page.goto(`${base}/`);
  check((await page.locator('main').innerText()).includes('Grace Hopper'), 'the new name is not shown');
}

// armed sets up an authenticator app and backup codes; it gives the secrets of both.
async function armed(page, context, look) {
  await page.goto(`${base}/settings`);
  await page.locator('section#totp figure img').waitFor();
  const secret = (await page.locator('#totp .text .value').innerText()).trim();
  await field(page, 'totp_code').fill(code(secret));
  await button(page, 'method', 'totp').click();
  await button(page, 'totp_unlink').waitFor();

  await button(page, 'lookup_secret_regenerate').click();
  await page.locator('.values li').first().waitFor();
  const codes = await page.locator('.values li').allInnerTexts();
  check(codes.length >= 10, `there are only ${codes.length} backup codes`);
  const file = decodeURIComponent(await page.locator('a[download]', { hasNot: page.locator('section#data a') }).first().getAttribute('href'));
  check(file.startsWith('data:text/plain') && codes.every((c) => file.includes(c)), 'the download lacks codes');
  if (look.javaScriptEnabled) {
    await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: base });
    await page.locator('[data-copy]').click();
    await page.waitForFunction(() => document.querySelector('[data-copy]').textContent === document.querySelector('[data-copy]').dataset.done);
    check((await page.evaluate(() => navigator.clipboard.readText())) === codes.join('\n'), 'the codes were not copied');
    await page.evaluate(() => { window.print = () => { window.printed = true; }; });
    await page.locator('[data-print]').click();
    check(await page.evaluate(() => window.printed), 'nothing is printed');
    await accessible(page, `backup codes ${nameOf(look)}`);
  }
  await button(page, 'lookup_secret_confirm').click();
  await page.locator('.values li').first().waitFor({ state: 'detached' });
  return { secret, codes };
}

// identified says who one is, which is asked first.
async function identified(page, email) {
  await page.goto(`${base}/login`);
  await field(page, 'identifier').fill(email);
  await button(page, 'method', 'identifier_first').click();
  await field(page, 'password').waitFor();
  check((await page.locator('main .lead').innerText()).includes(email), 'the page does not say who signs in');
}

// withBackupCode takes the second factor that is not the first to be offered.
async function withBackupCode(page, one) {
  await field(page, 'totp_code').waitFor();
  await page.locator('.way:has(input[name=lookup_secret]) summary').click();
  await field(page, 'lookup_secret').fill(one);
  await button(page, 'method', 'lookup_secret').click();
}

const level = async (context) => (await (await context.request.get(`${base}/sessions/whoami`)).json()).authenticator_assurance_level;

async function withMailedCode(page, context, email, secret) {
  await identified(page, email);
  const sent = await letterAfter(context, email, async () => {
    await button(page, 'method', 'code').click();
    await field(page, 'code').waitFor();
  });
  // The page is the same after a reload, from back and forth, and in a second tab.
  await page.reload();
  await field(page, 'code').waitFor();
  await page.goBack();
  await page.goForward();
  await field(page, 'code').waitFor();
  const second = await context.newPage();
  await second.goto(page.url());
  await field(second, 'code').fill(sent);
  await button(second, 'method', 'code').first().click();
  await field(second, 'totp_code').waitFor();
  await second.close();
  await page.goto(`${base}/login`); // one factor is there, so the second one is asked for
  await field(page, 'totp_code').fill(code(secret, 1));
  await button(page, 'method', 'totp').click();
  await page.waitForURL(`${base}/`);
  check((await level(context)) === 'aal2', 'the second factor did not count');
}

async function confirmed(page) {
  await page.goto(`${base}/login?refresh=true`);
  await field(page, 'password').fill(password);
  check(!(await field(page, 'identifier').isVisible()), 'the page asks who it is');
  await submit(page).click();
  await page.waitForURL(`${base}/`);
}

// recovered uses the recovery that asks for any address and lets people choose.
async function recovered(page, context, email, one) {
  await page.goto(`${base}/recovery`);
  await field(page, 'recovery_address').fill(email);
  const sent = await letterAfter(context, email, async () => {
    await button(page, 'method', 'code').click();
    await field(page, 'code').waitFor();
  });
  await field(page, 'code').fill(sent);
  await button(page, 'method', 'code').first().click();
  await withBackupCode(page, one); // who has two factors needs both
  await page.waitForURL(/settings\?flow=/);
  await field(page, 'password').fill(another);
  await page.locator('section#password button[name=method]').click();
  await done(page).waitFor();
}

// ways walks through the ways to sign up and in that the other visits do not take:
// light and dark, phone and desktop, English and Arabic, with and without JavaScript.
export async function ways() {
  for (const look of [looks[0], { ...looks[1], javaScriptEnabled: false }]) {
    const { width, ...options } = look;
    const email = `ways-${nameOf(look)}@example.org`;
    await withBrowser({ ...options, viewport: { width, height: 800 } }, async (page, context) => {
      await signedUp(page, email);
      await verified(page, context, email);
      await renamed(page);
      const { secret, codes } = await armed(page, context, look);
      await leave(page);
      await identified(page, email);
      await field(page, 'password').fill(password);
      await submit(page).click();
      await withBackupCode(page, codes[0]);
      await page.waitForURL(`${base}/`);
      check((await level(context)) === 'aal2', 'the backup code did not count');
      await leave(page);
      await withMailedCode(page, context, email, secret);
      await confirmed(page);
      await leave(page);
      await recovered(page, context, email, codes[1]);
      check((await whoami(context)).email === email, 'nobody is signed in at the end');
    });
  }
}
