package httpapi

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"cardea/internal/identity"
)

const unknownID = "4e0f8ad5-5f1c-4c6e-8d3b-07c1fbd6a1f0"

func keysOfObject(v any) []string {
	m, _ := v.(map[string]any)
	return slices.Sorted(maps.Keys(m))
}

func TestACreatedIdentityCanBeRead(t *testing.T) {
	d := newDesk(t)
	created := d.want(201, "POST", "/admin/identities", `{"schema_id":"person","traits":{"email":"Ann@example.test"},"external_id":"ext-1","metadata_public":{"plan":"<gold>"},"region":"eu"}`)
	id := created.text("id")
	if got := created.Header().Get("Location"); got != "https://admin.example.test/identities/"+id {
		t.Errorf("Location: %s", got)
	}
	if got := keysOfObject(created.json); !cmp.Equal(got, []string{"created_at", "credentials", "external_id", "id", "metadata_public", "organization_id",
		"recovery_addresses", "region", "schema_id", "schema_url", "state", "state_changed_at", "traits", "updated_at", "verifiable_addresses"}) {
		t.Errorf("created: %v", got)
	}
	if v := created.at("credentials", "password", "version"); v != 0.0 {
		t.Errorf("a fresh password has version %v", v)
	}
	if !strings.Contains(created.Body.String(), `{"plan":"\u003cgold\u003e"}`) {
		t.Errorf("JSON is not escaped for HTML: %s", created.Body)
	}
	for _, path := range []string{"/admin/identities/" + id, "/identities/" + id, "/admin/identities/by/external/ext-1"} {
		read := d.want(200, "GET", path, "")
		if got := keysOfObject(read.json); !slices.Contains(got, "metadata_admin") || slices.Contains(got, "region") {
			t.Errorf("%s: %v", path, got)
		}
		if read.text("schema_url") != "https://id.example.test/schemas/cGVyc29u" || read.text("traits", "email") != "Ann@example.test" ||
			read.text("verifiable_addresses", 0, "value") != "ann@example.test" {
			t.Errorf("%s: %s", path, read.Body)
		}
		if v := read.at("credentials", "password", "version"); v != 1.0 {
			t.Errorf("a stored password is shown in version %v", v)
		}
	}
}

func TestMetadataAdminIsShownToWhoSentIt(t *testing.T) {
	d := newDesk(t)
	for body, want := range map[string]bool{
		`{"traits":{"email":"a@example.test"}}`:                               false,
		`{"traits":{"email":"b@example.test"},"metadata_admin":null}`:         true,
		`{"traits":{"email":"c@example.test"},"metadata_admin":{"note":"x"}}`: true,
	} {
		created := d.want(201, "POST", "/admin/identities", body)
		replaced := d.want(200, "PUT", "/admin/identities/"+created.text("id"), body)
		for _, a := range []answer{created, replaced} {
			if got := slices.Contains(keysOfObject(a.json), "metadata_admin"); got != want {
				t.Errorf("%s: %s", body, a.Body)
			}
		}
	}
}

func TestCreateRefuses(t *testing.T) {
	d := newDesk(t)
	with := func(member string) string { return `{"traits":{"email":"x@example.test"},` + member + `}` }
	for about, tc := range map[string]struct {
		body   string
		reason bool // decoding errors explain themselves in the message
	}{
		"nothing":                         {``, false},
		"broken JSON":                     {`{"traits":`, false},
		"an unknown member":               {with(`"colour":"blue"`), false},
		"an unknown member further down":  {with(`"credentials":{"password":{"config":{"colour":1}}}`), false},
		"credentials of an unknown type":  {with(`"credentials":{"code":{"config":{}}}`), false},
		"an organization that is no UUID": {with(`"organization_id":"acme"`), false},
		"a member of the wrong type":      {with(`"external_id":7`), false},
		"a body that is too large":        {with(`"metadata_public":"` + strings.Repeat("x", maxBody) + `"`), false},
		"no traits":                       {`{}`, true},
		"traits that are null":            {`{"traits":null}`, true},
		"traits that are a list":          {`{"traits":[1]}`, true},
		"traits that are not valid":       {`{"traits":{"email":"nope"}}`, true},
		"an unknown schema":               {with(`"schema_id":"nope"`), true},
		"an unknown state":                {with(`"state":"asleep"`), true},
		"an unknown region":               {with(`"region":"moon"`), true},
		"a long external id":              {with(`"external_id":"` + strings.Repeat("x", 65) + `"`), true},
		"an unknown hash":                 {with(`"credentials":{"password":{"config":{"hashed_password":"$unknown$x"}}}`), true},
		"a password without anything":     {with(`"credentials":{"password":{"config":{}}}`), true},
		"a password that is too long":     {with(`"credentials":{"password":{"config":{"password":"12345678901"}}}`), true},
		"a passkey without a handle":      {with(`"credentials":{"passkey":{"config":{"credentials":[{"id":"YQ==","public_key":"YQ=="}]}}}`), true},
		"an address on an unknown path":   {with(`"verifiable_addresses":[{"value":"x@example.test","via":"pigeon"}]`), true},
	} {
		a := d.ask("POST", "/admin/identities", tc.body)
		if a.Code != 400 || a.at("error", "code") != 400.0 || (a.text("error", "reason") != "") != tc.reason || a.text("error", "message") == "" {
			t.Errorf("%s: %d %.300s", about, a.Code, a.Body)
		}
	}
	if list := d.want(200, "GET", "/admin/identities", ""); len(list.json.([]any)) != 0 {
		t.Errorf("something was created: %s", list.Body)
	}
}

func TestDataBehindABodyIsIgnored(t *testing.T) {
	newDesk(t).want(201, "POST", "/admin/identities", `{"traits":{"email":"x@example.test"}} trailing`)
}

func TestConflictsNeverSayWhose(t *testing.T) {
	d := newDesk(t)
	const secretMail = "taken@example.test"
	d.want(201, "POST", "/admin/identities", `{"traits":{"email":"`+secretMail+`"},"external_id":"taken-ext"}`)
	other := "/admin/identities/" + d.person("other@example.test")
	for about, tc := range map[string]struct {
		method, path, body string
		reason             bool
	}{
		"creating with a taken address":     {"POST", "/admin/identities", `{"traits":{"email":"Taken@example.test"}}`, true},
		"creating with a taken external id": {"POST", "/admin/identities", `{"traits":{"email":"n@example.test"},"external_id":"taken-ext"}`, true},
		"replacing":                         {"PUT", other, `{"traits":{"email":"taken@example.test"}}`, false},
		"patching":                          {"PATCH", other, `[{"op":"add","path":"/external_id","value":"taken-ext"}]`, false},
		"a batch of one":                    {"PATCH", "/admin/identities", `{"identities":[{"create":{"traits":{"email":"taken@example.test"}}}]}`, false},
	} {
		a := d.ask(tc.method, tc.path, tc.body)
		if a.Code != 409 || (a.text("error", "reason") != "") != tc.reason || a.at("error", "details") != nil {
			t.Errorf("%s: %d %s", about, a.Code, a.Body)
		}
		if strings.Contains(strings.ToLower(a.Body.String()), "taken@") || strings.Contains(a.Body.String(), "taken-ext") {
			t.Errorf("%s tells the value: %s", about, a.Body)
		}
	}
}

func TestConfigsAreShownOnlyWhenAsked(t *testing.T) {
	d := newDesk(t)
	body := `{"traits":{"email":"a@example.test"},"credentials":{"password":{"config":{"password":"secret"}},"oidc":{"config":{"providers":[{"provider":"p","subject":"S1"}]}}}}`
	created := d.want(201, "POST", "/admin/identities", body)
	if strings.Contains(created.Body.String(), "hash of") {
		t.Errorf("creating shows the hash: %s", created.Body)
	}
	path := "/admin/identities/" + created.text("id")
	for query, want := range map[string][]string{
		"":                             nil,
		"?include_credential=password": {"password"},
		"?include_credential=password&include_credential=oidc": {"oidc", "password"},
		"?include_credential=link_recovery":                    nil,
	} {
		for _, a := range []any{d.want(200, "GET", path+query, "").json, d.want(200, "GET", "/admin/identities"+query, "").at(0)} {
			var shown []string
			credentials, _ := a.(map[string]any)["credentials"].(map[string]any)
			for name, c := range credentials {
				if _, ok := c.(map[string]any)["config"]; ok {
					shown = append(shown, name)
				}
			}
			slices.Sort(shown)
			if !slices.Equal(shown, want) {
				t.Errorf("%q shows the configs of %v", query, shown)
			}
		}
	}
	if a := d.want(400, "GET", path+"?include_credential=magic", ""); a.text("error", "reason") == "" {
		t.Error("an unknown type is not explained")
	}
	d.want(404, "GET", "/admin/identities/"+unknownID+"?include_credential=magic", "")
	if list := d.want(200, "GET", "/admin/identities", ""); slices.Contains(keysOfObject(list.at(0)), "credentials") {
		t.Errorf("a plain list shows credentials: %s", list.Body)
	}
}

func TestAddressesOfTheBodyNeedTheSchema(t *testing.T) {
	d := newDesk(t)
	a := d.want(201, "POST", "/admin/identities", `{"traits":{"email":"a@example.test"},"verifiable_addresses":[
		{"value":"A@Example.test","verified":true,"via":"email","status":"completed"},{"value":"b@example.test","verified":true,"via":"email","status":"completed"}]}`)
	rows, _ := a.at("verifiable_addresses").([]any)
	if len(rows) != 1 || a.at("verifiable_addresses", 0, "verified") != true || a.text("verifiable_addresses", 0, "verified_at") == "" {
		t.Errorf("%s", a.Body)
	}
}

func TestUnknownIdentities(t *testing.T) {
	d := newDesk(t)
	for _, id := range []string{unknownID, "abc"} {
		for _, tc := range [][3]string{
			{"GET", "", ""}, {"DELETE", "", ""}, {"DELETE", "/credentials/totp", ""},
			{"PUT", "", `{"traits":{"email":"a@example.test"}}`}, {"PATCH", "", `[]`},
		} {
			a := d.want(404, tc[0], "/admin/identities/"+id+tc[1], tc[2])
			if a.at("error", "reason") != nil {
				t.Errorf("%s %s: %s", tc[0], id, a.Body)
			}
		}
	}
	d.want(404, "GET", "/admin/identities/by/external/nobody", "")
}

func TestReplaceClearsWhatIsNotSent(t *testing.T) {
	d := newDesk(t)
	org := uuid.NewString()
	created := d.want(201, "POST", "/admin/identities", `{"traits":{"email":"a@example.test"},"external_id":"e","metadata_public":1,"metadata_admin":2,"state":"inactive",
		"organization_id":"`+org+`","verifiable_addresses":[{"value":"a@example.test","verified":true}],"credentials":{"password":{"config":{"password":"secret"}}}}`)
	path := "/admin/identities/" + created.text("id")
	d.want(200, "PUT", path, `{"traits":{"email":"a@example.test"},"organization_id":null,"colour":"unknown members are ignored"}`)
	read := d.want(200, "GET", path+"?include_credential=password", "")
	for name, want := range map[string]any{"external_id": nil, "metadata_public": nil, "metadata_admin": nil, "state": "inactive", "organization_id": org, "schema_id": "person"} {
		if got := read.at(name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if read.at("verifiable_addresses", 0, "verified") != true || read.at("verifiable_addresses", 0, "id") != created.at("verifiable_addresses", 0, "id") {
		t.Error("the address lost its proof")
	}
	if read.text("credentials", "password", "config", "hashed_password") != "hash of secret" {
		t.Error("the password is gone")
	}
	d.want(400, "PUT", path, `{}`)
	d.want(200, "PUT", path, `{"state":"active","traits":{"email":"new@example.test"},"schema_id":"other"}`)
	read = d.want(200, "GET", path, "")
	if read.at("verifiable_addresses", 0, "verified") != false || read.text("state") != "active" || read.text("schema_id") != "other" ||
		read.text("credentials", "password", "identifiers", 0) != "new@example.test" {
		t.Errorf("%s", read.Body)
	}
}

func TestReplaceNeedsJSON(t *testing.T) {
	d := newDesk(t)
	path := "/admin/identities/" + d.person("a@example.test")
	r := newRequest("PUT", path, "text/plain", `{"traits":{"email":"a@example.test"}}`)
	if a := d.send(r); a.Code != 400 {
		t.Errorf("plain text is accepted: %d", a.Code)
	}
	r = newRequest("PUT", path, "application/json; charset=utf-8", `{"traits":{"email":"a@example.test"}}`)
	if a := d.send(r); a.Code != 200 {
		t.Errorf("a charset is refused: %d %s", a.Code, a.Body)
	}
}

func TestPatchAnswers(t *testing.T) {
	d := newDesk(t)
	path := "/admin/identities/" + d.person("a@example.test")
	for about, tc := range map[string]struct {
		body   string
		status int
	}{
		"an empty list":       {`[]`, 200},
		"a trait":             {`[{"op":"add","path":"/traits/name","value":{"first":"Ann"}}]`, 200},
		"no list":             {`{"op":"replace","path":"/state","value":"active"}`, 400},
		"null":                {`null`, 400},
		"broken JSON":         {`[`, 400},
		"a body too large":    {`["` + strings.Repeat("x", maxBody) + `"]`, 400},
		"traits not valid":    {`[{"op":"replace","path":"/traits/email","value":"nope"}]`, 400},
		"an unknown schema":   {`[{"op":"replace","path":"/schema_id","value":"nope"}]`, 400},
		"what is protected":   {`[{"op":"replace","path":"/created_at","value":"2020-01-01T00:00:00Z"}]`, 400},
		"an unknown way":      {`[{"op":"paint","path":"/traits","value":{}}]`, 400},
		"an unknown hash":     {`[{"op":"add","path":"/credentials/password/config","value":{"hashed_password":"$unknown$"}}]`, 400},
		"a region":            {`[{"op":"add","path":"/region","value":"eu"}]`, 200},
		"a region of the air": {`[{"op":"add","path":"/region","value":"moon"}]`, 400},
	} {
		a := d.ask("PATCH", path, tc.body)
		if a.Code != tc.status || tc.status == 400 && a.text("error", "reason") == "" {
			t.Errorf("%s: %d %.300s", about, a.Code, a.Body)
		}
	}
	read := d.want(200, "GET", path, "")
	if read.text("traits", "name", "first") != "Ann" || read.text("traits", "email") != "a@example.test" {
		t.Errorf("%s", read.Body)
	}
}

func TestAChangeBehindTheBackIsNotLost(t *testing.T) {
	d := newDesk(t)
	id := uuid.MustParse(d.person("a@example.test"))
	rounds := 0
	_, err := d.wire.changeIdentity(t.Context(), id, nil, func(i *identity.Identity, _ time.Time) error {
		if rounds++; rounds == 1 {
			d.want(200, "PATCH", "/admin/identities/"+id.String(), `[{"op":"add","path":"/metadata_public","value":"from elsewhere"}]`)
		}
		return i.SetExternalID("mine")
	})
	if err != nil || rounds != 2 {
		t.Fatalf("%d rounds, %v", rounds, err)
	}
	read := d.want(200, "GET", "/admin/identities/"+id.String(), "")
	if read.text("metadata_public") != "from elsewhere" || read.text("external_id") != "mine" {
		t.Errorf("%s", read.Body)
	}
}

func TestDeleteIdentity(t *testing.T) {
	d := newDesk(t)
	path := "/admin/identities/" + d.person("a@example.test")
	a := d.want(204, "DELETE", path, "")
	if a.Body.Len() > 0 || a.Header().Get("Content-Type") != "" {
		t.Errorf("%v %s", a.Header(), a.Body)
	}
	d.want(404, "DELETE", path, "")
	d.person("a@example.test")
}

func TestDeleteCredential(t *testing.T) {
	d := newDesk(t)
	created := d.want(201, "POST", "/admin/identities", `{"traits":{"email":"a@example.test"},"credentials":{
		"password":{"config":{"password":"secret"}},"totp":{"config":{"totp_url":"otpauth://totp/x?secret=JBSWY3DPEHPK3PXP"}},
		"oidc":{"config":{"providers":[{"provider":"p","subject":"1"}]}}}}`)
	path := "/admin/identities/" + created.text("id") + "/credentials/"
	for _, step := range []struct {
		what   string
		status int
	}{
		{"totp", 204}, {"totp", 404}, {"magic", 404}, {"code", 400}, {"webauthn", 204},
		{"oidc", 400}, {"oidc?identifier=p:2", 404}, {"oidc?identifier=p:1", 204}, {"password", 400},
	} {
		a := d.want(step.status, "DELETE", path+step.what, "")
		if step.status == 204 && a.Header().Get("Content-Type") != "" {
			t.Errorf("%s: an empty answer has a content type", step.what)
		}
	}
	stored, err := d.rows.Identity(t.Context(), uuid.MustParse(created.text("id")))
	if err != nil || stored.AvailableAAL != "aal1" {
		t.Errorf("without a second factor %v can be reached, %v", stored.AvailableAAL, err)
	}
	// The schema's empty credential keeps the identifier from being taken.
	if _, ok := stored.Credentials[identity.WebAuthn]; !ok {
		t.Error("the empty credential is gone")
	}
}
