package oidc

import (
	"encoding/json"
	"strings"

	"cardea/internal/problem"
)

// Claims are what a provider says about somebody, by the names of OpenID Connect
// Core, section 5.1, and a few that providers add. Mappers see them under these
// names; what is empty is left out.
type Claims struct {
	Issuer              string         `json:"iss,omitempty"`
	Subject             string         `json:"sub,omitempty"`
	Object              string         `json:"oid,omitempty"`
	Name                string         `json:"name,omitempty"`
	GivenName           string         `json:"given_name,omitempty"`
	FamilyName          string         `json:"family_name,omitempty"`
	LastName            string         `json:"last_name,omitempty"`
	MiddleName          string         `json:"middle_name,omitempty"`
	Nickname            string         `json:"nickname,omitempty"`
	PreferredUsername   string         `json:"preferred_username,omitempty"`
	Profile             string         `json:"profile,omitempty"`
	Picture             string         `json:"picture,omitempty"`
	Website             string         `json:"website,omitempty"`
	Email               string         `json:"email,omitempty"`
	EmailVerified       truth          `json:"email_verified,omitempty"`
	Gender              string         `json:"gender,omitempty"`
	Birthdate           string         `json:"birthdate,omitempty"`
	Zoneinfo            string         `json:"zoneinfo,omitempty"`
	Locale              locale         `json:"locale,omitempty"`
	PhoneNumber         string         `json:"phone_number,omitempty"`
	PhoneNumberVerified bool           `json:"phone_number_verified,omitempty"`
	UpdatedAt           int64          `json:"updated_at,omitempty"` // Unix seconds
	HostedDomain        string         `json:"hd,omitempty"`
	Team                string         `json:"team,omitempty"`
	Nonce               string         `json:"nonce,omitempty"`
	NonceSupported      bool           `json:"nonce_supported,omitempty"`
	ACR                 string         `json:"acr,omitempty"`
	AMR                 []string       `json:"amr,omitempty"`
	Raw                 map[string]any `json:"raw_claims,omitempty"` // everything
}

// truth is a boolean that some providers write as a text.
type truth bool

// UnmarshalJSON takes true, false and the same as texts.
func (t *truth) UnmarshalJSON(raw []byte) error {
	var b bool
	err := json.Unmarshal(raw, &b)
	if text := ""; err != nil && json.Unmarshal(raw, &text) == nil && (text == "true" || text == "false") {
		b, err = text == "true", nil
	}
	*t = truth(b)
	return err
}

// locale is a language tag that some providers write as an object.
type locale string

// UnmarshalJSON takes a text, or language and country.
func (l *locale) UnmarshalJSON(raw []byte) error {
	var text string
	err := json.Unmarshal(raw, &text)
	if err != nil {
		var parts struct{ Language, Country string }
		if err = json.Unmarshal(raw, &parts); err == nil {
			text = strings.Trim(parts.Language+"-"+parts.Country, "-")
		}
	}
	*l = locale(text)
	return err
}

// readClaims reads standard claims. Those of a wrong type make all of them useless:
// who knows what else is wrong.
func readClaims(raw []byte, everything bool) (*Claims, error) {
	var c Claims
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, at(stepClaims, "claims_invalid", problem.BadRequest("The claims of the provider cannot be read.").With(err))
	}
	if everything {
		all, err := object(raw)
		if err != nil {
			return nil, err
		}
		c.Raw = all
	}
	return &c, nil
}
