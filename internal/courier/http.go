package courier

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"cardea/internal/config"
	"cardea/internal/jsonnet"
)

// Evaluator runs Jsonnet: the pool of package jsonnet.
type Evaluator interface {
	Evaluate(ctx context.Context, p jsonnet.Program, v jsonnet.Vars) (json.RawMessage, error)
}

const (
	jsonType = "application/json"
	formType = "application/x-www-form-urlencoded"

	// cancelled is what a body's program raises to have a message not sent.
	cancelled = "cancel"
)

var errCancelled = errors.New("the program of the request's body cancelled the message")

// webhook hands messages to an HTTP service.
type webhook struct {
	key     string // of the configuration, for errors
	url     string
	method  string
	headers http.Header
	form    bool
	auth    *config.RequestAuth
	program *jsonnet.Program // nil: the built-in body
	client  Doer
	jsonnet Evaluator
}

// newWebhook reads a request_config. The method defaults to POST for every
// channel.
func (o DeliveryOptions) newWebhook(ctx context.Context, key string, c config.RequestConfig, client Doer) (*webhook, error) {
	w := &webhook{key: key, url: c.URL, method: strings.ToUpper(c.Method), headers: http.Header{}, auth: c.Auth, client: client, jsonnet: o.Jsonnet}
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%s.url is not an http:// or https:// address", key)
	}
	if w.method == "" {
		w.method = http.MethodPost
	}
	for name, value := range c.Headers {
		w.headers.Set(name, value)
	}
	if w.headers.Get("Content-Type") == "" {
		w.headers.Set("Content-Type", jsonType)
	}
	switch mediaType, _, _ := mime.ParseMediaType(w.headers.Get("Content-Type")); mediaType {
	case jsonType:
	case formType:
		w.form = true
	default:
		return nil, fmt.Errorf("%s.headers: the Content-Type has to be %s or %s", key, jsonType, formType)
	}
	if c.Body != "" {
		source, err := o.Load(ctx, c.Body)
		if err != nil {
			return nil, fmt.Errorf("%s.body: %w", key, err)
		}
		w.program = &jsonnet.Program{Filename: key + ".body", Snippet: string(source)}
		if path, ok := strings.CutPrefix(c.Body, "file://"); ok {
			w.program.Filename = path
		}
		if err := jsonnet.Check(w.program.Filename, w.program.Snippet); err != nil {
			return nil, fmt.Errorf("%s.body: %w", key, err)
		}
	}
	return w, nil
}

func (w *webhook) close() {}

// deliver sends the message as one request. Every answer of 2xx is success; other
// answers of 4xx than 408 and 429 are permanent, and 410 says that the recipient is gone.
func (w *webhook) deliver(ctx context.Context, e Envelope, l Letter) error {
	body, err := w.body(ctx, e, l)
	if err != nil {
		return err
	}
	req, err := w.request(ctx, body)
	if err != nil {
		return err
	}
	res, err := w.client.Do(req)
	if err != nil {
		return fmt.Errorf("%s: %w", w.key, err)
	}
	defer func() { _ = res.Body.Close() }()
	return w.judge(res)
}

// judge reads the answer's status. Its body is not quoted: services like to
// repeat what they were sent.
func (w *webhook) judge(res *http.Response) error {
	status := res.StatusCode
	answered := fmt.Errorf("%s: the service answered %d", w.key, status)
	switch {
	case res.Request != nil && res.Request.Method != w.method:
		// A redirect of 301, 302 or 303 goes on as GET, without the message (RFC 9110, section 15.4).
		return fmt.Errorf("%s: the service redirects, and the message got lost on the way", w.key)
	case status >= 200 && status <= 299:
		return nil
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests:
		return answered
	case status >= 400 && status <= 499:
		return &PermanentError{Cause: answered, NoMailbox: status == http.StatusGone}
	}
	return answered
}

func (w *webhook) request(ctx context.Context, body []byte) (*http.Request, error) {
	if w.method == http.MethodTrace { // has no body (RFC 9110, section 9.3.8)
		body = nil
	}
	req, err := http.NewRequestWithContext(ctx, w.method, w.url, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%s: not a request that can be sent", w.key)
	}
	req.Header = w.headers.Clone()
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
		req.Header.Del("Host")
	}
	if w.auth == nil {
		return req, nil
	}
	switch c := w.auth.Config; {
	case w.auth.Type == "basic_auth":
		req.SetBasicAuth(c.User, c.Password)
	case c.In == "cookie":
		req.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	default:
		req.Header.Set(textproto.CanonicalMIMEHeaderKey(c.Name), c.Value)
	}
	return req, nil
}

// order is what a body's program is told of a message: its parameter ctx.
type order struct {
	Recipient      string              `json:"recipient"`
	Subject        string              `json:"subject"`
	Body           string              `json:"body"`
	HTMLBody       string              `json:"html_body,omitempty"`
	TemplateType   string              `json:"template_type"`
	TemplateData   map[string]any      `json:"template_data"`
	MessageType    string              `json:"message_type"`
	RequestHeaders map[string][]string `json:"request_headers"`
}

// body makes the request's body: by the configured program, or the built-in one.
func (w *webhook) body(ctx context.Context, e Envelope, l Letter) ([]byte, error) {
	o := order{
		Recipient: e.Recipient, Subject: l.Subject, Body: l.Text, HTMLBody: l.HTML,
		TemplateType: e.Template, TemplateData: l.Data, MessageType: string(e.Channel), RequestHeaders: l.Headers,
	}
	if o.TemplateData == nil {
		o.TemplateData = map[string]any{}
	}
	if o.RequestHeaders == nil {
		o.RequestHeaders = map[string][]string{}
	}
	result, err := w.evaluate(ctx, o)
	if err != nil || !w.form {
		return result, err
	}
	return w.encodeForm(result)
}

func (w *webhook) evaluate(ctx context.Context, o order) ([]byte, error) {
	if w.program == nil {
		return json.Marshal(o.standard(w.form))
	}
	raw, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	result, err := w.jsonnet.Evaluate(ctx, *w.program, jsonnet.Vars{TLA: map[string]json.RawMessage{"ctx": raw}})
	var failed *jsonnet.Error
	switch {
	case errors.As(err, &failed) && failed.Raised && failed.Message == cancelled:
		return nil, &PermanentError{Cause: errCancelled}
	case errors.As(err, &failed) && failed.Raised:
		// What a program raises can quote the message.
		return nil, fmt.Errorf("%s.body: the program raised an error in line %d", w.key, failed.Line)
	case err != nil:
		return nil, err
	}
	return result, nil
}

// standard is the built-in body: the message, and out of its data what a service
// fills its own texts with. What a message does not have is null, and left out of
// a form.
func (o order) standard(form bool) map[string]any {
	out := map[string]any{
		"recipient": o.Recipient, "template_type": o.TemplateType, "message_type": o.MessageType,
		"subject": o.Subject, "body": o.Body,
	}
	for _, key := range []string{
		"to", "recovery_code", "recovery_url", "verification_code", "verification_url",
		"login_code", "login_url", "registration_code", "registration_url",
	} {
		if v := o.TemplateData[key]; v != nil || !form {
			out[key] = v
		}
	}
	return out
}

// encodeForm writes a flat object of strings as a form.
func (w *webhook) encodeForm(result []byte) ([]byte, error) {
	var flat map[string]string
	if err := json.Unmarshal(result, &flat); err != nil {
		return nil, fmt.Errorf("%s.body: a form needs an object whose values are strings", w.key)
	}
	form := url.Values{}
	for name, value := range flat {
		form.Set(name, value)
	}
	return []byte(form.Encode()), nil
}
