package cardea_test

import (
	"fmt"
	"net/http"
	"testing"

	"cardea/cardeatest"
	"cardea/internal/geo/geotest"
)

// deviceOf is the newest device of the session that an answer shows.
func deviceOf(t *testing.T, a *cardeatest.Answer, path ...string) map[string]any {
	t.Helper()
	here := a.JSON
	for _, step := range path {
		here, _ = here[step].(map[string]any)
	}
	devices, _ := here["devices"].([]any)
	if len(devices) == 0 {
		t.Fatalf("no device in %s", a.Body)
	}
	return devices[len(devices)-1].(map[string]any)
}

func TestASessionSaysWhereItsDeviceIs(t *testing.T) {
	file := geotest.Write(t, map[string]geotest.Map{
		"203.0.113.0/24": geotest.City("Harbour", "NO", 60, 5, 20),
		"2001:db8::/32":  geotest.Country("NZ"),
	})
	places := fmt.Sprintf("cardea: {geoip: {file: %q}}", file)
	each(t, cardeatest.Options{Config: places}, func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		s.CreateIdentity(ann, cardeatest.Password)
		for _, c := range []struct {
			name    string
			headers map[string]string
			want    string
		}{
			{"an address of the file", map[string]string{"X-Forwarded-For": "10.0.0.7, 203.0.113.9"}, "Harbour, NO"},
			{"IPv6", map[string]string{"True-Client-Ip": "2001:db8::7"}, "NZ"},
			{"an address with a port", map[string]string{"X-Real-Ip": "203.0.113.9:4711"}, "Harbour, NO"},
			{"an address that nobody knows", map[string]string{"X-Real-Ip": "198.51.100.1"}, ""},
			{"what is no address", map[string]string{"X-Real-Ip": "203.0.113"}, ""},
			{"the connection itself", nil, ""},
			{"a proxy that knows better", map[string]string{"X-Real-Ip": "203.0.113.9", "Cf-Ipcity": "Fjord", "Cf-Ipcountry": "IS"}, "Fjord, IS"},
			{"a proxy that knows the country", map[string]string{"X-Real-Ip": "203.0.113.9", "Cf-Ipcountry": "IS"}, "IS"},
		} {
			person := s.Client(kind)
			for name, value := range c.headers {
				person.Header.Set(name, value)
			}
			keepToken(person, person.SignIn(ann, cardeatest.Password))
			person.Header = http.Header{} // whoever looks later is somewhere else
			if got := deviceOf(t, person.WhoAmI())["location"]; got != c.want {
				t.Errorf("%s: the session is at %q, want %q", c.name, got, c.want)
			}
		}
	})
}

func TestWithoutAFileNobodyIsAnywhere(t *testing.T) {
	s := cardeatest.New(t, cardeatest.Options{})
	person := s.Client(cardeatest.Native)
	person.Header.Set("X-Real-Ip", "203.0.113.9")
	person.SignUp(ann, cardeatest.Password)
	if got := deviceOf(t, person.WhoAmI())["location"]; got != "" {
		t.Errorf("the session is at %q", got)
	}
}
