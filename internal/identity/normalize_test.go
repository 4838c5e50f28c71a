package identity_test

import (
	"errors"
	"strings"
	"testing"

	"cardea/internal/identity"
)

func TestNormalizeIdentifier(t *testing.T) {
	for about, tc := range map[string]struct{ in, want string }{
		"an address is trimmed and lower-cased":    {" Foo@Ex.ORG ", "foo@ex.org"},
		"a user name is lower-cased":               {"CaptainNemo", "captainnemo"},
		"invisible characters go":                  {"fo\u200bo\u00ad@ex.org", "foo@ex.org"},
		"bidi controls go":                         {"\u202efoo@ex.org", "foo@ex.org"},
		"controls go":                              {"f\too\x00\r\n", "foo"},
		"DEL goes":                                 {"foo\x7f", "foo"},
		"full-width letters become plain":          {"Ｆｏｏ＠ｅｘ．ｏｒｇ", "foo@ex.org"},
		"compatibility forms become plain":         {"ﬁsh", "fish"},
		"decomposed letters are composed":          {"jose\u0301", "jos\u00e9"},
		"emoji survive":                            {"😀cat", "😀cat"},
		"the emoji variation selector goes":        {"❤\ufe0f", "❤"},
		"private use goes":                         {"a\ue000b", "ab"},
		"non-characters go":                        {"a\ufffeb", "ab"},
		"broken UTF-8 goes":                        {"a\xffb", "ab"},
		"both sigmas of a capital are one":         {"ΟΔΟΣ", "οδοσ"},
		"a phone number becomes E.164":             {"+1 (650) 253-0001", "+16502530001"},
		"a full-width phone number becomes E.164":  {"＋１６５０２５３０００１", "+16502530001"},
		"an invalid phone number stays":            {"+1 555", "+1 555"},
		"a national number is no phone number":     {"6502530001", "6502530001"},
		"a number with an extension is no address": {"+16502530001 ext 5", "+16502530001 ext 5"},
		"inner spaces stay":                        {"Jules  Verne", "jules  verne"},
		"a no-break space is a space":              {"a\u00a0b\u00a0", "a b"},
		"what is left of nothing is nothing":       {" \u200b ", ""},
	} {
		if got := identity.NormalizeIdentifier(tc.in); got != tc.want {
			t.Errorf("%s: %q gives %q, want %q", about, tc.in, got, tc.want)
		}
	}
}

func TestStrictEmail(t *testing.T) {
	for about, tc := range map[string]struct {
		in, want string
		err      error
	}{
		"spelling is folded":        {" Foo@Ex.ORG ", "foo@ex.org", nil},
		"a display name is dropped": {"Foo <Foo@ex.org>", "foo@ex.org", nil},
		"an international domain":   {"a@MÜNCHEN.example", "a@münchen.example", nil},
		"a Hebrew address":          {"א@א", "א@א", nil},
		"no at sign":                {"nope", "", identity.ErrEmail},
		"empty":                     {"", "", identity.ErrEmail},
		"two addresses":             {"a@b.c, d@e.f", "", identity.ErrEmail},
		"a quoted local part":       {`"a b"@ex.org`, "", identity.ErrEmail},
		"a host number":             {"a@[127.0.0.1]", "", identity.ErrEmail},
		"a zero-width space":        {"fo\u200bo@ex.org", "", identity.ErrForbiddenRune},
		"a bidi override":           {"foo\u202e@ex.org", "", identity.ErrForbiddenRune},
		"a line break":              {"foo@ex.org\r\nBcc: a@b.c", "", identity.ErrForbiddenRune},
		"mixed writing directions":  {"אfoo@ex.org", "", identity.ErrBidi},
	} {
		got, err := identity.StrictEmail(tc.in)
		if got != tc.want || !errors.Is(err, tc.err) {
			t.Errorf("%s: %q, %v; want %q, %v", about, got, err, tc.want, tc.err)
		}
	}
}

func TestStrictPhone(t *testing.T) {
	for in, want := range map[string]string{
		"+49 30 901820": "+4930901820", " ＋1 650-253-0001": "+16502530001",
		"6502530001": "", "+1 555": "", "nope": "", "": "", "+16502530001 ext. 5": "", "tel:+16502530001": "",
		"+" + strings.Repeat("1", 300): "",
	} {
		got, err := identity.StrictPhone(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q gives %q, %v; want %q", in, got, err, want)
		}
	}
}

func TestMaskAddress(t *testing.T) {
	for in, want := range map[string]string{
		"someone@example.test": "so****@example.test",
		"ab@example.test":      "ab****@example.test",
		"a@example.test":       "a@example.test",
		"+1 650-253-0001":      "+1 ****01",
		"+16502530001":         "+16****01",
		"12345":                "12345",
		"éàü@example.test":     "éà****@example.test",
	} {
		if got := identity.MaskAddress(in); got != want {
			t.Errorf("%q gives %q, want %q", in, got, want)
		}
	}
}

func FuzzNormalizeIdentifier(f *testing.F) {
	for _, s := range []string{" Foo@Ex.ORG ", "+1 (650) 253-0001", "ΟΔΟΣ", "İ", "Ⅷ\u0301", "ﷺ", "ªº", "\u0345a", "a\xff", "ｋ\u0338", "+４９ 30 901820"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once := identity.NormalizeIdentifier(s)
		if twice := identity.NormalizeIdentifier(once); twice != once {
			t.Errorf("%q gives %q, then %q", s, once, twice)
		}
		if mail, err := identity.StrictEmail(s); err == nil && identity.NormalizeIdentifier(mail) != mail {
			t.Errorf("the strict form %q is not normalised", mail)
		}
		if phone, err := identity.StrictPhone(s); err == nil && identity.NormalizeIdentifier(phone) != phone {
			t.Errorf("the strict form %q is not normalised", phone)
		}
	})
}

func BenchmarkNormalizeIdentifier(b *testing.B) {
	for name, s := range map[string]string{"mail": "Someone@Example.test", "unicode": "Jürgen@Example.test", "phone": "+1 650 253 0001"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				identity.NormalizeIdentifier(s)
			}
		})
	}
}

func TestANumberTellsItsCountry(t *testing.T) {
	for number, want := range map[string]string{
		"+493012345678": "DE", "+16502530000": "US", "+14165550123": "CA", "+18765550123": "JM", "+77012345678": "KZ", "+79161234567": "RU",
		"+441481960194": "GG", "+80012345678": "", "493012345678": "", "ann@cardea.test": "", "": "",
	} {
		if got := identity.CountryOf(number); got != want {
			t.Errorf("%s is of %q, want %q", number, got, want)
		}
	}
}
