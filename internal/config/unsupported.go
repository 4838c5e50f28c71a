package config

import (
	"fmt"
	"strings"
)

// gap is a part of the configuration that is accepted and not acted on.
type gap struct {
	key    string // a key; everything below it is meant
	reason string
}

// gaps is what Kratos does and Cardea does not yet. A line goes when its feature
// arrives.
func gaps() []gap {
	const (
		unused = "has no effect"
		flag   = "this switch does nothing yet"
	)
	return []gap{
		{"ciphers", "the encryption of stored values cannot be chosen yet"},
		{"clients.smtp", "mail is not sent yet"},
		{"clients.web_hook", "web hooks do not run yet"},
		{"config", unused},
		{"courier", "messages are not sent yet"},
		{"database.cleanup", "the clean-up cannot be tuned yet"},
		{"enterprise", unused},
		{"expose-metrics-port", "there is no separate courier process yet"},
		{"feature_flags.cacheable_sessions", flag},
		{"feature_flags.cacheable_sessions_max_age", flag},
		{"feature_flags.choose_recovery_address", flag},
		{"feature_flags.faster_session_extend", flag},
		{"feature_flags.legacy_continue_with_verification_ui", flag},
		{"feature_flags.legacy_oidc_registration_node_group", flag},
		{"feature_flags.legacy_require_verified_login_error", flag},
		{"feature_flags.password_profile_registration_node_group", unused},
		{"feature_flags.refresh_login_choose_address", flag},
		{"feature_flags.use_continue_with_transitions", flag},
		{"help", unused},
		{"oauth2_provider", "login challenges of an OAuth2 server are not answered yet"},
		{"organizations", unused},
		{"preview", "read consistency cannot be chosen yet"},
		{"security.disallow_ref_in_identity_schemas", "references in identity schemas are not restricted yet"},
		{"selfservice.flows.recovery", "recovery does not work yet"},
		{"selfservice.flows.settings", "settings do not work yet"},
		{"selfservice.flows.verification", "verification does not work yet"},
		{"selfservice.methods.b2b", "organizations do not work yet"},
		{"selfservice.methods.code", "one-time codes do not work yet"},
		{"selfservice.methods.link", "links do not work yet"},
		{"selfservice.methods.lookup_secret", "backup codes do not work yet"},
		{"selfservice.methods.oidc", "other sign-in providers do not work yet"},
		{"selfservice.methods.passkey", "passkeys do not work yet"},
		{"selfservice.methods.password.config.migrate_hook", "passwords of another system cannot be taken over yet"},
		{"selfservice.methods.profile", "profiles cannot be changed yet"},
		{"selfservice.methods.totp", "authenticator apps do not work yet"},
		{"selfservice.methods.webauthn", "security keys do not work yet"},
		{"session.whoami.tokenizer", "sessions are not turned into tokens yet"},
		{"tracing", "traces are not sent yet"},
	}
}

// hookGaps are the hooks that do not run yet, by name.
func hookGaps() map[string]string {
	const reason = "this hook does not run yet"
	return map[string]string{
		"web_hook":                  reason,
		"revoke_active_sessions":    reason,
		"require_verified_address":  reason,
		"verification":              reason,
		"show_verification_ui":      reason,
		"verify_new_address":        reason,
		"notify_previous_addresses": reason,
		"b2b_sso":                   reason,
		"organization":              reason,
	}
}

// unsupported lists the gaps that this configuration asks for. A key counts when
// somebody set it; a part that is switched off asks for nothing.
func unsupported(l *layers) (found []Issue) {
	for _, g := range gaps() {
		found = append(found, requested(l, g)...)
	}
	reasons := hookGaps()
	for _, leaf := range l.leaves("selfservice.flows") {
		name, _ := leaf.value.(string)
		if reason, ok := reasons[name]; ok && strings.HasSuffix(leaf.key, ".hook") {
			found = append(found, Issue{Key: leaf.key, Source: l.source(leaf.key), Reason: fmt.Sprintf("%s: %s", name, reason)})
		}
	}
	return found
}

// requested is one issue per source that sets anything below the gap's key.
func requested(l *layers, g gap) (found []Issue) {
	if on, ok := l.lookup(g.key + ".enabled"); ok && on == false {
		return nil
	}
	seen := map[string]bool{}
	for _, leaf := range l.leaves(g.key) {
		source := l.origin[leaf.key]
		if source == "" || seen[source] || leaf.value == false {
			continue
		}
		seen[source] = true
		found = append(found, Issue{Key: g.key, Source: source, Reason: g.reason})
	}
	return found
}
