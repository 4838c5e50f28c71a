import { base, check, field, signOut, submit, whoami, withBrowser } from '../browser.mjs';

const email = 'ada@example.org';
const password = 'a hinge never forgets a door';

// Somebody signs up, signs out, mistypes the password and signs in.
export const journey = () => withBrowser({}, async (page, context) => {
  await page.goto(`${base}/`);
  await page.locator('main a[href*="/self-service/registration/browser"]').click();

  await field(page, 'traits.email').fill('not an address');
  await field(page, 'password').fill(password);
  await submit(page).click();
  const faulty = field(page, 'traits.email');
  check((await faulty.inputValue()) === 'not an address', 'what was typed is lost');
  check((await faulty.getAttribute('aria-invalid')) === 'true', 'the field does not say that it is wrong');
  const hint = (await faulty.getAttribute('aria-describedby')).split(' ').at(-1);
  check(await page.locator(`#${hint}`).isVisible(), 'the error does not stand with its field');

  await faulty.fill(email);
  await field(page, 'password').fill(password);
  await submit(page).click();
  await signOut(page).waitFor();
  check((await page.locator('main').innerText()).includes(email), 'the page does not say who is signed in');
  check((await whoami(context)).email === email, 'an application does not learn who is signed in');

  await signOut(page).click();
  await page.locator('main a[href*="/self-service/login/browser"]').waitFor();
  check((await whoami(context)).status === 401, 'the session has not ended');

  await page.locator('main a[href*="/self-service/login/browser"]').click();
  await field(page, 'identifier').fill(email);
  await field(page, 'password').fill('something else');
  await submit(page).click();
  await page.locator('main [role=alert]').first().waitFor();
  check((await field(page, 'identifier').inputValue()) === email, 'the typed identifier is lost');
  check((await field(page, 'password').inputValue()) === '', 'the password came back');
  check((await page.locator(':focus').getAttribute('name')) === 'password', 'the password field has not the focus');
  check((await whoami(context)).status === 401, 'a wrong password signed somebody in');

  await field(page, 'password').fill(password);
  await submit(page).click();
  await signOut(page).waitFor();
  check((await whoami(context)).email === email, 'an application does not learn who signed in');
});
