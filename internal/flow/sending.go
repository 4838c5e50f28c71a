package flow

import (
	"net/netip"
	"slices"
	"strings"

	"cardea/internal/config"
	"cardea/internal/gate"
	"cardea/internal/identity"
)

// sendBudgets is what a message counts for, and whether it is kept back whatever those
// say. The journeys do not ask: who has a message sent hears the same in any case.
func (r *run) sendBudgets(m Message) (all []gate.Counter, withheld gate.Scope) {
	all, settings := nil, &r.Cardea.Courier.Budgets
	if !settings.Enabled {
		return nil, ""
	}
	b, country := &settings.Email, ""
	if m.Channel != identity.Email {
		b = &settings.SMS
		country = identity.CountryOf(m.Recipient)
		if len(settings.Countries) > 0 && !slices.Contains(settings.Countries, country) {
			return nil, gate.Abroad
		}
	}
	for _, d := range []struct {
		scope   gate.Scope
		value   string
		budgets []config.SendBudget
	}{
		{gate.SendRecipient, mailboxOf(identity.NormalizeIdentifier(m.Recipient)), b.Recipient},
		{gate.SendSource, r.senderSource(), b.Source},
		{gate.SendTemplate, m.Template, b.Template},
		{gate.SendCountry, country, b.Country},
		{gate.SendTotal, string(m.Channel), b.Total},
	} {
		for _, budget := range d.budgets {
			if d.value == "" || budget.Messages == 0 {
				continue
			}
			key := r.key("send", string(d.scope), string(m.Channel), budget.Within.String(), d.value)
			all = append(all, gate.Counter{Scope: d.scope, Subject: key, About: key, Kept: true, Rule: gate.Bucket(budget.Messages, budget.Within)})
		}
	}
	return all, ""
}

// senderSource is the client's address as far as it tells clients apart. A private one
// can stand for everybody: for a proxy that nobody has named.
func (r *run) senderSource() string {
	if r.Source == (netip.Prefix{}) || r.Source.Addr().IsPrivate() || r.Source.Addr().IsLoopback() || r.Source.Addr().IsLinkLocalUnicast() {
		return ""
	}
	return r.Source.String()
}

// mailboxOf leaves out what many mail servers let everybody add to their address (RFC
// 5233): all of that arrives in one mailbox.
func mailboxOf(address string) string {
	local, domain, ok := strings.Cut(address, "@")
	if !ok {
		return address
	}
	plain, _, _ := strings.Cut(local, "+")
	if plain == "" {
		return address
	}
	return plain + "@" + domain
}
