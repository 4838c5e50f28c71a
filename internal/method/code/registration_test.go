package code_test

import (
	"slices"
	"strings"
	"testing"

	"cardea/cardeatest"
)

// askToSignUp begins a registration and asks for codes.
func askToSignUp(t *testing.T, c *cardeatest.Client, traits map[string]any) *cardeatest.Flow {
	t.Helper()
	f := c.Start("registration", "")
	form := f.Form(f.Submit(with(traits, "")))
	wantMessages(t, "ask for a code", form, 1040005)
	wantState(t, "ask for a code", form, "sent_email")
	return f
}

// with is a submission with traits, and a code unless it is "".
func with(traits map[string]any, code string) map[string]any {
	fields := map[string]any{"method": "code"}
	for name, value := range traits {
		fields["traits."+name] = value
	}
	if code != "" {
		fields["code"] = code
	}
	return fields
}

func TestSomebodySignsUpWithACode(t *testing.T) {
	each(t, passwordless, "", func(t *testing.T, s *cardeatest.Server, c *cardeatest.Client) {
		traits := map[string]any{"email": email, "other": "zoe@cardea.test"}
		f := askToSignUp(t, c, traits)
		code := s.LastMail("zoe@cardea.test").Code()
		if s.LastMail(email).Code() == code {
			t.Error("both addresses got the same code")
		}
		wantMessages(t, "wrong code", f.Form(f.Submit(with(traits, cardeatest.WrongCode(code)))), 4040003)
		changed := map[string]any{"email": "eve@cardea.test", "other": "zoe@cardea.test"}
		wantMessages(t, "other traits", f.Form(f.Submit(with(changed, code))), 4000036)
		done := f.Submit(with(traits, code))
		wantStatus(t, "right code", done, goesOn(c, 200))
		if c.Kind == cardeatest.Native {
			c.Token = done.Text("session_token")
		}
		me := c.WhoAmI()
		wantStatus(t, "whoami", me, 200)
		id := me.Text("identity", "id")
		if !verified(t, s, id, "zoe@cardea.test") {
			t.Error("the address whose code was used is not verified")
		}
		if verified(t, s, id, email) {
			t.Error("the other address is verified")
		}
		mails := s.Mails(email)
		if last := mails[len(mails)-1].Template; last != "verification_code_valid" {
			t.Errorf("the last mail to the other address is a %s, want its verification", last)
		}
	})
}

func TestATakenAddressShowsOnlyToItsOwner(t *testing.T) {
	s := passwordless(t, "")
	somebody(t, s, map[string]any{"email": email})
	c := s.Client(cardeatest.Native)
	f := askToSignUp(t, c, map[string]any{"email": email})
	traits := map[string]any{"email": email}
	wantMessages(t, "right code", f.Submit(with(traits, s.LastMail(email).Code())), 4000007)
	wantMessages(t, "afterwards", f.Submit(with(traits, "000000")), 4010003)
}

func TestACodeOfAnAddressThatWasLeftOutIsWrong(t *testing.T) {
	s := passwordless(t, "")
	f := askToSignUp(t, s.Client(cardeatest.Native), map[string]any{"email": email, "other": "zoe@cardea.test"})
	left := map[string]any{"email": email}
	wantMessages(t, "the code of the address that is gone", f.Submit(with(left, s.LastMail("zoe@cardea.test").Code())), 4040003)
}

func TestMissingAndInvalidTraitsGetNoCode(t *testing.T) {
	s := passwordless(t, "")
	f := s.Client(cardeatest.Native).Start("registration", "")
	a := f.Submit(map[string]any{"method": "code", "traits.email": "nope"})
	wantStatus(t, "an address that is none", a, 400)
	wantState(t, "an address that is none", a, "choose_method")
	if len(s.Mails("nope")) != 0 {
		t.Error("a mail went to an address that is none")
	}
}

func TestRegistrationCodesAreCountedForTheFlow(t *testing.T) {
	s := passwordless(t, "")
	traits := map[string]any{"email": email}
	f := askToSignUp(t, s.Client(cardeatest.Native), traits)
	code := s.LastMail(email).Code()
	f.Submit(with(map[string]any{"email": "eve@cardea.test"}, code)) // a change of traits does not count
	for range 5 {
		wantMessages(t, "one of five wrong codes", f.Submit(with(traits, cardeatest.WrongCode(code))), 4040003)
	}
	wantMessages(t, "the right code", f.Submit(with(traits, code)), 4000001)
}

func TestAfterTwoScreensTheCodeHasAWayBack(t *testing.T) {
	s := cardeatest.New(t, cardeatest.Options{Config: strings.Replace(config("passwordless_enabled: true", ""), "registration: {", "registration: {style: profile_first, ", 1)})
	f := s.Client(cardeatest.Native).Start("registration", "")
	chosen := f.Submit(map[string]any{"method": "profile", "traits.email": email})
	wantMessages(t, "the traits", chosen, 1040009)
	sent := f.Submit(with(map[string]any{"email": email}, ""))
	want := []string{
		"traits.email", "traits.other", "traits.phone", "traits.username",
		"method=code", "code", "method=code", "resend=code", "screen=credential-selection",
	}
	if got := names(sent); !slices.Equal(got, want) {
		t.Errorf("the form has %v, want %v", got, want)
	}
	back := f.Submit(map[string]any{"method": "code", "screen": "credential-selection", "traits.email": email})
	wantMessages(t, "back", back, 1040009)
	wantState(t, "back", back, "choose_method")
}
