package totp_test

import (
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cardea/cardeatest"
)

func TestNobodyElseReadsTheKeyOfAForm(t *testing.T) {
	forEachKind(t, func(t *testing.T, k cardeatest.Kind) {
		server := newServer(t, "")
		ann, bob := server.Client(k), server.Client(k)
		ann.SignUp("ann@ex.org", cardeatest.Password)
		bob.SignUp("bob@ex.org", cardeatest.Password)
		f := ann.Start("settings", "")
		secret := secretOf(t, f.Answer)
		for about, a := range map[string]*cardeatest.Answer{
			"another account": bob.Get("/self-service/settings/flows?id=" + f.ID),
			"nobody":          server.Client(k).Get("/self-service/settings/flows?id=" + f.ID),
			"the operator":    server.Client(k).Get(server.AdminURL + "/admin/identities"),
			"whoami":          ann.WhoAmI(),
		} {
			if strings.Contains(string(a.Body), secret) {
				t.Errorf("%s: %d %s", about, a.Status, a.Body)
			}
		}
	})
}

func TestAFormOffersOneKeyAndPicture(t *testing.T) {
	c := newServer(t, "").Client(cardeatest.SPA)
	c.SignUp("ann@ex.org", cardeatest.Password)
	f := c.Start("settings", "")
	picture := func(a *cardeatest.Answer) string { return a.Node("totp_qr").Attributes["src"].(string) }
	again := f.Fetch()
	if picture(f.Answer) != picture(again) || secretOf(t, f.Answer) != secretOf(t, again) {
		t.Error("reading the form changed it")
	}
	if other := c.Start("settings", "").Answer; secretOf(t, other) == secretOf(t, again) {
		t.Error("two forms offer one key")
	}
}

func TestTheDatabaseShowsNoKey(t *testing.T) {
	dir := t.TempDir()
	server := cardeatest.New(t, cardeatest.Options{Config: config, DSN: "sqlite://" + filepath.ToSlash(filepath.Join(dir, "rows.db")) + "?_fk=true"})
	c := server.Client(cardeatest.Native)
	c.SignUp("canary@ex.org", cardeatest.Password)
	offered := secretOf(t, c.Start("settings", "").Answer)
	added := enrol(t, c)
	files, err := filepath.Glob(filepath.Join(dir, "rows.db*"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []byte
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, raw...)
	}
	if !strings.Contains(string(rows), "canary@ex.org") {
		t.Fatal("these are not the rows")
	}
	for about, secret := range map[string]string{"a key that is offered": offered, "a key that was added": added, "an otpauth URI": "otpauth:", "a picture": "data:image"} {
		if strings.Contains(string(rows), secret) {
			t.Errorf("the rows show %s", about)
		}
	}
}

func TestOperatorsBringAndSeeKeys(t *testing.T) {
	const uri = "otpauth://totp/Old:ann?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Old"
	server := newServer(t, "")
	operator := server.Client(cardeatest.Native)
	a := operator.Do("POST", server.AdminURL+"/admin/identities", map[string]any{
		"schema_id": "default", "traits": map[string]any{"email": "ann@ex.org"},
		"credentials": map[string]any{
			"password": map[string]any{"config": map[string]any{"password": cardeatest.Password}},
			"totp":     map[string]any{"config": map[string]any{"totp_url": uri}},
		},
	})
	if a.Status != http.StatusCreated {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	path := server.AdminURL + "/admin/identities/" + a.Text("id")
	if got := operator.Get(path+"?include_credential=totp").Text("credentials", "totp", "config", "totp_url"); got != uri {
		t.Errorf("shown: %q", got)
	}
	if a := operator.Get(path); strings.Contains(string(a.Body), "JBSWY3DP") {
		t.Error("it is shown to who did not ask")
	}
	c := firstFactor(t, server, cardeatest.Native, "ann@ex.org")
	_, answer := secondFactor(c, code(t, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", 0))
	done(t, c, answer)
}

func TestAKeyNamesIssuerAndAccount(t *testing.T) {
	server := newServer(t, "")
	c := server.Client(cardeatest.Native)
	c.SignUp("ann@ex.org", cardeatest.Password)
	secret := enrol(t, c)
	id := c.WhoAmI().Text("identity", "id")
	got := server.Client(cardeatest.Native).Get(server.AdminURL+"/admin/identities/"+id+"?include_credential=totp").Text("credentials", "totp", "config", "totp_url")
	want := "otpauth://totp/Wombats:" + id + "?algorithm=SHA1&digits=6&issuer=Wombats&period=30&secret=" + secret
	if got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestAMethodThatIsOffOffersNothing(t *testing.T) {
	c := cardeatest.New(t, cardeatest.Options{}).Client(cardeatest.SPA)
	c.SignUp("ann@ex.org", cardeatest.Password)
	f := c.Start("settings", "")
	if f.Answer.Node("totp_code") != nil {
		t.Error("the form offers it")
	}
	if a := f.Submit(map[string]any{"method": "totp", "totp_code": "123456"}); a.Status != http.StatusNotFound {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}

func TestAKeyNamesTheTraitThatIsMarkedForIt(t *testing.T) {
	marked := strings.Replace(cardeatest.Schema, `"credentials": {"password": {"identifier": true}}`, `"credentials": {"password": {"identifier": true}, "totp": {"account_name": true}}`, 1)
	server := newServer(t, "identity: {schemas: [{id: default, url: \"base64://"+base64.StdEncoding.EncodeToString([]byte(marked))+"\"}]}\n")
	c := server.Client(cardeatest.Native)
	c.SignUp("ann@ex.org", cardeatest.Password)
	enrol(t, c)
	id := c.WhoAmI().Text("identity", "id")
	got := server.Client(cardeatest.Native).Get(server.AdminURL+"/admin/identities/"+id+"?include_credential=totp").Text("credentials", "totp", "config", "totp_url")
	if !strings.HasPrefix(got, "otpauth://totp/Wombats:ann@ex.org?") {
		t.Error(got)
	}
}
