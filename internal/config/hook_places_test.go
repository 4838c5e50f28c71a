package config_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"cardea/internal/config"
)

// Where hooks may stand (reference of methods, section 11.1): each list of the
// configuration with the hooks that it takes.
func hookLists() map[string][]string {
	const web, sso, org = "web_hook", "b2b_sso", "organization"
	const show, prove, require, revoke = "show_verification_ui", "verification", "require_verified_address", "revoke_active_sessions"
	lists := map[string][]string{
		"login.after": {web, sso, org, show, prove, require, revoke}, "login.after.oidc": {web, sso, org, require, revoke},
		"registration.after": {web, sso, org}, "settings.after": {web, sso, org}, "verification.after": {web, sso, org}, "recovery.after": {web, revoke},
		"settings.after.profile": {web, sso, org, show, "verify_new_address", "notify_previous_addresses"},
	}
	for _, flow := range []string{"login", "registration", "settings", "recovery", "verification"} {
		lists[flow+".before"] = []string{web, sso, org}
	}
	for _, m := range []string{"password", "webauthn", "passkey", "code", "totp", "lookup_secret"} {
		lists["login.after."+m] = lists["login.after"]
	}
	for _, m := range []string{"password", "webauthn", "passkey", "oidc", "code"} {
		lists["registration.after."+m] = []string{web, sso, org, "session", show}
	}
	for _, m := range []string{"password", "totp", "oidc", "webauthn", "passkey", "lookup_secret"} {
		lists["settings.after."+m] = []string{web, revoke}
	}
	return lists
}

var everyHook = []string{"web_hook", "b2b_sso", "organization", "session", "show_verification_ui", "verification", "require_verified_address",
	"revoke_active_sessions", "verify_new_address", "notify_previous_addresses", "two_step_registration", "no_such_hook"}

// inLists is a configuration whose lists hold hooks.
func inLists(t *testing.T, hooksOf func(list string) []string) string {
	t.Helper()
	flows := map[string]any{}
	for list := range hookLists() {
		at := flows
		for part := range strings.SplitSeq(list, ".") {
			if at[part] == nil {
				at[part] = map[string]any{}
			}
			at = at[part].(map[string]any)
		}
		entries := []any{}
		for _, hook := range hooksOf(list) {
			entry := map[string]any{"hook": hook}
			if hook == "web_hook" {
				entry["config"] = map[string]any{"url": "https://a", "method": "POST"}
			}
			entries = append(entries, entry)
		}
		at["hooks"] = entries
	}
	text, err := json.Marshal(map[string]any{"selfservice": map[string]any{"flows": flows}})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestHooksAreAcceptedWhereTheyBelong(t *testing.T) {
	lists := hookLists()
	load(t, nil, minimal, inLists(t, func(list string) []string { return lists[list] }))
}

func TestAHookIsRefusedWhereItDoesNotBelongWithThoseThatDo(t *testing.T) {
	path := write(t, "c.yml", inLists(t, func(string) []string { return everyHook }))
	_, err := config.Load(config.Options{Files: []string{write(t, "base.yml", minimal), path}})
	var invalid *config.InvalidError
	if !errors.As(err, &invalid) {
		t.Fatalf("got %v", err)
	}
	said := map[string]config.Issue{}
	for _, i := range invalid.Issues {
		said[i.Key] = i
	}
	for list, allowed := range hookLists() {
		for n, hook := range everyHook {
			key := fmt.Sprintf("selfservice.flows.%s.hooks.%d.hook", list, n)
			issue, refused := said[key]
			delete(said, key)
			if refused == slices.Contains(allowed, hook) {
				t.Errorf("%s in %s: refused is %v", hook, list, refused)
			}
			for _, other := range allowed {
				if refused && (issue.Source != path || !strings.Contains(issue.Reason, other)) {
					t.Errorf("%s in %s: %q does not name %s, which belongs there", hook, list, issue.String(), other)
				}
			}
		}
	}
	if len(said) > 0 {
		t.Errorf("besides: %v", said)
	}
}
