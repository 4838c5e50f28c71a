import { createHmac } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { base, check, field, signOut, submit, withBrowser } from '../browser.mjs';

const email = 'alan@example.org';
const password = 'a hinge never forgets a door';

// code is the one-time password of a key (RFC 6238), some steps from now.
export function code(secret, steps = 0) {
  const bits = [...secret].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const mac = createHmac('sha1', key).update(counter).digest();
  return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

const level = async (context) => (await (await context.request.get(`${base}/sessions/whoami`)).json()).authenticator_assurance_level;
const send = (page) => page.locator('button[name=method][value=totp]');

// Somebody signs up where everybody needs two factors, is led to set up an
// authenticator app, and signs in with it. No JavaScript.
export const app = () => withBrowser({}, async (page, context) => {
  await page.goto(`${base}/registration`);
  await field(page, 'traits.email').fill(email);
  await field(page, 'password').fill(password);
  await submit(page).click();

  const picture = page.locator('figure img');
  await picture.waitFor();
  check((await level(context)) === undefined, 'one factor is enough');
  const secret = (await page.locator('.text .value', { hasText: /^[A-Z2-7]{32}$/ }).innerText()).trim();
  check(/^[A-Z2-7]{32}$/.test(secret), `the page shows no key but ${secret}`);
  await writeFile(process.env.SEEN, JSON.stringify({ Picture: await picture.getAttribute('src'), Secret: secret }));
  check((await picture.boundingBox()).width >= 200, 'the picture is too small for a camera');

  await field(page, 'totp_code').fill('abcdef');
  await send(page).click();
  await page.locator('[aria-invalid=true]').first().waitFor();
  check((await page.locator('.text .value').allInnerTexts()).includes(secret), 'a wrong code changed the key');
  await field(page, 'totp_code').fill(code(secret));
  await send(page).click();
  await signOut(page).waitFor();
  check((await level(context)) === 'aal2', 'the app is no second factor');

  await signOut(page).click();
  await page.goto(`${base}/login`);
  await field(page, 'identifier').fill(email);
  await field(page, 'password').fill(password);
  await submit(page).click();
  await field(page, 'totp_code').waitFor();
  check((await page.locator('figure').count()) === 0, 'the key is shown again');
  await field(page, 'totp_code').fill(code(secret, 1));
  await send(page).click();
  await page.waitForURL(`${base}/`);
  check((await level(context)) === 'aal2', 'the code did not count');
});
