// Security keys and passkeys in the browser: the functions that pages call by the
// trigger names in a form's nodes. Binary values travel as base64url without
// padding, in both directions. Nothing here needs an inline handler: a page may bind
// the functions itself, or mark buttons with data-ory-click and fields with
// data-ory-load.
(function () {
  'use strict';

  if (!window.PublicKeyCredential || window.__oryWebAuthnInitialized) {
    return;
  }

  function toBytes(text) {
    const base64 = text.replace(/-/g, '+').replace(/_/g, '/');
    return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  }

  function toText(buffer) {
    if (!buffer) {
      return '';
    }
    const binary = Array.from(new Uint8Array(buffer), (b) => String.fromCharCode(b)).join('');
    return btoa(binary).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
  }

  function withBytes(descriptors) {
    return descriptors && descriptors.map((d) => ({ ...d, id: toBytes(d.id) }));
  }

  function field(name) {
    return document.getElementsByName(name)[0];
  }

  // given reads options that come as an object or as its text.
  function given(options) {
    return typeof options === 'string' ? JSON.parse(options) : options;
  }

  function forGet(options) {
    const key = { ...options.publicKey, challenge: toBytes(options.publicKey.challenge) };
    if (key.allowCredentials) {
      key.allowCredentials = withBytes(key.allowCredentials);
    }
    return key;
  }

  function forCreate(options, user) {
    const key = { ...options.publicKey, challenge: toBytes(options.publicKey.challenge) };
    key.user = { ...key.user, ...user, id: toBytes(key.user.id) };
    if (key.excludeCredentials) {
      key.excludeCredentials = withBytes(key.excludeCredentials);
    }
    return key;
  }

  function assertion(credential) {
    const r = credential.response;
    return {
      id: credential.id,
      rawId: toText(credential.rawId),
      type: credential.type,
      response: {
        authenticatorData: toText(r.authenticatorData),
        clientDataJSON: toText(r.clientDataJSON),
        signature: toText(r.signature),
        userHandle: toText(r.userHandle),
      },
    };
  }

  function attestation(credential) {
    const r = credential.response;
    const response = {
      attestationObject: toText(r.attestationObject),
      clientDataJSON: toText(r.clientDataJSON),
    };
    if (r.getTransports) {
      response.transports = r.getTransports();
    }
    return { id: credential.id, rawId: toText(credential.rawId), type: credential.type, response };
  }

  // send puts an answer into its field and sends the field's form.
  function send(target, answer) {
    target.value = JSON.stringify(answer);
    const form = target.closest('form');
    if (form) {
      form.submit();
    }
  }

  function get(options, extra) {
    return navigator.credentials.get({ publicKey: forGet(options), ...extra });
  }

  function create(options, user) {
    return navigator.credentials.create({ publicKey: forCreate(options, user) });
  }

  // A page that says itself what went wrong cancels the event.
  function told(error) {
    return !document.dispatchEvent(new CustomEvent('oryWebAuthnFailed', { detail: error, cancelable: true }));
  }

  function tell(error) {
    if (!told(error)) {
      window.alert(error);
    }
  }

  function log(error) {
    if (!told(error)) {
      console.error(error);
    }
  }

  function oryWebAuthnLogin(
    options,
    resultSelector = '*[name="webauthn_login"]',
    triggerSelector = '*[name="webauthn_login_trigger"]'
  ) {
    const read = given(options) || JSON.parse(document.querySelector(triggerSelector).value);
    return get(read)
      .then((credential) => send(document.querySelector(resultSelector), assertion(credential)))
      .catch(tell);
  }

  function oryWebAuthnRegistration(
    options,
    resultSelector = '*[name="webauthn_register"]',
    triggerSelector = '*[name="webauthn_register_trigger"]'
  ) {
    const read = given(options) || JSON.parse(document.querySelector(triggerSelector).value);
    return create(read)
      .then((credential) => send(document.querySelector(resultSelector), attestation(credential)))
      .catch(tell);
  }

  // The browser offers passkeys in the identifier's field as long as nobody asks
  // for one with a button: there can be one request at a time.
  async function oryPasskeyLoginAutocompleteInit() {
    const challenge = field('passkey_challenge');
    const result = field('passkey_login');
    if (!challenge || !challenge.value || !result || !field('identifier') || window.Cypress) {
      return;
    }
    const available = window.PublicKeyCredential.isConditionalMediationAvailable;
    if (!available || !(await available.call(window.PublicKeyCredential))) {
      return;
    }
    const abort = new AbortController();
    window.abortPasskeyConditionalUI = abort;
    try {
      send(result, assertion(await get(JSON.parse(challenge.value), { mediation: 'conditional', signal: abort.signal })));
    } catch (error) {
      if (!abort.signal.aborted) {
        console.error(error);
      }
    }
  }

  function oryPasskeyLogin() {
    const challenge = field('passkey_challenge');
    const result = field('passkey_login');
    if (!challenge || !result) {
      log(new Error('The page has no field passkey_challenge or passkey_login.'));
      return Promise.resolve();
    }
    if (window.abortPasskeyConditionalUI) {
      window.abortPasskeyConditionalUI.abort('A button asks for a passkey.');
      window.abortPasskeyConditionalUI = undefined;
    }
    return get(JSON.parse(challenge.value))
      .then((credential) => send(result, assertion(credential)))
      .catch((error) => {
        log(error);
        return oryPasskeyLoginAutocompleteInit();
      });
  }

  // The name under which the authenticator lists the new passkey is what has been
  // typed into the form.
  function oryPasskeyRegistration() {
    const data = JSON.parse(field('passkey_create_data').value);
    const names = data.displayNameFieldNames || [data.displayNameFieldName];
    const typed = names.map((name) => field(name)).find((input) => input && input.value);
    const user = typed ? { name: typed.value, displayName: typed.value } : {};
    return create(data.credentialOptions, user)
      .then((credential) => send(field('passkey_register'), attestation(credential)))
      .catch(log);
  }

  function oryPasskeySettingsRegistration() {
    return create(JSON.parse(field('passkey_create_data').value))
      .then((credential) => send(field('passkey_settings_register'), attestation(credential)))
      .catch(log);
  }

  const triggers = {
    oryWebAuthnLogin,
    oryWebAuthnRegistration,
    oryPasskeyLogin,
    oryPasskeyLoginAutocompleteInit,
    oryPasskeyRegistration,
    oryPasskeySettingsRegistration,
  };
  for (const [name, call] of Object.entries(triggers)) {
    window[name] = call;
    window['__' + name] = call;
  }

  // Buttons that need this script may be hidden until it is there.
  function bind() {
    for (const button of document.querySelectorAll('[data-ory-click]')) {
      const call = triggers[button.dataset.oryClick];
      if (call) {
        button.hidden = false;
        button.addEventListener('click', () => call());
      }
    }
    for (const input of document.querySelectorAll('[data-ory-load]')) {
      const call = triggers[input.dataset.oryLoad];
      if (call) {
        call();
      }
    }
  }

  window.__oryWebAuthnInitialized = true;
  window.dispatchEvent(new CustomEvent('oryWebAuthnInitialized'));
  if (document.readyState === 'loading') {
    document.addEventListener('DOMContentLoaded', bind);
  } else {
    bind();
  }
})();
