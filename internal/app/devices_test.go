package app

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"cardea/internal/geo/geotest"
)

// The settings page lists the devices that are signed in: what they are, where they
// are, when they were used last, and a button for each but the own one.
func TestPeopleSeeTheirDevices(t *testing.T) {
	places := geotest.Write(t, map[string]geotest.Map{"203.0.113.0/24": geotest.City("Harbour", "NO", 60, 5, 20)})
	p := parkingWith(t, strings.Replace(parkedConfig, `ui_url: "https://www.cardea.test/settings", `, "", 1)+"cardea: {geoip: {file: "+places+"}}\n")
	_, begun := p.send(p.app.Public, "GET", "/self-service/login/api", "application/json", nil, nil)
	id, _ := begun["id"].(string)
	_, phone := p.send(p.app.Public, "POST", "/self-service/login?flow="+id, "application/json",
		map[string]any{"method": "password", "identifier": parkedAnn, "password": rightPassword}, nil,
		"User-Agent", "Mozilla/5.0 (Android 16; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0", "X-Real-Ip", "203.0.113.7")
	token, _ := phone["session_token"].(string)
	session, _ := phone["session"].(map[string]any)
	phoneID, _ := session["id"].(string)

	p.clock.Advance(3 * time.Hour)
	used := p.clock.Now().Format(time.RFC3339)
	if w, _ := p.send(p.app.Public, "GET", "/sessions/whoami", "application/json", nil, nil, "X-Session-Token", token); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if err := p.app.uses.Flush(t.Context(), p.app.feed.Touch); err != nil {
		t.Fatal(err)
	}
	p.clock.Advance(time.Hour)

	b := p.browser()
	b.signIn("/self-service/login/browser", parkedAnn, rightPassword)
	_, to := b.visit("GET", "/self-service/settings/browser", nil)
	w, _ := b.send(p.app.Public, "GET", to, "text/html", nil, b.jar)
	page := w.Body.String()
	for what, text := range map[string]string{
		"its browser": "Firefox", "its system": "Android", "where it is": "Harbour, NO", "when it was used last": used, "a way to end it": phoneID,
	} {
		if !strings.Contains(page, text) {
			t.Errorf("the page does not say of the other device %s (%q)", what, text)
		}
	}
	_, me := b.send(p.app.Public, "GET", "/sessions/whoami", "application/json", nil, b.jar)
	if own, _ := me["id"].(string); own == "" || strings.Contains(page, own) {
		t.Errorf("the page offers to end the session %q that it is shown in", own)
	}
}
