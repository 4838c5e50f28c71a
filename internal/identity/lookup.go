package identity

import "time"

// LookupCode is a backup code.
type LookupCode struct {
	Code   string     `json:"code"`    // "" for one that does not open
	UsedAt *time.Time `json:"used_at"` // nil until it is used
}

// settled reads the zero time, which some clients send, as none.
func (c LookupCode) settled() LookupCode {
	if c.UsedAt != nil && c.UsedAt.IsZero() {
		c.UsedAt = nil
	}
	return c
}

type lookupConfig struct {
	Codes []sealedCode `json:"recovery_codes"`
}

type sealedCode struct {
	Sealed string     `json:"sealed"`
	UsedAt *time.Time `json:"used_at"`
}

// LookupCodes are the backup codes of the account in their order, used ones too.
func (i *Identity) LookupCodes(v Vault) []LookupCode {
	stored := configOf[lookupConfig](i.Credentials[LookupSecret]).Codes
	codes := make([]LookupCode, len(stored))
	for n, c := range stored {
		codes[n].UsedAt = c.UsedAt
		codes[n].Code, _ = v.Open(lookupLabel, i.ID, c.Sealed)
	}
	return codes
}

// SetLookupCodes replaces the backup codes of the account; none removes the
// credential. Everything is sealed anew.
func (i *Identity) SetLookupCodes(v Vault, codes []LookupCode) error {
	if len(codes) == 0 {
		delete(i.Credentials, LookupSecret)
		return nil
	}
	sealed, err := sealCodes(v, i, codes)
	if err != nil {
		return err
	}
	i.sole(LookupSecret, lookupConfig{Codes: sealed})
	return nil
}

func sealCodes(v Vault, i *Identity, codes []LookupCode) ([]sealedCode, error) {
	all := make([]sealedCode, 0, len(codes))
	for _, c := range codes {
		sealed, err := v.Seal(lookupLabel, i.ID, c.Code)
		if err != nil {
			return nil, err
		}
		all = append(all, sealedCode{Sealed: sealed, UsedAt: c.UsedAt})
	}
	return all, nil
}
