package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"cardea/internal/fetch"
)

// remote are the options of commands that talk to a running server.
type remote struct {
	endpoint string
}

func (r *remote) flags(c *cobra.Command) {
	c.Flags().StringVarP(&r.endpoint, "endpoint", "e", "", "address of the admin port; otherwise CARDEA_ADMIN_URL or KRATOS_ADMIN_URL")
}

// admin speaks to the admin port of a server.
type admin struct {
	base *url.URL
	key  string // "" sends none
	http *fetch.Client
}

// maxAnswer is how much of an answer is read, in bytes: a full page of identities
// with everything that they can have.
const maxAnswer = 64 << 20

// client makes the client that the options and the environment ask for. The key
// comes from the environment alone, because everybody on a machine sees the
// arguments of its processes.
func (r *remote) client(env Env) (*admin, error) {
	address := r.endpoint
	for _, name := range []string{"CARDEA_ADMIN_URL", "KRATOS_ADMIN_URL"} {
		if address == "" {
			address = env.variable(name)
		}
	}
	if address == "" {
		return nil, errors.New("name the server: give the address of its admin port with --endpoint or in CARDEA_ADMIN_URL")
	}
	base, err := url.Parse(address)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, errors.New("--endpoint has to be an address like http://127.0.0.1:4434")
	}
	// Whoever starts this program may go wherever it leads: redirects from the admin
	// to the public port included, wherever that is.
	client, err := fetch.New(fetch.Options{
		Policy: fetch.Trusted, Exceptions: []string{"**"}, MaxBody: maxAnswer, Proxy: http.ProxyFromEnvironment,
	})
	if err != nil {
		return nil, err
	}
	return &admin{base: base, key: env.variable("CARDEA_ADMIN_KEY"), http: client}, nil
}

// refusedError is an answer of the server that is not a success.
type refusedError struct {
	Status  int
	Message string
}

// Error is what the server says, or how it answers when it says nothing.
func (e *refusedError) Error() string {
	return fmt.Sprintf("the server answers %d %s%s", e.Status, http.StatusText(e.Status), e.Message)
}

// do asks and gives the body of the answer. A status of 300 and more is a
// *refusedError.
func (a *admin) do(ctx context.Context, method, path string, query url.Values, body []byte) (*http.Response, []byte, error) {
	u := a.base.JoinPath(path)
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if a.key != "" {
		req.Header.Set("Authorization", "Bearer "+a.key)
	}
	res, err := a.http.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, nil, err
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		return nil, nil, &refusedError{res.StatusCode, reasonOf(res.StatusCode, raw)}
	}
	return res, raw, nil
}

// get asks for JSON and reads it into a value.
func (a *admin) get(ctx context.Context, path string, query url.Values, into any) (http.Header, error) {
	res, raw, err := a.do(ctx, http.MethodGet, path, query, nil)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return nil, errors.New("the answer is not JSON of the expected form: is this the admin port of an identity server?")
	}
	return res.Header, nil
}

// reasonOf is what the error envelope says for people; a key that is missing is
// the one thing that has to be said here, because the server does not know us.
func reasonOf(status int, raw []byte) string {
	var envelope struct {
		Error struct {
			Reason  string `json:"reason"`
			Message string `json:"message"`
		} `json:"error"`
	}
	var said []string
	if json.Unmarshal(raw, &envelope) == nil {
		for _, text := range []string{envelope.Error.Message, envelope.Error.Reason} {
			if text != "" {
				said = append(said, text)
			}
		}
	}
	if status == http.StatusUnauthorized {
		said = append(said, "Give an API key in CARDEA_ADMIN_KEY.")
	}
	if len(said) == 0 {
		return ""
	}
	return ": " + strings.Join(said, " ")
}

// nextPage is the page_token of the link to the next page (RFC 8288), "" when
// there is none.
func nextPage(h http.Header) string {
	for _, link := range strings.Split(strings.Join(h.Values("Link"), ","), ",") {
		target, parameters, _ := strings.Cut(link, ">")
		if !strings.Contains(parameters, `rel="next"`) {
			continue
		}
		if u, err := url.Parse(strings.TrimLeft(target, " <")); err == nil {
			return u.Query().Get("page_token")
		}
	}
	return ""
}

// variable is a variable of the environment, "" when it is not set.
func (e Env) variable(name string) (value string) {
	for _, pair := range e.Environ {
		if v, ok := strings.CutPrefix(pair, name+"="); ok {
			value = v // the last one counts, as everywhere
		}
	}
	return value
}
