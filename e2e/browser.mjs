// A browser as people have it who are careful: no JavaScript unless a visit wants
// it, a fresh profile, nothing but this machine.
import { chromium } from 'playwright-core';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const base = process.env.BASE_URL;
export const shots = process.env.SHOTS;

// withBrowser runs a visit in a browser of its own. It fails when the pages asked
// for anything from elsewhere or when the browser had to complain about them.
// Preferences are those of Chromium's profile, options those of the context; beyond
// are the origins besides this server that the visit goes to.
export async function withBrowser({ preferences = {}, beyond = [], ...options }, visit) {
  const profile = await mkdtemp(join(tmpdir(), 'cardea-e2e-'));
  await mkdir(join(profile, 'Default'));
  await writeFile(join(profile, 'Default', 'Preferences'), JSON.stringify(preferences));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM,
    headless: true,
    javaScriptEnabled: false,
    reducedMotion: 'reduce',
    args: [
      '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync',
    ],
    ...options,
  });
  try {
    context.setDefaultTimeout(30_000); // machines are slow at times
    const page = context.pages()[0] ?? (await context.newPage());
    const complaints = [];
    context.on('request', (r) => {
      if (![base, 'data:', ...beyond].some((known) => r.url().startsWith(known))) complaints.push(`asked for ${r.url()}`);
    });
    context.on('console', (m) => {
      // A status is no complaint about a page: the visits check those they expect.
      if (m.type() === 'error' && !m.text().startsWith('Failed to load resource')) complaints.push(m.text());
    });
    await visit(page, context).catch(async (error) => {
      // What somebody would have seen says more than what was not there.
      const seen = await page.locator('main').innerText({ timeout: 1000 }).catch(() => '');
      error.stack += `\nat ${page.url()} the page said:\n${seen}\n${complaints.join('; ')}`;
      throw error;
    });
    check(complaints.length === 0, `the browser complained: ${complaints.join('; ')}`);
  } finally {
    await context.close();
    await rm(profile, { recursive: true, force: true });
  }
}

export function check(ok, otherwise) {
  if (!ok) throw new Error(otherwise);
}

export const field = (page, name) => page.locator(`input[name="${name}"]:not([type=hidden])`);
export const submit = (page) => page.locator('button[name=method][value=password]');
export const signOut = (page) => page.locator('form.sign-out button');

// whoami asks who is signed in, as an application does.
export async function whoami(context) {
  const answer = await context.request.get(`${base}/sessions/whoami`);
  return { status: answer.status(), email: answer.ok() ? (await answer.json()).identity.traits.email : undefined };
}

// signUp creates an account and leaves the browser signed in.
export async function signUp(page, email, password) {
  await page.goto(`${base}/registration`);
  await field(page, 'traits.email').fill(email);
  await field(page, 'password').fill(password);
  await submit(page).click();
  await signOut(page).waitFor();
}
