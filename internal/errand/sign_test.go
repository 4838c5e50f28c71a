package errand

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"cardea/internal/config"
)

// The example of the Standard Webhooks specification and its libraries.
const (
	exampleKey       = config.WebhookSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	exampleID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	exampleTime      = 1614265330
	exampleBody      = `{"test": 2432232314}`
	exampleSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

func TestASignatureIsThatOfTheStandard(t *testing.T) {
	h := http.Header{}
	Sign(h, []config.WebhookSecret{exampleKey}, exampleID, time.Unix(exampleTime, 0), []byte(exampleBody))
	if h.Get("webhook-id") != exampleID || h.Get("webhook-timestamp") != "1614265330" || h.Get("webhook-signature") != exampleSignature {
		t.Errorf("signed with %v", h)
	}
}

func TestEachKeyMakesASignatureSoThatKeysCanChange(t *testing.T) {
	const other config.WebhookSecret = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	h := http.Header{}
	Sign(h, []config.WebhookSecret{other, exampleKey}, exampleID, time.Unix(exampleTime, 0), []byte(exampleBody))
	all := strings.Split(h.Get("webhook-signature"), " ")
	if len(all) != 2 || all[0] == all[1] || all[1] != exampleSignature {
		t.Errorf("signed with %v", all)
	}
}

func TestWithoutKeysNothingIsSigned(t *testing.T) {
	h := http.Header{}
	Sign(h, nil, exampleID, time.Unix(exampleTime, 0), []byte(exampleBody))
	if len(h) != 0 {
		t.Errorf("signed with %v", h)
	}
}
