import { createRequire } from 'node:module';
import { readFile } from 'node:fs/promises';
import { check } from './browser.mjs';

const source = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

// What counts: WCAG up to 2.2 AA, and what axe holds for good practice.
const options = { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], resultTypes: ['violations'] };

// accessible fails when axe finds anything on the page as it is now. Axe is put
// there by the browser's tools, past the page's policy, which allows no script but ours.
export async function accessible(page, name) {
  await page.evaluate(source);
  const found = await page.evaluate(async (o) => (await window.axe.run(document, o)).violations, options);
  const lines = found.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.html).join(' | ')}`);
  check(found.length === 0, `${name}: axe found\n${lines.join('\n')}`);
}
