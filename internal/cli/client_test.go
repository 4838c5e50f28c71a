package cli

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestTheKeyGoesToTheAdminPortAndNowhereElse(t *testing.T) {
	seen := map[string]string{}
	public := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen["public"] = r.Header.Get("Authorization")
		_, _ = w.Write([]byte(`[{"id": "default", "schema": {}}]`))
	}))
	defer public.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen["admin"] = r.Header.Get("Authorization")
		http.Redirect(w, r, public.URL+r.URL.RequestURI(), http.StatusTemporaryRedirect)
	}))
	defer server.Close()

	a, err := (&remote{}).client(Env{Environ: []string{"CARDEA_ADMIN_KEY=the-key", "CARDEA_ADMIN_URL=" + server.URL}})
	if err != nil {
		t.Fatal(err)
	}
	known, err := a.schemas(t.Context())
	if err != nil || len(known) != 1 {
		t.Fatalf("schemas: %v, %v", known, err)
	}
	if seen["admin"] != "Bearer the-key" || seen["public"] != "" {
		t.Errorf("the key was seen as %v", seen)
	}
}

func TestTheEndpointComesFromTheMostSpecificPlace(t *testing.T) {
	tests := []struct {
		name, flag string
		environ    []string
		want       string // "" for an error
	}{
		{"the option wins", "http://flag", []string{"CARDEA_ADMIN_URL=http://ours", "KRATOS_ADMIN_URL=http://theirs"}, "http://flag"},
		{"our variable comes next", "", []string{"KRATOS_ADMIN_URL=http://theirs", "CARDEA_ADMIN_URL=http://ours"}, "http://ours"},
		{"the contract's variable is enough", "", []string{"KRATOS_ADMIN_URL=http://theirs"}, "http://theirs"},
		{"an empty variable is none", "", []string{"CARDEA_ADMIN_URL=", "KRATOS_ADMIN_URL=http://theirs"}, "http://theirs"},
		{"nothing at all", "", nil, ""},
		{"no address", "localhost:4434", nil, ""},
	}
	for _, tt := range tests {
		a, err := (&remote{endpoint: tt.flag}).client(Env{Environ: tt.environ})
		if (err != nil) != (tt.want == "") || err == nil && a.base.String() != tt.want {
			t.Errorf("%s: %v, %v", tt.name, a, err)
		}
	}
}

func TestTheNextPageIsFoundInTheLinks(t *testing.T) {
	tests := map[string]string{
		`</admin/identities?page_size=2&page_token=a>; rel="first",</admin/identities?page_size=2&page_token=b%2Fc>; rel="next"`: "b/c",
		`</admin/identities?page_token=a>; rel="first"`: "",
		"": "",
	}
	for link, want := range tests {
		if got := nextPage(http.Header{"Link": {link}}); got != want {
			t.Errorf("%q leads to %q, want %q", link, got, want)
		}
	}
}
