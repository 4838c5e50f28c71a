package webauthn

import (
	"bytes"
	"context"
	"errors"
	"reflect"

	"github.com/go-webauthn/webauthn/protocol"
	gowebauthn "github.com/go-webauthn/webauthn/webauthn"
	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/ui"
)

// maxAnswer is how long the answer of an authenticator may be, in bytes. Real ones
// have a few kilobytes, with a chain of certificates some more.
const maxAnswer = 64 << 10

// challengePurpose is under which the use of challenges is remembered.
const challengePurpose = "webauthn challenge"

// unreadable refuses what is no answer of an authenticator.
func unreadable() flow.Rejected { return generic("The answer of the authenticator cannot be read.") }

// unverified refuses an answer that is not right; it does not tell why.
func unverified() flow.Rejected { return flow.Deny(ui.New(ui.ValidationSecurityKey)) }

func generic(reason string) flow.Rejected {
	return flow.Deny(ui.New(ui.ValidationGeneric, "reason", reason))
}

func lacking(field string) flow.Rejected {
	return flow.DenyField(field, ui.New(ui.ValidationRequired, "property", field))
}

// parseAttestation reads what a browser sends for a new key; false when it cannot
// be read.
func parseAttestation(text string) (*protocol.ParsedCredentialCreationData, bool) {
	if len(text) > maxAnswer {
		return nil, false
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes([]byte(text))
	return parsed, err == nil
}

// parseAssertion reads what a browser sends of a key that was used.
func parseAssertion(text string) (*protocol.ParsedCredentialAssertionData, bool) {
	if len(text) > maxAnswer {
		return nil, false
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(text))
	return parsed, err == nil
}

// enroll verifies a new key and uses the challenge up. What is wrong with it is a
// rejection.
func (p *party) enroll(ctx context.Context, x *flow.Exec, f facts, text string) (*gowebauthn.Credential, *flow.Rejected, error) {
	deny := func(r flow.Rejected) (*gowebauthn.Credential, *flow.Rejected, error) { return nil, &r, nil }
	parsed, ok := parseAttestation(text)
	if !ok {
		return deny(unreadable())
	}
	made, err := p.lib.CreateCredential(account{handle: f.Session.UserID}, f.Session, parsed)
	if err != nil {
		return deny(unverified()) // every error is about the answer
	}
	if !p.vouched(parsed.Response.AttestationObject, x.Now) {
		return deny(generic("Nobody who is trusted here vouches for this key."))
	}
	if !p.permits(made.Authenticator.AAGUID) {
		return deny(generic("Keys of this model are not accepted here."))
	}
	if won, err := x.Spend(ctx, challengePurpose, []byte(f.Session.Challenge)); err != nil || !won {
		r := unverified()
		return nil, &r, err
	}
	return made, nil, nil
}

// verify checks an answer against the keys of the one whose handle it is, and uses
// the challenge up. It gives the stored key and how the library sees it now.
func (p *party) verify(ctx context.Context, x *flow.Exec, f facts, keys []identity.SecurityKey, handle []byte, parsed *protocol.ParsedCredentialAssertionData) (key identity.SecurityKey, answer *gowebauthn.Credential, ok bool, err error) {
	owner := account{handle: handle}
	for _, k := range keys {
		owner.keys = append(owner.keys, libraryKey(k, parsed.Response.AuthenticatorData.Flags))
	}
	s := f.Session
	s.UserID = handle // the ceremony was begun for whoever answers
	if answer, err = p.lib.ValidateLogin(owner, s, parsed); err != nil {
		return key, nil, false, nil // every error is about the answer
	}
	ok, err = x.Spend(ctx, challengePurpose, []byte(f.Session.Challenge))
	if err != nil || !ok {
		return key, nil, false, err
	}
	at := keyring{Keys: keys}.index(answer.ID)
	return keys[at], answer, true, nil
}

// remember stores what the use of a key has changed about it, nil when nothing has.
// A key that was removed in the meantime ends the login.
func remember(t identity.CredentialType, key identity.SecurityKey, answer *gowebauthn.Credential) func(*identity.Identity) error {
	if reflect.DeepEqual(key, used(key, answer)) {
		return nil
	}
	return func(i *identity.Identity) error {
		r, err := ringOf(i, t)
		if err != nil {
			return err
		}
		at := r.index(answer.ID)
		if at < 0 {
			return problem.BadRequest("The key was removed from the account.")
		}
		updated := r.row.UpdatedAt
		r.Keys[at] = used(r.Keys[at], answer)
		return r.put(i, updated) // nobody has changed the credential
	}
}

// accountOf loads an account; nil for one that is not there.
func accountOf(ctx context.Context, x *flow.Exec, id uuid.UUID) (*identity.Identity, error) {
	i, err := x.Store.Identity(ctx, id)
	if errors.Is(err, problem.ErrNotFound) {
		return nil, nil
	}
	return i, err
}

// again draws a new challenge for a flow that may go on after one was used up.
func (p *party) again(x *flow.Exec, f facts) (facts, error) {
	challenge, err := x.Random(challengeSize)
	if err != nil {
		return f, err
	}
	f.Session.Challenge = protocol.URLEncodedBase64(challenge).String()
	return f, nil
}

// begun makes facts of a ceremony.
func begun(x *flow.Exec, s gowebauthn.SessionData) (f facts, err error) {
	f.Session = s
	f.Nonce, err = newID(x)
	return f, err
}

// newID draws a random id (RFC 9562 section 5.4).
func newID(x *flow.Exec) (uuid.UUID, error) {
	raw, err := x.Random(len(uuid.UUID{}))
	if err != nil {
		return uuid.Nil, err
	}
	return uuid.NewRandomFromReader(bytes.NewReader(raw))
}

// of reads a method's facts of the flow that is submitted.
func of(x *flow.Exec, method string) (facts, bool, error) {
	return read(x.Flow.Facts[method])
}
