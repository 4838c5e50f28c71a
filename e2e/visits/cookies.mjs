import { base, check, withBrowser } from '../browser.mjs';

// What Chromium's settings call "block all cookies".
const preferences = { profile: { default_content_setting_values: { cookies: 2 } } };

// A browser that keeps no cookies is told so instead of being sent in circles.
export const cookies = () => withBrowser({ preferences }, async (page, context) => {
  for (const path of ['/login', '/login?flow=00000000-0000-4000-8000-000000000000']) {
    let answers = 0;
    const count = () => answers++;
    page.on('response', count);
    const answer = await page.goto(base + path);
    page.off('response', count);
    check((await context.cookies()).length === 0, 'the browser keeps cookies after all');
    check(answer.status() === 400, `the last answer has status ${answer.status()}`);
    check(answers < 10, `${answers} answers were needed`);
    check((await page.locator('main a.button').count()) === 1, 'there is no way to try again');
  }
});
