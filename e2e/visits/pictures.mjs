import { join } from 'node:path';
import { base, check, field, shots, signUp, submit, withBrowser } from '../browser.mjs';

const widths = [320, 390, 1280];
const password = 'a hinge never forgets a door';

// Takes pictures of the pages on a phone and on a desktop, by day and by night,
// and checks that none of them is wider than its window.
export async function pictures() {
  for (const colorScheme of ['light', 'dark']) {
    await withBrowser({ colorScheme }, async (page, context) => {
      const take = async (name) => {
        for (const width of widths) {
          await page.setViewportSize({ width, height: 800 });
          const wide = await page.locator('html').evaluate((e) => e.scrollWidth);
          check(wide <= width, `${name} is ${wide} pixels wide in a window of ${width}`);
          await page.screenshot({ path: join(shots, `${name}-${width}-${colorScheme}.png`), fullPage: true });
        }
      };
      await page.goto(`${base}/`);
      await take('home-nobody');
      await page.goto(`${base}/registration`);
      await take('registration');
      await field(page, 'traits.email').fill('not an address');
      await field(page, 'password').fill('short');
      await submit(page).click();
      await take('registration-errors');
      await page.goto(`${base}/login`);
      await take('login');
      await field(page, 'identifier').fill('nobody@example.org');
      await field(page, 'password').fill('wrong');
      await submit(page).click();
      await take('login-errors');
      await signUp(page, `${colorScheme}@example.org`, password);
      await take('home');
      await page.goto(`${base}/settings`);
      await take('settings');
      await page.goto(`${base}/error?id=unknown`);
      await take('error');
      await context.clearCookies();
      await page.goto(`${base}/login?cookies=check`);
      await take('cookies');
    });
  }
}
