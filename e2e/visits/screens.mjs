import { join } from 'node:path';
import { accessible } from '../axe.mjs';
import { base, check, shots, withBrowser } from '../browser.mjs';

// Every pair of these comes up, except that of scheme and language.
export const looks = [
  { colorScheme: 'light', width: 390, locale: 'en', javaScriptEnabled: true },
  { colorScheme: 'dark', width: 1280, locale: 'ar', javaScriptEnabled: true },
  { colorScheme: 'light', width: 1280, locale: 'en', javaScriptEnabled: false },
  { colorScheme: 'dark', width: 390, locale: 'ar', javaScriptEnabled: false },
];

export const nameOf = (l) => `${l.width}-${l.colorScheme}-${l.locale}${l.javaScriptEnabled ? '' : '-plain'}`;

// fits fails when a page is wider than its window.
export async function fits(page, name, width) {
  const wide = await page.locator('html').evaluate((e) => e.scrollWidth);
  check(wide <= width, `${name} is ${wide} pixels wide in a window of ${width}`);
}

// screens looks at every screen in every state, with sample data: it fits its
// window, it is accessible, and it is in the language that was asked for.
export async function screens() {
  for (const look of looks) {
    const { width, ...options } = look;
    await withBrowser({ ...options, viewport: { width, height: 800 } }, async (page) => {
      await page.goto(`${base}/preview`);
      const names = await page.locator('.doors a').allTextContents();
      check(names.length > 30, `there are only ${names.length} screens`);
      for (const name of names) {
        await page.goto(`${base}/preview?screen=${name}`);
        check((await page.locator('html').getAttribute('lang')) === look.locale, `${name} is not in ${look.locale}`);
        await fits(page, name, width);
        await page.screenshot({ path: join(shots, `${name}-${nameOf(look)}.png`), fullPage: true });
        if (look.javaScriptEnabled) await accessible(page, `${name} ${nameOf(look)}`);
      }
    });
  }
}

// narrow looks at them in a window of 320 pixels: that is one of 1280 at 400 %, and
// narrower than one of 640 at 200 % (WCAG 2.2, 1.4.10 and 1.4.4).
export async function narrow() {
  for (const locale of ['en', 'de', 'ar']) {
    await withBrowser({ locale, viewport: { width: 320, height: 640 } }, async (page) => {
      await page.goto(`${base}/preview`);
      for (const name of await page.locator('.doors a').allTextContents()) {
        await page.goto(`${base}/preview?screen=${name}`);
        await fits(page, `${name} (${locale})`, 320);
        const small = await tooSmall(page);
        check(small.length === 0, `${name} (${locale}): targets below 24 pixels: ${small.join(', ')}`);
      }
    });
  }
}

// tooSmall lists buttons, fields and links outside of sentences that are smaller
// than 24 pixels (WCAG 2.2, 2.5.8).
function tooSmall(page) {
  return page.locator('html').evaluate(() =>
    [...document.querySelectorAll('button, input:not([type=hidden]), select, summary, li > a, footer a')]
      .filter((e) => e.offsetParent)
      .filter((e) => e.getBoundingClientRect().height < 24)
      .map((e) => e.outerHTML.slice(0, 80))
  );
}
