package httpapi

import (
	"net/http"
	"testing"
)

// The table of section 3.2 of the HTTP reference, and what follows from its rules.
func TestWhatAClientIsItSaysInItsHeaders(t *testing.T) {
	const jsonBody = "application/json"
	cases := []struct {
		name        string
		accept      []string // header lines
		contentType string
		n1, n2, n3  bool // wants JSON, accepts JSON, is a page
	}{
		{"says nothing", nil, "", false, false, true},
		{"takes anything", []string{"*/*"}, "", false, false, true},
		{"a page", []string{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}, "", false, false, true},
		{"JSON", []string{"application/json"}, "", true, true, false},
		{"JSON before all else", []string{"application/json, text/plain, */*"}, "", true, true, false},
		{"anything of an application", []string{"application/*"}, "", true, true, false},
		{"JSON and pages alike", []string{"application/json, text/html"}, "", false, false, true},
		{"pages and JSON alike", []string{"text/html, application/json"}, "", false, false, true},
		{"JSON rather than pages", []string{"application/json;q=0.9, text/html;q=0.8"}, "", true, true, false},
		{"pages rather than JSON", []string{"application/json;q=0.8, text/html;q=0.9"}, "", false, false, true},
		{"JSON with a charset", []string{"application/json; charset=utf-8"}, "", false, false, true},
		{"JSON with a charset drops what follows on the line", []string{"application/json; charset=utf-8, application/json"}, "", false, false, true},
		{"JSON in front of a charset", []string{"application/json, text/html; charset=utf-8"}, "", true, true, false},
		{"a charset drops its own line only", []string{"text/html; charset=utf-8", "application/json"}, "", true, true, false},
		{"JSON by lines", []string{"text/html;q=0.1", "application/json"}, "", true, true, false},
		{"JSON never", []string{"application/json;q=0"}, "", false, false, true},
		{"JSON in capitals", []string{"Application/JSON"}, "", true, true, false},
		{"blanks", []string{" application/json ; q=1 "}, "", true, true, false},
		{"no quality", []string{"application/json;q=x"}, "", false, false, true},
		{"any text", []string{"text/*"}, "", false, false, true},
		{"a relative of JSON", []string{"application/problem+json"}, "", false, false, true},
		{"sends JSON, takes anything", []string{"*/*"}, jsonBody, true, false, true},
		{"sends JSON, takes pages", []string{"text/html"}, jsonBody, true, false, true},
		{"sends JSON, says nothing", nil, jsonBody, true, false, true},
		{"sends JSON with a charset", nil, "application/json; charset=utf-8", false, false, true},
		{"sends JSON in capitals", nil, "Application/JSON", false, false, true},
		{"sends a form", []string{"application/json"}, "application/x-www-form-urlencoded", true, true, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := &http.Request{Header: http.Header{}}
			if c.accept != nil {
				r.Header["Accept"] = c.accept
			}
			if c.contentType != "" {
				r.Header.Set("Content-Type", c.contentType)
			}
			if got := wantsJSON(r); got != c.n1 {
				t.Errorf("wants JSON: %t, want %t", got, c.n1)
			}
			if got := acceptsJSON(r); got != c.n2 {
				t.Errorf("accepts JSON: %t, want %t", got, c.n2)
			}
			if got := wantsPage(r); got != c.n3 {
				t.Errorf("is a page: %t, want %t", got, c.n3)
			}
		})
	}
}

func TestHowAStartIsAnsweredDependsOnAcceptAlone(t *testing.T) {
	p := newPorch(t)
	sendsJSON := header("Content-Type", "application/json")
	if a := p.get("/self-service/login/browser", sendsJSON); a.Code != 303 {
		t.Errorf("a client that sends JSON and takes anything starts with %d, want a redirect", a.Code)
	}
	if a := p.get("/self-service/login/browser?return_to=https://evil.test", sendsJSON); a.Code != 400 || errorID(a) != "self_service_flow_return_to_forbidden" {
		t.Errorf("its error is %d %q, want 400 in JSON", a.Code, errorID(a))
	}
	if a := p.get("/self-service/login/browser?return_to=https://evil.test"); a.Code != 303 {
		t.Errorf("a page's error is %d, want the error page", a.Code)
	}
}
