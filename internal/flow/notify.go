package flow

import (
	"encoding/json"
	"slices"
	"time"

	"cardea/internal/config"
	"cardea/internal/identity"
)

const hookNotifyPrevious = "notify_previous_addresses"

// notices are the messages to addresses an account had before a change: whoever
// reads them there hears of a change that was not theirs.
func (r *run) notices(before, after *identity.Identity) []Outgoing {
	recipients, on := notifyRecipients(r.SelfService.Flows.ByKind(string(Settings)).After.Methods["profile"].Hooks)
	if !on || len(newAddresses(before, after)) == 0 && len(newAddresses(after, before)) == 0 {
		return nil
	}
	removed := newAddresses(after, before)
	var all []Outgoing
	for _, a := range before.VerifiableAddresses {
		gone := slices.ContainsFunc(removed, func(x identity.VerifiableAddress) bool { return x.Via == a.Via && x.Value == a.Value })
		if recipients == "all" || recipients == "all_verified" && a.Verified || recipients == "removed" && gone {
			all = append(all, Outgoing{
				Template: "verifiable_address_changed", Channel: a.Via, Recipient: a.Value, Locale: r.LanguageOf(after.SchemaID, after.Traits),
				Data: map[string]any{
					"to": a.Value, "identity": r.publicIdentity(after), "changed_at": r.now.Format(time.RFC3339), "transient_payload": map[string]any{},
				},
			})
		}
	}
	return all
}

// notifyRecipients says whether the hook is configured, and whom it means.
func notifyRecipients(hooks []config.Hook) (recipients string, on bool) {
	at := slices.IndexFunc(hooks, func(h config.Hook) bool { return h.Name == hookNotifyPrevious })
	if at < 0 {
		return "", false
	}
	var c struct {
		Recipients string `json:"recipients"`
	}
	if len(hooks[at].Config) > 0 {
		_ = json.Unmarshal(hooks[at].Config, &c) // checked when the configuration was read
	}
	if c.Recipients == "" {
		c.Recipients = "removed"
	}
	return c.Recipients, true
}
