package webauthn_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"cardea/cardeatest"
)

var model = [16]byte{0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}

// trusting is a server that accepts keys for which one of these makers vouches.
func trusting(t *testing.T, more string, makers ...*cardeatest.Maker) *cardeatest.Server {
	t.Helper()
	var roots []string
	for _, m := range makers {
		roots = append(roots, "'base64://"+base64.StdEncoding.EncodeToString(m.Root)+"'")
	}
	return house(t, second, "cardea: {webauthn: {attestation_roots: ["+strings.Join(roots, ", ")+"]"+more+"}}")
}

func TestAKeyNeedsSomebodyWhoVouchesForIt(t *testing.T) {
	maker, another := cardeatest.NewMaker(t, model), cardeatest.NewMaker(t, model)
	forged := *maker
	forged.Chain = [][]byte{maker.Chain[0], another.Chain[1]}
	short := *maker
	short.Chain = maker.Chain[:1]
	stolen := *another // signs with its own key under the certificate of the maker
	stolen.Chain = maker.Chain
	for about, c := range map[string]struct {
		maker *cardeatest.Maker
		want  int
	}{
		"nobody vouches":                              {nil, 4000001},
		"the maker does":                              {maker, 0},
		"another maker does":                          {another, 4000001},
		"the chain is of two makers":                  {&forged, 4000001},
		"the chain has a gap":                         {&short, 4000001},
		"the certificate is somebody else's":          {&stolen, 4000043},
		"the certificate is for another model of key": {cardeatest.NewMaker(t, [16]byte{1}), 4000043},
	} {
		for _, kind := range []string{"a passkey", "a security key"} {
			t.Run(about+" of "+kind, func(t *testing.T) {
				t.Parallel()
				s := trusting(t, "", maker)
				client := s.Client(cardeatest.SPA)
				client.SignUp(email, cardeatest.Password)
				f := client.Start("settings", "")
				k := key(t)
				k.AAGUID, k.Maker = model, c.maker
				options, fields := "passkey_create_data", map[string]any{"method": "passkey"}
				if kind == "a security key" {
					options, fields = "webauthn_register_trigger", map[string]any{"method": "webauthn", "webauthn_register_displayname": "k"}
				}
				text := value(t, f.Answer, options)
				if !strings.Contains(text, `"attestation":"direct"`) {
					t.Errorf("the browser is asked with %s", text)
				}
				answer := k.Create(text)
				if kind == "a security key" {
					fields["webauthn_register"] = answer
				} else {
					fields["passkey_settings_register"] = answer
				}
				a := f.Submit(fields)
				if c.want == 0 {
					status(t, "the key", a, http.StatusOK)
				} else {
					refused(t, "the key", f, a, c.want)
				}
			})
		}
	}
}

func TestAModelOnTheListNeedsItsMaker(t *testing.T) {
	maker, other := cardeatest.NewMaker(t, model), cardeatest.NewMaker(t, [16]byte{1})
	s := trusting(t, ", allowed_aaguids: [00112233-4455-6677-8899-aabbccddeeff]", maker, other)
	client := s.Client(cardeatest.SPA)
	client.SignUp(email, cardeatest.Password)
	f := client.Start("settings", "")
	k := key(t)
	k.AAGUID, k.Maker = [16]byte{1}, other
	register := func() *cardeatest.Answer {
		return f.Submit(map[string]any{"method": "passkey", "passkey_settings_register": k.Create(value(t, f.Fetch(), "passkey_create_data"))})
	}
	refused(t, "another model", f, register(), 4000001)
	k.AAGUID, k.Maker = model, nil
	refused(t, "a model that only says so", f, register(), 4000001)
	k.Maker = maker
	status(t, "the model", register(), http.StatusOK)
}

func TestSignUpNeedsSomebodyWhoVouchesForTheKey(t *testing.T) {
	maker := cardeatest.NewMaker(t, model)
	s := trusting(t, "", maker)
	k := key(t)
	client := s.Client(cardeatest.Native)
	f := client.Start("registration", "")
	fields := map[string]any{"method": "passkey", "traits.email": email, "passkey_register": k.Create(value(t, f.Answer, "passkey_create_data"))}
	refused(t, "nobody vouches", f, f.Submit(fields), 4000001)
	k.AAGUID, k.Maker = model, maker
	signUp(t, client, k, email)
}
