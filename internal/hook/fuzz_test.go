package hook

import (
	"testing"
)

// FuzzAnswer feeds what other systems answer to web hooks.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		"", "{}", "null", "[]", `{"messages":[{"instance_ptr":"#/traits/email","messages":[{"id":1,"text":"x","type":"error","context":{"a":[1]}}]}]}`,
		`{"messages":[{"instance_ptr":"~1~0//","messages":[{}]}]}`, `{"identity":{"traits":{"email":"a@b.test"},"metadata_admin":null,"state":"x","external_id":"","verifiable_addresses":[{"value":"a","via":"email","verified":true}]}}`,
		`{"identity":{"traits":null}}`, `{"identity":[]}`, `{"messages":[{}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if refused, err := refusal(body); (refused == nil) == (err == nil) {
			t.Errorf("%q is a refusal %v and an error %v", body, refused, err)
		}
		c, err := change(body)
		if err == nil && c != nil && (string(c.Traits) == "null" || string(c.MetadataAdmin) == "null") {
			t.Errorf("%q gives what is not there", body)
		}
		if err != nil && c != nil {
			t.Errorf("%q is nonsense and changes something", body)
		}
	})
}
