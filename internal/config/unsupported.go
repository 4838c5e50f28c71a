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
		// Jaeger takes OTLP since 1.35, and its own agent is gone; what speaks Zipkin's
		// format is reached over a collector.
		useOTLP = "traces are sent as OTLP over HTTP alone: Jaeger takes that, and a collector hands it on to Zipkin; set tracing.provider to otel"
	)
	return []gap{
		{"ciphers", "the encryption of stored values cannot be chosen yet"},
		{"config", unused},
		{"database.cleanup.sleep", "expired rows go in small batches, which leave room for others without pauses"},
		{"enterprise", unused},
		{"feature_flags.legacy_oidc_registration_node_group", flag},
		{"feature_flags.password_profile_registration_node_group", unused},
		{"help", unused},
		{"log.leak_sensitive_values", "secrets are never logged"},
		{"log.redaction_text", "secrets are never logged, so nothing stands in their place"},
		{"organizations", unused},
		{"preview", "read consistency cannot be chosen yet"},
		{"security.disallow_ref_in_identity_schemas", "it is always so: references to other documents are refused"},
		{"serve.public.cors.debug", "there is nothing more to be told"},
		{"tracing.providers.jaeger", useOTLP},
		{"tracing.providers.zipkin", useOTLP},
	}
}

// unsupported lists the gaps that this configuration asks for. A key counts when
// somebody set it; a part that is switched off asks for nothing.
func unsupported(l *layers) (found []Issue) {
	for _, g := range gaps() {
		found = append(found, requested(l, g)...)
	}
	if p := l.text("tracing.provider"); p == "jaeger" || p == "zipkin" {
		found = append(found, Issue{Key: "tracing.provider", Source: l.source("tracing.provider"), Reason: p + ": no traces are sent: use otel"})
	}
	return append(found, providerGaps(l)...)
}

// providerGaps are what single providers ask for and do not get.
func providerGaps(l *layers) (found []Issue) {
	reasons := map[string]map[string]string{
		".provider": {
			"fedcm-test": "a stand-in for tests, whose tokens are signed with a secret that everybody knows",
		},
	}
	for _, leaf := range l.leaves("selfservice.methods.oidc.config.providers") {
		value, _ := leaf.value.(string)
		for suffix, byValue := range reasons {
			if reason, ok := byValue[value]; ok && strings.HasSuffix(leaf.key, suffix) {
				found = append(found, Issue{Key: leaf.key, Source: l.source(leaf.key), Reason: fmt.Sprintf("%s: %s", value, reason)})
			}
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
