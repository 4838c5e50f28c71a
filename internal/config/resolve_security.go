package config

import (
	"cmp"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
)

// proxies reads the networks of proxies whose word counts for where clients are.
func (r resolver) proxies() error {
	t := &r.Cardea.Throttle
	for _, text := range t.TrustedProxies {
		p, err := netip.ParsePrefix(text)
		if a, err2 := netip.ParseAddr(text); err2 == nil {
			p, err = a.Prefix(a.BitLen())
		}
		if err != nil {
			return fmt.Errorf("cardea.throttle.trusted_proxies: %q is neither an address nor a network", text)
		}
		t.Proxies = append(t.Proxies, p.Masked())
	}
	return nil
}

// enumeration switches on what cardea.security.strict_enumeration includes, so that
// journeys ask for the one setting that they are about.
func (r resolver) enumeration() {
	if !r.Cardea.Security.StrictEnumeration {
		return
	}
	flows := &r.SelfService.Flows
	r.Security.AccountEnumeration.Mitigate = true
	flows.Recovery.NotifyUnknownRecipients = true
	flows.Verification.NotifyUnknownRecipients = true
	flows.Registration.LoginHints = false
	if flows.Registration.Enabled && !flows.Verification.Enabled {
		r.warn("cardea.security.strict_enumeration", "does not close registration: that needs selfservice.flows.verification.enabled, because the truth goes by mail")
	}
}

// barrier settles when the barrier stands in front of each kind of journey. A page that is
// not ours may be unable to show it, which leaves people without a way on, so there
// somebody has to ask for it.
func (r resolver) barrier() {
	c := &r.Cardea.Captcha
	settled := make(map[string]string)
	for _, kind := range kinds() {
		suits := CaptchaNever
		if r.SelfService.Flows.ByKind(kind).UIBuiltIn {
			suits = CaptchaRisk
		}
		settled[kind] = cmp.Or(c.Flows[kind], c.When, suits)
	}
	c.Flows = settled
}

// captcha checks that a service can be asked, and where its answers may come from.
func (r resolver) captcha() error {
	c := &r.Cardea.Captcha
	if c.Provider == ProofOfWork {
		return nil
	}
	if c.Service.SiteKey == "" || c.Service.Secret == "" {
		return fmt.Errorf("cardea.captcha.service: the provider %s needs a site_key and a secret", c.Provider)
	}
	if len(c.Service.Hostnames) > 0 {
		return nil
	}
	add := func(address string) {
		if u, err := url.Parse(address); err == nil && u.Hostname() != "" && !slices.Contains(c.Service.Hostnames, u.Hostname()) {
			c.Service.Hostnames = append(c.Service.Hostnames, u.Hostname())
		}
	}
	add(r.Serve.Public.BaseURL.String())
	for _, kind := range kinds() {
		add(r.SelfService.Flows.ByKind(kind).UIURL)
	}
	return nil
}
