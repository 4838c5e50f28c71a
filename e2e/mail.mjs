import { base, check } from './browser.mjs';

// addresses of the messages to somebody, the newest first.
async function to(context, whom) {
  const page = await (await context.request.get(`${base}/mailbox`)).text();
  const lines = page.split('<li>').filter((line) => line.includes(`>${whom}<`));
  return lines.map((line) => /href="([^"]*letter=[^"]*)"/.exec(line)[1].replaceAll('&amp;', '&'));
}

// letterAfter does something and gives the code of the message that somebody gets
// because of it: not one that was there before.
export async function letterAfter(context, whom, act) {
  const before = await to(context, whom);
  await act();
  for (let i = 0; i < 300; i++) {
    const fresh = (await to(context, whom)).filter((address) => !before.includes(address));
    if (fresh.length > 0) {
      const text = await (await context.request.get(new URL(fresh[0], base).href)).text();
      const code = /\b\d{6}\b/.exec(/<pre class="letter"[^>]*>([^<]*)/.exec(text)[1])?.[0];
      check(code, `there is no code in the message to ${whom}`);
      return code;
    }
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error(`there is no new message to ${whom}`);
}
