// Comfort for the account pages. Everything works without this file, except that
// security keys and passkeys need the one beside it.

const all = (selector, root = document) => root.querySelectorAll(selector);

// Passwords: show and hide, a hint while Caps Lock is on.
for (const box of all('[data-secret]')) {
  const input = box.querySelector('input');
  const peek = box.querySelector('button');
  const hint = box.parentElement.querySelector('[data-caps]');
  const show = (shown) => {
    input.type = shown ? 'text' : 'password';
    peek.setAttribute('aria-pressed', String(shown));
    peek.setAttribute('aria-label', shown ? peek.dataset.hide : peek.dataset.show);
  };
  peek.hidden = false;
  peek.addEventListener('click', () => {
    show(input.type === 'password');
    input.focus();
  });
  input.form.addEventListener('submit', () => show(false));
  const watch = (event) => {
    const on = event.type !== 'blur' && event.getModifierState && event.getModifierState('CapsLock');
    const text = on ? hint.dataset.caps : '';
    if (hint.textContent !== text) hint.textContent = text;
  };
  for (const type of ['keydown', 'keyup', 'blur']) input.addEventListener(type, watch);
}

// The rules of a new password, counted as the server counts: length in bytes, and
// alike when more than half of the password stands in the identifier or fewer than
// five edits lead from one to the other.
const lower = (text) => text.toLowerCase();

function edits(a, b) {
  const s = [...a];
  const t = [...b];
  let row = Array.from({ length: t.length + 1 }, (_, j) => j);
  for (let i = 1; i <= s.length; i++) {
    const next = [i];
    for (let j = 1; j <= t.length; j++) {
      next[j] = Math.min(row[j - 1] + (s[i - 1] === t[j - 1] ? 0 : 1), row[j] + 1, next[j - 1] + 1);
    }
    row = next;
  }
  return row[t.length];
}

function alike(identifier, password) {
  const most = 256;
  if (!identifier || identifier.length > most || password.length > most) return false;
  const [a, b] = [lower(identifier), lower(password)];
  const half = Math.floor(b.length / 2) + 1;
  for (let i = 0; i + half <= b.length; i++) {
    if (a.includes(b.slice(i, i + half))) return true;
  }
  return edits(a, b) < 5;
}

const checks = {
  length: (password, rule) => new TextEncoder().encode(password).length >= Number(rule.dataset.min),
  similar: (password, rule, names) => !names.some((name) => alike(name, password)),
};

for (const list of all('.rules')) {
  const field = list.closest('.field');
  const input = field.querySelector('input');
  const form = input.form;
  const judge = () => {
    const names = Array.from(all('[data-identifier], [name^="traits."][type=hidden]', form), (i) => i.value);
    for (const rule of all('[data-rule]', list)) {
      const check = checks[rule.dataset.rule];
      if (check) rule.dataset.kept = input.value ? String(check(input.value, rule, names)) : '';
    }
  };
  form.addEventListener('input', judge);
  judge();
}

// Codes may be pasted with spaces, which no code has.
for (const input of all('input[autocomplete="one-time-code"]')) {
  input.addEventListener('paste', (event) => {
    const text = event.clipboardData.getData('text').replace(/\s+/g, '');
    if (!text || input.disabled) return;
    event.preventDefault();
    input.value = input.maxLength > 0 ? text.slice(0, input.maxLength) : text;
    input.dispatchEvent(new Event('input', { bubbles: true }));
  });
}

// What was typed survives a reload of the tab; passwords and codes are never kept.
const draft = `draft:${location.pathname}`;
const kept = () =>
  Array.from(all('main form[method=post] input')).filter(
    (i) => i.name && ['text', 'email', 'tel', 'url', 'number', 'date'].includes(i.type) && !i.hidden && !i.readOnly &&
      i.autocomplete !== 'one-time-code' && !i.closest('[data-secret]')
  );
try {
  const stored = JSON.parse(sessionStorage.getItem(draft) || '{}');
  sessionStorage.removeItem(draft);
  for (const input of kept()) {
    if (!input.value && stored[input.name]) input.value = stored[input.name];
  }
} catch {
  // A browser that keeps nothing loses nothing else.
}
let sent = false;
addEventListener('pagehide', () => {
  if (sent) return;
  const values = Object.fromEntries(kept().filter((i) => i.value !== i.defaultValue).map((i) => [i.name, i.value]));
  try {
    if (Object.keys(values).length) sessionStorage.setItem(draft, JSON.stringify(values));
  } catch {
    // likewise
  }
});

// A form is sent once, however often somebody clicks.
for (const form of all('form[method=post]')) {
  form.addEventListener('submit', (event) => {
    if (form.hasAttribute('aria-busy')) event.preventDefault();
    form.setAttribute('aria-busy', 'true');
    sent = true;
  });
}
addEventListener('pageshow', () => {
  sent = false;
  for (const form of all('form[aria-busy]')) form.removeAttribute('aria-busy');
});

// Moments in the person's own time zone.
const language = document.documentElement.lang;
for (const time of all('time[data-local]')) {
  const at = new Date(time.dateTime);
  if (!Number.isNaN(at.getTime())) {
    time.textContent = at.toLocaleString(language, { dateStyle: 'medium', timeStyle: 'short', numberingSystem: 'latn' });
  }
}

// Lists of codes: copy and print.
for (const button of all('[data-copy]')) {
  button.addEventListener('click', async () => {
    const lines = Array.from(all('li', document.getElementById(button.dataset.copy)), (li) => li.textContent);
    await navigator.clipboard.writeText(lines.join('\n'));
    button.textContent = button.dataset.done;
  });
}
for (const button of all('[data-print]')) button.addEventListener('click', () => print());

// Security keys and passkeys: what went wrong is said on the page.
const trouble = document.querySelector('[data-key-trouble]');
if (trouble) {
  const tell = (text) => {
    trouble.textContent = text;
    trouble.hidden = false;
  };
  document.addEventListener('oryWebAuthnFailed', (event) => {
    event.preventDefault();
    tell(trouble.dataset.failed);
  });
  if (!window.PublicKeyCredential) {
    for (const button of all('[data-ory-click]')) button.disabled = true;
    tell(trouble.dataset.unsupported);
  }
}
