package code

import (
	"encoding/json"
	"slices"
	"strings"

	"cardea/internal/config"
	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/ui"
)

// method is the name of the method in forms.
const method = "code"

// length is how many digits a code has.
const length = 6

// Steps are the method's steps.
func Steps() []*flow.Step {
	return []*flow.Step{firstFactor(), secondFactor(), confirming(), registration(), recovery(), proof(), verification()}
}

func settings(s *flow.Setup) *config.CodeMethod { return &s.SelfService.Methods.Code }

func enabled(s *flow.Setup) bool { return settings(s).Enabled }

func passwordless(s *flow.Setup) bool { return settings(s).Enabled && settings(s).PasswordlessEnabled }

func asSecondFactor(s *flow.Setup) bool { return settings(s).Enabled && settings(s).MFAEnabled }

// letter is a message with a code: its type, and the names of the code and of the
// address of its screen in its data.
type letter struct{ template, code, link string }

// issue makes a code for each address, and the messages that carry them.
func issue(x *flow.Exec, purpose string, l letter, to []identity.Address, i *identity.Identity) flow.Effects {
	codes := codesFor(x, purpose)
	var effects flow.Effects
	for _, address := range to {
		c := flow.Code{Digits: x.Digits(length), For: flow.CodeFor{Address: address}}
		if i != nil {
			c.For.Identity = i.ID
		}
		codes.List = append(codes.List, c)
		o := x.Letter(l.template, address).About(x.Setup, i, settings(x.Setup).Config.Lifespan)
		o.Data[l.code], o.Headers = c.Digits, x.Headers
		if to := x.Setup.ScreenWith(x.Flow, c.Digits); to != "" && address.Via == identity.Email {
			o.Data[l.link] = to
		}
		effects.Messages = append(effects.Messages, o)
	}
	effects.Codes = codes
	return effects
}

// pretend makes a code that nobody is sent and that stands for nobody, so that
// submissions are counted, and take their time, as if there were somebody.
func pretend(x *flow.Exec, purpose string) flow.Effects {
	codes := codesFor(x, purpose)
	codes.List = []flow.Code{{Digits: x.Digits(length)}}
	return flow.Effects{Codes: codes}
}

// notify is pretend, and tells whoever reads the address that nobody has it. Only
// mail is sent to strangers.
func notify(x *flow.Exec, purpose, template, address string, wanted bool) flow.Effects {
	effects := pretend(x, purpose)
	if plain, err := identity.StrictEmail(address); err == nil && wanted {
		effects.Messages = []flow.Outgoing{x.Letter(template, identity.Address{Value: plain, Via: identity.Email})}
	}
	return effects
}

func codesFor(x *flow.Exec, purpose string) *flow.Codes {
	c := settings(x.Setup).Config
	return &flow.Codes{Purpose: purpose, MaxAttempts: c.MaxSubmissions, ExpiresAt: x.Now.Add(c.Lifespan)}
}

// refusal says why a code that was there once is not accepted.
func refusal(o flow.Outcome) ui.Message {
	if o == flow.UsedBefore {
		return ui.New(ui.ValidationGeneric, "reason", "This code was used already. Ask for a new one.")
	}
	return ui.New(ui.ValidationGeneric, "reason", "Codes were entered too often. Start again from the beginning.")
}

// addressesOf are the addresses of an account's code credential, in order.
func addressesOf(i *identity.Identity) []identity.Address {
	var config struct {
		Addresses []struct {
			Channel identity.Channel `json:"channel"`
			Address string           `json:"address"`
		} `json:"addresses"`
	}
	if json.Unmarshal(i.Credentials[identity.Code].Config, &config) != nil {
		return nil
	}
	var all []identity.Address
	for _, a := range config.Addresses {
		if a.Address != "" {
			all = append(all, identity.Address{Value: a.Address, Via: a.Channel})
		}
	}
	return identity.SortAddresses(all)
}

// verifiableOf are the addresses of an account that can be verified.
func verifiableOf(i *identity.Identity) []identity.Address {
	var all []identity.Address
	for _, a := range i.VerifiableAddresses {
		all = append(all, identity.Address{Value: a.Value, Via: a.Via})
	}
	return all
}

// provedOf are the addresses of an account that were proved.
func provedOf(i *identity.Identity) []identity.Address {
	var all []identity.Address
	for _, a := range i.VerifiableAddresses {
		if a.Verified {
			all = append(all, identity.Address{Value: a.Value, Via: a.Via})
		}
	}
	return all
}

// among finds what was typed among addresses.
func among(all []identity.Address, typed string) (identity.Address, bool) {
	value := identity.NormalizeIdentifier(typed)
	at := slices.IndexFunc(all, func(a identity.Address) bool { return a.Value == value || a.Value == typed })
	if at < 0 {
		return identity.Address{}, false
	}
	return all[at], true
}

// channelOf guesses how an address that was typed is reached.
func channelOf(typed string) identity.Channel {
	if strings.Contains(typed, "@") {
		return identity.Email
	}
	return identity.SMS
}

// required says that a field is missing.
func required(field string) flow.FieldMessage {
	return flow.FieldMessage{Node: field, Message: ui.New(ui.ValidationRequired, "property", field)}
}

func lacking(field string) flow.Rejected {
	return flow.Rejected{Fields: []flow.FieldMessage{required(field)}}
}

// again says whether a submission asks for another code. The only value the
// field may have is the method's name.
func again(resend string) (bool, *flow.Rejected) {
	if resend == "" || resend == method {
		return resend != "", nil
	}
	r := flow.DenyField("resend", ui.New(ui.ValidationGeneric, "reason", `The field resend can only be "code".`))
	return false, &r
}

// factsOf reads what the method remembers of a flow.
func factsOf[T any](raw json.RawMessage) (facts T, err error) {
	if raw != nil {
		err = json.Unmarshal(raw, &facts)
	}
	return facts, err
}
