import { base, check, withBrowser } from '../browser.mjs';

const most = 30_000; // bytes over the wire, headers included

// A first visit is small, comes from here alone and does not jump.
export const budget = () => withBrowser({ javaScriptEnabled: true, viewport: { width: 390, height: 800 } }, async (page, context) => {
  const tools = await context.newCDPSession(page);
  await tools.send('Network.enable');
  await tools.send('Network.setCacheDisabled', { cacheDisabled: true });
  let bytes = 0;
  let answers = 0;
  tools.on('Network.loadingFinished', (e) => {
    bytes += e.encodedDataLength;
    answers++;
  });
  await page.addInitScript(() => {
    window.shifts = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) window.shifts += entry.value;
    }).observe({ type: 'layout-shift', buffered: true });
  });
  for (const path of ['/', '/login', '/registration', '/recovery', '/verification', '/preview?screen=login-everything', '/preview?screen=settings-everything']) {
    bytes = answers = 0;
    await page.goto(base + path, { waitUntil: 'networkidle' });
    check(answers >= 3, `${path}: only ${answers} answers were counted`);
    check(bytes < most, `${path}: ${bytes} bytes were sent, at most ${most} are good`);
    // The local time takes the place of UTC within its line, on a slow machine after
    // the first picture: a hundredth of what counts as good (0.1).
    const shifts = await page.evaluate(() => window.shifts);
    check(shifts < 0.001, `${path}: the layout moved by ${shifts} while it was loading`);
    console.log(`${path}: ${bytes} bytes in ${answers} answers`);
  }
});
