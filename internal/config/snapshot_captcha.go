package config

import "time"

// The words of cardea.captcha.when.
const (
	CaptchaNever  = "never"
	CaptchaRisk   = "risk"
	CaptchaAlways = "always"
)

// CardeaCaptcha is the barrier against robots.
type CardeaCaptcha struct {
	When  string            // never, risk or always; "" for what suits the page of each kind
	Flows map[string]string // the same by kind of journey, none left out
	Risk  struct {
		WrongPasswords int // that are looked at without it; 0 for any number
		Submissions    int // of one address of the network in a window; 0 for any number
		Window         time.Duration
	}
	ProofOfWork struct {
		Difficulty, Hardest int // hashes at most
		Lifespan            time.Duration
		WithoutJavaScript   string // refuse or wait
	}
	Provider string // proof_of_work, turnstile, hcaptcha, recaptcha_v2 or recaptcha_v3
	Service  CardeaCaptchaService
}

// CardeaCaptchaService is how somebody else is asked, who tells people from robots.
type CardeaCaptchaService struct {
	SiteKey         string
	Secret          string
	VerifyURL       string // "" for the provider's own
	Hostnames       []string
	MinScore        float64
	Timeout         time.Duration
	WhenUnreachable string // refuse or accept
}

// ProofOfWork is the provider that is built in.
const ProofOfWork = "proof_of_work"

// For is when the barrier stands in front of a kind of journey.
func (c *CardeaCaptcha) For(kind string) string { return c.Flows[kind] }
