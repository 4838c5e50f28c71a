package cardeatest

import "net/http"

// Password is what test people sign in with unless they are told otherwise.
const Password = "four-Sturdy-Wombats-77"

// CreateIdentity makes somebody through the admin API and returns the id.
func (s *Server) CreateIdentity(email, password string) string {
	s.t.Helper()
	a := s.Client(Native).Do("POST", s.AdminURL+"/admin/identities", map[string]any{
		"schema_id": "default", "traits": map[string]any{"email": email},
		"credentials": map[string]any{"password": map[string]any{"config": map[string]any{"password": password}}},
	})
	if a.Status != http.StatusCreated {
		s.t.Fatalf("create an identity: %d %s", a.Status, a.Body)
	}
	return a.Text("id")
}

// SignUp registers with a password; the client is signed in afterwards.
func (c *Client) SignUp(email, password string) *Answer {
	c.server.t.Helper()
	a := c.Start("registration", "").Submit(map[string]any{"method": "password", "traits.email": email, "password": password})
	return c.signedIn("sign up", a)
}

// SignIn signs in with a password.
func (c *Client) SignIn(email, password string) *Answer {
	c.server.t.Helper()
	a := c.Start("login", "").Submit(map[string]any{"method": "password", "identifier": email, "password": password})
	return c.signedIn("sign in", a)
}

func (c *Client) signedIn(what string, a *Answer) *Answer {
	c.server.t.Helper()
	want := http.StatusOK
	if c.Kind == Browser {
		want = http.StatusSeeOther
	}
	if a.Status != want {
		c.server.t.Fatalf("%s: %d %s", what, a.Status, a.Body)
	}
	if c.Kind == Native {
		c.Token = a.Text("session_token")
	}
	return a
}

// WhoAmI asks who the client is.
func (c *Client) WhoAmI() *Answer {
	c.server.t.Helper()
	return c.Get("/sessions/whoami")
}
