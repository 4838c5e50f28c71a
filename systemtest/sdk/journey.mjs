// A person's journey in a single-page application, made with the official client
// as it comes from the registry. The outcome is one line of JSON on standard
// output; anything that goes otherwise than it should ends the script with 1.
import assert from "node:assert/strict";
import axios from "axios";
import { Configuration, FrontendApi } from "@ory/client";
import { CookieJar } from "tough-cookie";

const basePath = process.env.CARDEA_PUBLIC_URL;
const email = process.env.CARDEA_EMAIL;
const password = "four-Sturdy-Wombats-77";

/** A browser: a client whose cookies are kept between requests. */
function browser() {
  const jar = new CookieJar();
  const http = axios.create({ maxRedirects: 0, timeout: 10_000 });
  const address = (config) => http.getUri(config);
  http.interceptors.request.use(async (config) => {
    const cookies = await jar.getCookieString(address(config));
    if (cookies) config.headers.set("Cookie", cookies);
    return config;
  });
  const keep = async (response) => {
    for (const line of response.headers["set-cookie"] ?? []) {
      await jar.setCookie(line, address(response.config));
    }
  };
  http.interceptors.response.use(
    async (response) => (await keep(response), response),
    async (error) => {
      if (error.response) await keep(error.response);
      throw error;
    },
  );
  const configuration = new Configuration({ basePath, baseOptions: { withCredentials: true } });
  return { api: new FrontendApi(configuration, basePath, http), jar };
}

/** The value of the field with that name. */
function field(flow, name) {
  return flow.ui.nodes.find((n) => n.attributes.name === name)?.attributes.value;
}

/** The answer to a request that has to be refused with that status. */
async function refused(status, request) {
  const error = await request.then(
    (response) => assert.fail(`answered ${response.status} instead of ${status}`),
    (reason) => reason,
  );
  assert.equal(error.response?.status, status, `${error.message}: ${JSON.stringify(error.response?.data)}`);
  return error.response.data;
}

async function signIn(api, password) {
  const { data: flow } = await api.createBrowserLoginFlow();
  assert.equal(flow.type, "browser");
  return api.updateLoginFlow({
    flow: flow.id,
    updateLoginFlowBody: { method: "password", identifier: email, password, csrf_token: field(flow, "csrf_token") },
  });
}

const { api, jar } = browser();
const { data: registration } = await api.createBrowserRegistrationFlow();
const { data: signedUp } = await api.updateRegistrationFlow({
  flow: registration.id,
  updateRegistrationFlowBody: {
    method: "password",
    password,
    traits: { email },
    csrf_token: field(registration, "csrf_token"),
  },
});
assert.equal(signedUp.identity.traits.email, email);
assert.equal(signedUp.session_token, undefined, "a browser was given a session token");

const { data: first } = await api.toSession();
assert.equal(first.active, true);
assert.equal(first.identity.id, signedUp.identity.id);

const again = await refused(400, api.createBrowserLoginFlow());
assert.equal(again.error.id, "session_already_available");

const { data: logout } = await api.createBrowserLogoutFlow();
const signedOut = await api.updateLogoutFlow({ token: logout.logout_token }, { headers: { Accept: "application/json" } });
assert.equal(signedOut.status, 204);
await refused(401, api.toSession());
const cookies = await jar.getCookies(basePath);
assert.ok(!cookies.some((c) => c.key === "ory_kratos_session"), "the session cookie outlived the sign-out");

const wrong = await refused(400, signIn(api, "not-the-password-at-all"));
assert.deepEqual(wrong.ui.messages.map((m) => m.id), [4000006]);

const { data: signedIn } = await signIn(api, password);
assert.equal(signedIn.session.identity.id, signedUp.identity.id);
const { data: second } = await api.toSession();
assert.notEqual(second.id, first.id, "signing in gave the session that was signed out");

// Somebody else, with a form that is not theirs.
const stranger = browser();
const { data: theirs } = await api.createBrowserLoginFlow({ refresh: true });
await stranger.api.createBrowserLoginFlow();
const violation = await refused(
  403,
  stranger.api.updateLoginFlow({
    flow: theirs.id,
    updateLoginFlowBody: { method: "password", identifier: email, password, csrf_token: field(theirs, "csrf_token") },
  }),
);
assert.equal(violation.error.id, "security_csrf_violation");

console.log(JSON.stringify({ identity: signedUp.identity.id, session: second.id }));
