package secret_test

import (
	"fmt"
	"strings"
	"testing"

	"cardea/cardeatest"
	"cardea/internal/secret"
)

// TestPeopleOfOtherSystemsSignIn imports every kind of hash through the admin API and
// really signs in: with the wrong password in vain, with the right one twice, the
// second time against the hash that the first one has left.
func TestPeopleOfOtherSystemsSignIn(t *testing.T) {
	s := cardeatest.New(t, cardeatest.Options{})
	operator := s.Client(cardeatest.Native)
	for n, v := range secret.Vectors() {
		t.Run(v.Name, func(t *testing.T) {
			email := fmt.Sprintf("person-%d@cardea.test", n)
			made := operator.Do("POST", s.AdminURL+"/admin/identities", map[string]any{
				"schema_id": "default", "traits": map[string]any{"email": email},
				"credentials": map[string]any{"password": map[string]any{"config": map[string]any{"hashed_password": v.Encoded}}},
			})
			if made.Status != 201 {
				t.Fatalf("the import answers %d %s", made.Status, made.Body)
			}
			address := s.AdminURL + "/admin/identities/" + made.Text("id") + "?include_credential=password"
			stored := func() string {
				return operator.Get(address).Text("credentials", "password", "config", "hashed_password")
			}
			try := func(password string) int {
				return s.Client(cardeatest.Native).Start("login", "").Submit(map[string]any{"method": "password", "identifier": email, "password": password}).Status
			}
			if stored() != v.Encoded {
				t.Errorf("it is stored as %s", stored())
			}
			if status := try(v.Password + "x"); status != 400 || stored() != v.Encoded {
				t.Errorf("a wrong password: %d, and the hash is %s", status, stored())
			}
			if status := try(v.Password); status != 200 {
				t.Fatalf("the right password: %d", status)
			}
			if !strings.HasPrefix(stored(), "$2") {
				t.Errorf("after the first sign-in it is %s, want the configured hasher's", stored())
			}
			if status := try(v.Password); status != 200 {
				t.Errorf("the second sign-in: %d", status)
			}
		})
	}
}
