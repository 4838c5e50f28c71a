import { base, check, field, signUp, submit, withBrowser } from '../browser.mjs';
import { looks } from './screens.mjs';

const application = process.env.APPLICATION_URL;
const password = 'a hinge never forgets a door';

// handoff: an OAuth2 server sends somebody here to sign in, and gets them back. Nobody
// is asked for consent; the policy of the page lets the form lead there.
export async function handoff() {
  for (const [i, look] of [looks[0], { ...looks[1], javaScriptEnabled: false }].entries()) {
    const { width, ...options } = look;
    await withBrowser({ ...options, beyond: [application], viewport: { width, height: 800 } }, async (page, context) => {
      const email = `handoff-${i}@example.org`;
      await signUp(page, email, password);
      await context.clearCookies();
      await page.goto(`${base}/login?login_challenge=in-${i}`);
      check((await page.locator('main .lead').innerText()).includes('The Shop'), 'the page does not say for whom this is');
      await field(page, 'identifier').fill(email);
      await field(page, 'password').fill('mistyped');
      await submit(page).click();
      await page.locator('main [role=alert]').first().waitFor();
      await field(page, 'password').fill(password);
      await submit(page).click();
      await page.waitForURL(`${application}/welcome?login_challenge=in-${i}`);

      await context.clearCookies();
      await page.goto(`${base}/registration?login_challenge=up-${i}`);
      await field(page, 'traits.email').fill(`new-${email}`);
      await field(page, 'password').fill(password);
      await submit(page).click();
      await page.waitForURL(`${application}/welcome?login_challenge=up-${i}`);
    });
  }
}
