package totp

import (
	"crypto/subtle"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"

	"cardea/internal/identity"
)

// skew is how many time steps a device's clock may be off (RFC 6238 section 6).
const skew = 1

// match finds the app whose code was typed and the time step the code belongs to.
// Steps up to the last one that counted do not count again (RFC 6238 section 5.2).
func match(apps []identity.TOTPApp, typed string, now time.Time) (app int, step int64, ok bool) {
	for n, a := range apps {
		key, err := identity.ParseTOTPKey(a.URL)
		if err != nil {
			continue // nothing fits a key that cannot be read
		}
		current := now.Unix() / key.Period
		for s := max(current-skew, a.LastStep+1, 0); s <= current+skew; s++ {
			if fits(key, typed, s) {
				return n, s, true
			}
		}
	}
	return 0, 0, false
}

// fits compares what was typed with the code of a time step, in constant time.
func fits(key identity.TOTPKey, typed string, step int64) bool {
	algorithms := map[string]otp.Algorithm{"SHA1": otp.AlgorithmSHA1, "SHA256": otp.AlgorithmSHA256, "SHA512": otp.AlgorithmSHA512}
	code, err := hotp.GenerateCodeCustom(key.Secret, uint64(step), hotp.ValidateOpts{
		Digits: otp.Digits(key.Digits), Algorithm: algorithms[key.Algorithm],
	})
	return err == nil && subtle.ConstantTimeCompare([]byte(code), []byte(typed)) == 1
}

// spend notes that a code counted, so that it does not count again.
func spend(apps []identity.TOTPApp, typed string, now time.Time) bool {
	n, step, ok := match(apps, typed, now)
	if ok {
		apps[n].LastStep = step
	}
	return ok
}
