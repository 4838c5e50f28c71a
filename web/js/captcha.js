// The barrier against robots on the account pages. A proof of work is done in a worker,
// where there is one, by this same file; SHA-256 is our own, because browsers offer
// theirs on encrypted pages only. Services of others bring widgets.

// SHA-256 (FIPS 180-4). Its constants are the first bits of roots of primes.
const primes = [];
for (let n = 2; primes.length < 64; n++) if (primes.every((p) => n % p)) primes.push(n);
const fraction = (x) => ((x - Math.floor(x)) * 0x100000000) | 0;
const K = Int32Array.from(primes, (p) => fraction(Math.cbrt(p)));
const H = Int32Array.from(primes.slice(0, 8), (p) => fraction(Math.sqrt(p)));
const W = new Int32Array(64);

function compress(state, words, into) {
  for (let i = 0; i < 16; i++) W[i] = words[i];
  for (let i = 16; i < 64; i++) {
    const x = W[i - 15];
    const y = W[i - 2];
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    W[i] = (W[i - 16] + s0 + W[i - 7] + s1) | 0;
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let i = 0; i < 64; i++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[i] + W[i]) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g; g = f; f = e; e = (d + t1) | 0; d = c; c = b; b = a; a = (t1 + t2) | 0;
  }
  const added = [a, b, c, d, e, f, g, h];
  for (let i = 0; i < 8; i++) into[i] = (state[i] + added[i]) | 0;
}

// search tries the numbers of a range; -1 for none. Whole blocks of the salt are
// digested once.
function searcher({ salt, challenge }) {
  const text = new TextEncoder().encode(salt);
  const want = Int32Array.from({ length: 8 }, (_, i) => parseInt(challenge.slice(8 * i, 8 * i + 8), 16) | 0);
  const state = Int32Array.from(H);
  const words = new Int32Array(16);
  const load = (bytes, at) => {
    for (let i = 0; i < 16; i++) {
      const j = at + 4 * i;
      words[i] = (bytes[j] << 24) | (bytes[j + 1] << 16) | (bytes[j + 2] << 8) | bytes[j + 3];
    }
  };
  const whole = text.length - (text.length % 64);
  for (let at = 0; at < whole; at += 64) {
    load(text, at);
    compress(state, words, state);
  }
  const rest = text.subarray(whole);
  const out = new Int32Array(8);
  return (from, to) => {
    for (let n = from; n < to; n++) {
      const digits = String(n);
      const length = rest.length + digits.length;
      const tail = new Uint8Array(length + 9 > 64 ? 128 : 64);
      tail.set(rest);
      for (let i = 0; i < digits.length; i++) tail[rest.length + i] = digits.charCodeAt(i);
      tail[length] = 0x80;
      new DataView(tail.buffer).setUint32(tail.length - 4, (whole + length) * 8);
      out.set(state);
      for (let at = 0; at < tail.length; at += 64) {
        load(tail, at);
        compress(out, words, out);
      }
      if (out[0] === want[0] && out.every((word, i) => word === want[i])) return n;
    }
    return -1;
  };
}

const chunk = 2000;

async function inChunks(challenge) {
  const search = searcher(challenge);
  for (let from = 0; from <= challenge.maxnumber; from += chunk) {
    const found = search(from, Math.min(from + chunk, challenge.maxnumber + 1));
    if (found >= 0) return found;
    await new Promise((resume) => setTimeout(resume));
  }
  return -1;
}

const inWorker = (challenge) =>
  new Promise((done, failed) => {
    const worker = new Worker(import.meta.url, { type: 'module' });
    worker.onmessage = ({ data }) => {
      worker.terminate();
      done(data);
    };
    worker.onerror = (event) => {
      worker.terminate();
      failed(event);
    };
    worker.postMessage(challenge);
  });

const work = (challenge) => inWorker(challenge).catch(() => inChunks(challenge));

// Widgets of services: where they are, and what they are called.
const widgets = {
  turnstile: ['https://challenges.cloudflare.com/turnstile/v0/api.js?render=explicit', 'turnstile'],
  hcaptcha: ['https://js.hcaptcha.com/1/api.js?render=explicit', 'hcaptcha'],
  recaptcha_v2: ['https://www.google.com/recaptcha/api.js?render=explicit', 'grecaptcha'],
  recaptcha_v3: ['https://www.google.com/recaptcha/api.js?render=', 'grecaptcha'],
};

function barrier(boxes) {
  const options = JSON.parse(boxes[0].dataset.captcha);
  const fields = Array.from(document.getElementsByName(options.response_field_name));
  const say = (what) => {
    for (const box of boxes) {
      const line = box.querySelector('[role=status]');
      if (line && line.textContent !== box.dataset[what]) line.textContent = box.dataset[what];
    }
  };
  let answer = ''; // what is good for now
  let until = 0; // when it is not any more, in milliseconds
  let pending = null; // the attempt that goes on
  const take = (text, lasts) => {
    answer = text;
    until = Date.now() + lasts;
    for (const field of fields) field.value = text;
    say(text ? 'done' : 'working');
  };

  const proof = async (fresh) => {
    let { challenge, expires_at: ends } = options;
    if (fresh) {
      const to = new URL(options.challengeurl);
      const got = await fetch(to.pathname + to.search, { credentials: 'omit' });
      if (!got.ok) throw new Error(`the challenge: ${got.status}`);
      challenge = await got.json();
      ends = Number(new URLSearchParams(challenge.salt.split('?')[1]).get('expires'));
    }
    const number = await work(challenge);
    if (number < 0) throw new Error('the challenge has no answer');
    const { algorithm, challenge: hash, salt, signature } = challenge;
    // The clock of this machine may be wrong, so only the difference counts.
    const lasts = fresh ? 60_000 : Math.max(0, ends * 1000 - Date.now());
    take(btoa(JSON.stringify({ algorithm, challenge: hash, number, salt, signature })), Math.min(lasts, 300_000));
  };

  const asked = async () => {
    const [source, name] = widgets[options.provider];
    if (!window[name]) {
      await new Promise((loaded, failed) => {
        const script = document.createElement('script');
        script.src = source + (options.provider === 'recaptcha_v3' ? encodeURIComponent(options.sitekey) : '');
        script.onload = loaded;
        script.onerror = failed;
        document.head.append(script);
      });
    }
    const service = window[name];
    if (service.ready) await new Promise((ready) => service.ready(ready));
    if (options.provider === 'recaptcha_v3') {
      take(await service.execute(options.sitekey, { action: options.action }), 110_000);
      return;
    }
    const place = boxes[0].querySelector('[data-widget]');
    if (place.dataset.widget) {
      service.reset(place.dataset.widget);
    }
    await new Promise((given, failed) => {
      const callback = (text) => {
        take(text, 110_000);
        given();
      };
      const drop = () => take('', 0);
      if (place.dataset.widget) return;
      place.dataset.widget = service.render(place, {
        sitekey: options.sitekey, action: options.action, theme: 'auto', size: options.provider === 'turnstile' ? 'flexible' : 'normal',
        'response-field': false, callback, 'expired-callback': drop, 'error-callback': failed,
      });
    });
  };

  const solve = (fresh) => {
    if (!pending) {
      say('working');
      pending = (options.challenge ? proof(fresh) : asked())
        .catch(() => say('failed'))
        .finally(() => {
          pending = null;
        });
    }
    return pending;
  };

  // A form that is sent before there is an answer waits for it.
  document.addEventListener('submit', (event) => {
    const form = event.target;
    if (answer && Date.now() < until || !form.querySelector('[data-captcha]')) return;
    event.preventDefault();
    event.stopPropagation();
    const { submitter } = event;
    solve(answer !== '').then(() => {
      if (answer && Date.now() < until) form.requestSubmit(submitter);
    });
  }, true);
  // A page that comes back from memory has an answer that was used.
  addEventListener('pageshow', (event) => {
    if (event.persisted) {
      take('', 0);
      solve(true);
    }
  });
  solve(false);
}

if (typeof document === 'undefined') {
  onmessage = async ({ data }) => postMessage(await inChunks(data));
} else {
  const boxes = Array.from(document.querySelectorAll('[data-captcha]'));
  if (boxes.length) barrier(boxes);
}
