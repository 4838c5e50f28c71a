package account

import (
	"encoding/json"
	"slices"
	"strings"

	"cardea/internal/config"
	"cardea/internal/flow"
	"cardea/internal/ui"
)

// barrier is what a form says about the barrier against robots: the script passes it,
// and whoever has none is told what to do.
type barrier struct {
	Options               string // JSON, for the script
	Working, Done, Failed string // what the script says
	Shown                 bool   // the first form of a page says it for all
	Without               string // said where no script runs
}

// isBarrier says whether a node holds what the script needs to pass the barrier.
func isBarrier(n ui.Node) bool {
	return n.Group == ui.Captcha && strings.HasPrefix(n.ID(), "captcha_") && strings.HasSuffix(n.ID(), "_options")
}

// barrier draws the node; false for one that cannot be understood.
func (d *drafter) barrier(c *control) bool {
	var o flow.CaptchaOptions
	if json.Unmarshal([]byte(c.Value), &o) != nil {
		return false
	}
	b := &barrier{
		Options: c.Value, Shown: !d.guarded, Without: d.words.Text("captcha.script"),
		Working: d.words.Text("captcha.working"), Done: d.words.Text("captcha.done"), Failed: d.words.Text("captcha.failed"),
	}
	if o.Wait > 0 {
		b.Without = d.words.Text("captcha.wait", "seconds", o.Wait)
	}
	d.guarded = true
	c.Partial, c.Barrier, c.Name = "barrier", b, ""
	return true
}

// captchaSources are the places of a service's widget: scripts, frames, styles and
// requests. Documentation: https://developers.cloudflare.com/turnstile/reference/content-security-policy/,
// https://docs.hcaptcha.com/#content-security-policy-settings and
// https://developers.google.com/recaptcha/docs/faq.
var captchaSources = map[string]struct{ scripts, frames, styles, requests []string }{
	config.ProofOfWork: {requests: []string{"'self'"}},
	"turnstile":        {scripts: []string{"https://challenges.cloudflare.com"}, frames: []string{"https://challenges.cloudflare.com"}},
	"hcaptcha":         {scripts: hcaptchaPlaces, frames: hcaptchaPlaces, styles: hcaptchaPlaces, requests: hcaptchaPlaces},
	"recaptcha_v2":     {scripts: recaptchaScripts, frames: recaptchaFrames, requests: recaptchaFrames},
	"recaptcha_v3":     {scripts: recaptchaScripts, frames: recaptchaFrames, requests: recaptchaFrames},
}

var (
	hcaptchaPlaces   = []string{"https://hcaptcha.com", "https://*.hcaptcha.com"}
	recaptchaScripts = []string{"https://www.google.com/recaptcha/", "https://www.gstatic.com/recaptcha/"}
	recaptchaFrames  = []string{"https://www.google.com/recaptcha/", "https://recaptcha.google.com/recaptcha/"}
)

// openToCaptcha adds to a page's policy what the configured widget needs.
func openToCaptcha(set *flow.Setup, directives []string) []string {
	places := captchaSources[set.Cardea.Captcha.Provider]
	directives = slices.Clone(directives)
	for i, d := range directives {
		switch {
		case strings.HasPrefix(d, "script-src "):
			directives[i] = strings.Join(append([]string{d}, places.scripts...), " ")
		case strings.HasPrefix(d, "style-src "):
			directives[i] = strings.Join(append([]string{d}, places.styles...), " ")
		}
	}
	for _, more := range []struct {
		name   string
		places []string
	}{{"frame-src", places.frames}, {"connect-src", places.requests}} {
		if len(more.places) > 0 {
			directives = append(directives, more.name+" "+strings.Join(more.places, " "))
		}
	}
	return directives
}

// captchaSample is the barrier as a form shows it.
func captchaSample() ui.Nodes {
	const options = `{"provider": "proof_of_work", "response_field_name": "transient_payload.captcha_altcha_response", "expires_at": 4102444800,
 "challenge": {"algorithm": "SHA-256", "maxnumber": 50000, "signature": "378ee9d85045c2097cd7be0e31f2901f9de25622ec2d275b9ea670c440be77ed",
 "challenge": "fa81c5af77a2b514482f724c642c1679bac3e345e0b9790127980a7979ed0590",
 "salt": "0123456789abcdef01234567?expires=1795435200&flow=8a5f2b1e-4f0b-4f4e-9d0f-3f5d2f0d1c11&max=50000&"}}`
	return ui.Nodes{
		ui.Hidden(ui.Captcha, "captcha_altcha_options", options).Labelled(ui.New(ui.LabelCaptcha)),
		ui.Hidden(ui.Captcha, "transient_payload.captcha_altcha_response", ""),
	}
}
