package flow

import (
	"encoding/json"
	"strings"

	"cardea/internal/captcha"
	"cardea/internal/config"
	"cardea/internal/ui"
)

// The nodes of the barrier follow what clients of the contract know of Turnstile: an
// input holds what a widget needs, as JSON, and another one takes the answer, in the
// transient payload. The other providers have theirs named alike.

const transientField = "transient_payload."

// flavours are the providers as the names of nodes have them.
func flavour(provider string) string {
	if provider == config.ProofOfWork {
		return "altcha"
	}
	name, _, _ := strings.Cut(provider, "_")
	return name
}

// responseField is where the answer is in the transient payload.
func responseField(provider string) string { return "captcha_" + flavour(provider) + "_response" }

// widgetFields are where the providers' own widgets put the answer.
var widgetFields = map[string]string{
	config.ProofOfWork: "altcha", "turnstile": "cf-turnstile-response", "hcaptcha": "h-captcha-response",
	"recaptcha_v2": "g-recaptcha-response", "recaptcha_v3": "g-recaptcha-response",
}

// CaptchaOptions are what a form says about the barrier.
type CaptchaOptions struct {
	SiteKey       string             `json:"sitekey,omitempty"`
	Action        string             `json:"action,omitempty"`
	Theme         string             `json:"theme,omitempty"`
	Provider      string             `json:"provider"`
	ResponseField string             `json:"response_field_name"`
	ChallengeURL  string             `json:"challengeurl,omitempty"` // of the proof of work
	Challenge     *captcha.Challenge `json:"challenge,omitempty"`
	ExpiresAt     int64              `json:"expires_at,omitempty"` // Unix time
	Wait          int                `json:"wait,omitempty"`       // seconds, for those who cannot work; 0: they cannot get in
}

// captchaNodes are the nodes of the barrier, none where nothing is due.
func (r *run) captchaNodes(form ui.Nodes) ui.Nodes {
	level := r.level()
	if level == 0 || len(form) == 0 && r.flow.due().Level == 0 || r.flow.Trial() != nil || r.flow.State == PassedChallenge {
		return nil
	}
	c := &r.Cardea.Captcha
	field := transientField + responseField(c.Provider)
	o := CaptchaOptions{Provider: c.Provider, ResponseField: field}
	if c.Provider == config.ProofOfWork {
		made := r.challenge()
		o.Challenge, o.ExpiresAt = &made, r.now.Add(c.ProofOfWork.Lifespan).Unix()
		o.ChallengeURL = r.Public("self-service/captcha/challenge", map[string][]string{"flow": {r.flow.ID.String()}})
		if c.ProofOfWork.WithoutJavaScript == "wait" {
			o.Wait = int(patience(level).Seconds())
		}
	} else {
		o.SiteKey, o.Action, o.Theme = c.Service.SiteKey, string(r.kind.name), "auto"
	}
	raw, err := json.Marshal(o)
	if err != nil {
		return nil // numbers and texts
	}
	return ui.Nodes{
		ui.Hidden(ui.Captcha, "captcha_"+flavour(c.Provider)+"_options", string(raw)).Labelled(ui.New(ui.LabelCaptcha)),
		ui.Hidden(ui.Captcha, field, ""),
	}
}

// challenge draws the work that is due, or what everybody can be asked for.
func (r *run) challenge() captcha.Challenge {
	return captcha.Make(r.rand, r.Keys, captcha.Terms{
		Flow: r.flow.ID.String(), Expires: r.now.Add(r.Cardea.Captcha.ProofOfWork.Lifespan), Max: r.difficulty(max(1, r.level())),
	})
}

// service is who judges answers.
func (r *run) service() captcha.Service {
	s := &r.Cardea.Captcha.Service
	return captcha.Service{
		Provider: r.Cardea.Captcha.Provider, URL: s.VerifyURL, Secret: s.Secret, Hostnames: s.Hostnames,
		Action: string(r.kind.name), MinScore: s.MinScore, Timeout: s.Timeout, SiteKey: s.SiteKey,
	}
}
