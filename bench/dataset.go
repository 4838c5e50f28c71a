package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	password        = "plum-Kettle-47-anvil"
	populateWorkers = 8
	populateTimeout = 5 * time.Minute
	// browserShare is which share of the people signs up in a browser and so has
	// a cookie; the others have a token.
	browserShare = 4
	// loginFlows is how many flows wait to be fetched.
	loginFlows = 64
	// sessionsEach is how many sessions people who signed up natively have.
	sessionsEach = 3
)

// A dataset is what the operations need to know about a server's content. All
// of it was made through the public API.
type dataset struct {
	addr    string
	admin   string
	emails  []string // of everybody who signed up; the password is the same for all
	tokens  []string // of native sign-ups
	natives []string // their e-mail addresses
	cookies []string // Cookie header values of browser sign-ups
	flows   []string // ids of native login flows
	unique  string   // part of every e-mail address, different for each run
	next    *atomic.Uint64
	sample  []known       // of all identities
	pages   []string      // relative addresses of pages of the list
	batches *atomic.Int64 // of identities that were imported
	slow    []string      // e-mail addresses of people whose password has a costly hash
	spare   chan string   // tokens of sessions that exist to be ended
}

// A person is one registration's outcome: a token or cookies.
type person struct{ email, token, cookies string }

// populate registers people and opens login flows.
func (d *dataset) populate(ctx context.Context, people int) error {
	ctx, cancel := context.WithTimeout(ctx, populateTimeout)
	defer cancel()
	addr := d.addr
	made, err := each(ctx, addr, people, func(c *client, i int) (person, error) {
		if i%browserShare == 0 {
			return d.signUpInBrowser(c)
		}
		return d.signUpNatively(c)
	})
	if err != nil {
		return fmt.Errorf("registration: %w", err)
	}
	for _, p := range made {
		d.emails = append(d.emails, p.email)
		if p.token != "" {
			d.tokens, d.natives = append(d.tokens, p.token), append(d.natives, p.email)
		} else {
			d.cookies = append(d.cookies, p.cookies)
		}
	}
	if _, err := each(ctx, addr, len(d.natives)*(sessionsEach-1), func(c *client, i int) (string, error) {
		return d.signIn(c, d.natives[i%len(d.natives)])
	}); err != nil {
		return fmt.Errorf("login: %w", err)
	}
	create := get(addr, "/self-service/login/api")
	d.flows, err = each(ctx, addr, loginFlows, func(c *client, _ int) (string, error) {
		f, _, err := createFlow(c, create)
		return f.ID, err
	})
	if err != nil {
		return fmt.Errorf("login flow: %w", err)
	}
	return nil
}

// each calls do for 0 to n-1, spread over a few connections, and collects what
// it returns.
func each[T any](ctx context.Context, addr string, n int, do func(*client, int) (T, error)) ([]T, error) {
	deadline, _ := ctx.Deadline()
	results, errs := make([]T, n), make([]error, populateWorkers)
	var group sync.WaitGroup
	for worker := range populateWorkers {
		group.Go(func() {
			c := newClient(ctx, addr, deadline)
			defer c.close()
			for i := worker; i < n && errs[worker] == nil; i += populateWorkers {
				if results[i], errs[worker] = do(c, i); ctx.Err() != nil {
					errs[worker] = ctx.Err()
				}
			}
		})
	}
	group.Wait()
	return results, errors.Join(errs...)
}

// email returns an address that nobody has used before.
func (d *dataset) email() string {
	return fmt.Sprintf("p%08d.%s@example.test", d.next.Add(1), d.unique)
}

func (d *dataset) signUpNatively(c *client) (person, error) {
	f, _, err := createFlow(c, get(d.addr, "/self-service/registration/api"))
	if err != nil {
		return person{}, err
	}
	p := person{email: d.email()}
	p.token, err = sessionToken(c, post(d.addr, registrationPath+f.ID, nil, registrationBody(p.email, "")))
	return p, err
}

// signIn opens one more session.
func (d *dataset) signIn(c *client, email string) (token string, err error) {
	f, _, err := createFlow(c, get(d.addr, "/self-service/login/api"))
	if err != nil {
		return "", err
	}
	return sessionToken(c, post(d.addr, loginPath+f.ID, nil, loginBody(email)))
}

// sessionToken sends a submission that signs somebody in.
func sessionToken(c *client, submission []byte) (string, error) {
	res, err := c.expect(200, submission)
	if err != nil {
		return "", withBody(err, res)
	}
	var success struct {
		Token string `json:"session_token"`
	}
	if err := json.Unmarshal(res.body, &success); err != nil {
		return "", err
	}
	if success.Token == "" {
		return "", errUnexpectedBody
	}
	return success.Token, nil
}

func (d *dataset) signUpInBrowser(c *client) (person, error) {
	f, res, err := createFlow(c, get(d.addr, "/self-service/registration/browser"))
	if err != nil {
		return person{}, err
	}
	jar := map[string]string{}
	keepCookies(jar, res)
	p := person{email: d.email()}
	fields := []string{"Cookie: " + cookieHeader(jar)}
	res, err = c.expect(200, post(d.addr, registrationPath+f.ID, fields, registrationBody(p.email, f.csrfToken())))
	if err != nil {
		return person{}, withBody(err, res)
	}
	before := len(jar)
	keepCookies(jar, res)
	if len(jar) == before {
		return person{}, errors.New("signing up in a browser set no session cookie")
	}
	p.cookies = cookieHeader(jar)
	return p, nil
}

// A createdFlow is what setting up reads of a flow.
type createdFlow struct {
	ID string `json:"id"`
	UI struct {
		Nodes []struct {
			Attributes struct {
				Name  string `json:"name"`
				Value any    `json:"value"`
			} `json:"attributes"`
		} `json:"nodes"`
	} `json:"ui"`
}

func (f createdFlow) csrfToken() string {
	for _, n := range f.UI.Nodes {
		if n.Attributes.Name == "csrf_token" {
			token, _ := n.Attributes.Value.(string)
			return token
		}
	}
	return ""
}

func createFlow(c *client, request []byte) (f createdFlow, res response, err error) {
	if res, err = c.expect(200, request); err != nil {
		return f, res, withBody(err, res)
	}
	if err = json.Unmarshal(res.body, &f); err == nil && f.ID == "" {
		err = errUnexpectedBody
	}
	return f, res, err
}

// withBody adds the beginning of an unexpected answer to an error. The
// benchmark invents all it sends, so there is nothing secret in it.
func withBody(err error, res response) error {
	return fmt.Errorf("%w: %.600s", err, res.body)
}

// keepCookies does the part of a browser's cookie handling that matters here:
// names and values.
func keepCookies(jar map[string]string, res response) {
	for line := range res.values("Set-Cookie") {
		pair, _, _ := strings.Cut(line, ";")
		if name, value, ok := strings.Cut(pair, "="); ok {
			jar[name] = value
		}
	}
}

func cookieHeader(jar map[string]string) string {
	pairs := make([]string, 0, len(jar))
	for name, value := range jar {
		pairs = append(pairs, name+"="+value)
	}
	return strings.Join(pairs, "; ")
}
