package flow

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/risk"
	"cardea/internal/secret"
	"cardea/internal/session"
)

// A mail about an unusual sign-in asks "was this you?", and carries a link for those
// whom it was not: it leads to a page with a button, works once and for a while, ends
// that session and leads on to recovery. Nothing is compared with that session any more,
// so that its network and device do not pass for the owner's.

const (
	notMePurpose              = "not me"
	notMeLabel   secret.Label = "not me"
	// inquiryTemplate is the type of the mail.
	inquiryTemplate = "sign_in_unusual"

	// NotMePath is where the built-in page for such links is, below the public URL.
	NotMePath = "not-me"
)

// notMe is what a link ends.
type notMe struct {
	Session uuid.UUID `json:"session"`
}

// notMePage is where the links lead; "" when there is no such page.
func (s *Setup) notMePage() string {
	if own := s.Cardea.Risk.NotMe.UIURL; own != "" {
		return own
	}
	if s.Cardea.Account.Enabled {
		return s.Public(NotMePath, nil)
	}
	return ""
}

// inquire adds a mail to the verified mail addresses of an account, when a policy wants
// its owner to hear of a sign-in. Only addresses that were proved get one: whoever
// signed up with the address of somebody else must not write to them.
func (r *run) inquire(e *Effects, i *identity.Identity, s *session.Session) error {
	if r.verdict.Response != risk.Notify {
		return nil
	}
	data := r.circumstances(i)
	link, once, err := r.notMe(i, s)
	if err != nil {
		return err
	}
	sent := false
	for _, a := range i.VerifiableAddresses {
		if a.Via != identity.Email || !a.Verified {
			continue
		}
		own := map[string]any{"to": a.Value}
		for k, v := range data {
			own[k] = v
		}
		if link != "" {
			own["not_me_url"] = link
		}
		sent = true
		e.Messages = append(e.Messages, Outgoing{
			Template: inquiryTemplate, Channel: a.Via, Recipient: a.Value, Locale: r.LanguageOf(i.SchemaID, i.Traits), Data: own,
		})
	}
	if sent && link != "" {
		e.Beside = append(e.Beside, once)
	}
	return nil
}

// circumstances are what a mail tells of a sign-in. Nothing of it is a text that the
// client could make up: the place is that of the operator's file, and of the device
// only well-known names are told.
func (r *run) circumstances(i *identity.Identity) map[string]any {
	data := map[string]any{
		"identity": r.publicIdentity(i), "signed_in_at": r.now.Format(time.RFC3339), "transient_payload": map[string]any{},
		"device": "", "place": "", "ip_address": "",
	}
	if r.Device.UserAgent != nil {
		browser, system := session.Agent(*r.Device.UserAgent)
		data["device"] = strings.Trim(browser+", "+system, ", ")
	}
	if !r.Source.IsValid() {
		return data
	}
	data["ip_address"] = strings.TrimSuffix(r.Source.String(), "/32")
	if r.places != nil {
		place, _ := r.places.Find(r.Source.Addr())
		data["place"] = place.String()
	}
	return data
}

// notMe makes a link that ends a session; "" when there is none to be made.
func (r *run) notMe(i *identity.Identity, s *session.Session) (link string, once OneTime, err error) {
	lifespan, page := r.Cardea.Risk.NotMe.Lifespan, r.notMePage()
	if lifespan <= 0 || page == "" {
		return "", once, nil
	}
	raw, err := json.Marshal(notMe{Session: s.ID})
	if err != nil {
		return "", once, err
	}
	sealed, err := r.Keys.Seal(r.rand, notMeLabel, raw, i.ID[:])
	if err != nil {
		return "", once, err
	}
	token := i.ID.String() + "." + session.NewExchangeCode(r.rand)
	once = OneTime{Purpose: notMePurpose, Subject: i.ID.String(), Key: session.HashToken(token), Payload: sealed, ExpiresAt: r.now.Add(lifespan)}
	return withQuery(page, "token", token), once, nil
}

// NotMe ends a session that was not its owner's: POST /self-service/not-me. An
// application is answered with an Ended, a page is sent to where links lead, with
// state=ended.
func (e *Engine) NotMe(ctx context.Context, v *Visit) *Answer {
	r := e.begin(Settings, v)
	body, err := r.read()
	if err != nil {
		return r.forward(ctx, err)
	}
	switch err := r.endForeign(ctx, body.First("token")); {
	case err != nil:
		return r.forward(ctx, err)
	case r.JSON:
		return &Answer{Status: 200, Body: &Ended{Next: r.RecoveryStart()}}
	}
	return redirect(303, withQuery(cmp.Or(r.notMePage(), r.SelfService.DefaultBrowserReturnURL), "state", "ended"))
}

// Ended is the answer to an application that has ended a session. Next is where a
// browser sets a new password, "" for nowhere.
type Ended struct{ Next string }

// RecoveryStart is where a browser begins a recovery; "" when that is switched off.
func (s *Setup) RecoveryStart() string {
	if !s.SelfService.Flows.Recovery.Enabled {
		return ""
	}
	return s.Public("self-service/recovery/browser", nil)
}

// errNotMeOver refuses a link: it is no link of ours, or it was used, or it is too old.
func errNotMeOver() *problem.Error {
	return problem.New(410, "This link does not work any more: it was used already, or it is too old.")
}

// endForeign ends the session of a link. Nothing is used up when that fails, and a
// session that is over by itself counts as ended.
func (r *run) endForeign(ctx context.Context, token string) error {
	text, _, _ := strings.Cut(token, ".")
	owner, err := uuid.Parse(text)
	if err != nil {
		return errNotMeOver()
	}
	key := session.HashToken(token)
	sealed, err := r.store.PeekOneTime(ctx, notMePurpose, owner.String(), key, r.now)
	if errors.Is(err, problem.ErrNotFound) {
		return errNotMeOver()
	}
	if err != nil {
		return err
	}
	raw, err := r.Keys.Open(notMeLabel, sealed, owner[:])
	if err != nil {
		return errNotMeOver() // made with a secret that was taken away
	}
	var n notMe
	if err := json.Unmarshal(raw, &n); err != nil {
		return err
	}
	return r.store.Write(ctx, func(tx Tx) error {
		ok, err := tx.TakeOneTime(notMePurpose, owner.String(), key, r.now)
		if err != nil {
			return err
		}
		if !ok {
			return errNotMeOver()
		}
		return tx.DropSession(n.Session, r.now)
	})
}
