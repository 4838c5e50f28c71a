package fetch

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"cardea/internal/trace"
)

// ErrBodyTooLarge is an answer above the limit of its client.
var ErrBodyTooLarge = errors.New("the answer is too large")

var (
	errScheme   = errors.New("only http and https can be fetched")
	errLocation = errors.New("the answer redirects to something that is not a URL")
)

// transport decides for each hop where it may go, retries it, and reads its
// answer whole.
type transport struct {
	options       Options
	exceptions    globs
	open, guarded http.RoundTripper
}

// RoundTrip sends one hop.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		defer req.Body.Close()
	}
	if s := req.URL.Scheme; s != "http" && s != "https" {
		return nil, errScheme
	}
	for attempt := 0; ; attempt++ {
		hop, err := replay(req, attempt)
		if err != nil {
			return nil, err
		}
		resp, err := t.attempt(hop)
		if attempt >= t.options.Retries || !again(req, resp, err) {
			return resp, err
		}
		if wait(req.Context(), t.delay(attempt, resp)) != nil {
			if resp != nil {
				return resp, nil // better the refusal that is there than none
			}
			return nil, err
		}
	}
}

// CloseIdleConnections is found by http.Client.
func (t *transport) CloseIdleConnections() {
	for _, rt := range []http.RoundTripper{t.open, t.guarded} {
		if c, ok := rt.(interface{ CloseIdleConnections() }); ok {
			c.CloseIdleConnections()
		}
	}
}

// choose picks the connections by what the hop may reach.
func (t *transport) choose(req *http.Request) http.RoundTripper {
	written := t.options.Policy == Trusted && !t.options.DisallowPrivate && stayed(req)
	if written || t.exceptions.match(req.URL) {
		return t.open
	}
	return t.guarded
}

// stayed says whether the hop and all hops before it are of one origin. Coming
// back after a detour does not count: the way there was somebody else's choice.
func stayed(req *http.Request) bool {
	for hop := req; hop.Response != nil && hop.Response.Request != nil; hop = hop.Response.Request {
		if before := hop.Response.Request.URL; !sameOrigin(before, req.URL) && !upgrade(before, req.URL) {
			return false
		}
	}
	return true
}

// attempt sends the hop once, within its own time.
func (t *transport) attempt(req *http.Request) (_ *http.Response, err error) {
	ctx, span := t.span(req)
	defer func() { span.Done(err) }()
	ctx, cancel := context.WithTimeout(ctx, t.options.Timeout)
	defer cancel()
	chosen := t.choose(req)
	resp, err := chosen.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	span.SetInt("http.response.status_code", int64(resp.StatusCode))
	if resp.StatusCode >= http.StatusBadRequest {
		span.Fail(strconv.Itoa(resp.StatusCode))
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, t.options.MaxBody+1))
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > t.options.MaxBody {
		return nil, ErrBodyTooLarge
	}
	if location := resp.Header.Get("Location"); location != "" {
		// http.Client would quote what it cannot parse in its error.
		if _, err := req.URL.Parse(location); err != nil {
			return nil, errLocation
		}
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	resp.Request = req
	return resp, nil
}

// span begins the step of one attempt, and tells the other side of it. Of the address
// only the host is kept, and only where the operator wrote it.
func (t *transport) span(req *http.Request) (context.Context, *trace.Span) {
	ctx, span := trace.Start(req.Context(), "HTTP "+method(req))
	if span == nil {
		return ctx, nil
	}
	span.As(trace.Client).Set("http.request.method", method(req))
	if t.options.Policy == Trusted {
		span.Set("server.address", req.URL.Hostname())
	}
	req.Header.Set("Traceparent", span.Traceparent())
	return ctx, span
}

// method is that of a request, as a word of the standard.
func method(req *http.Request) string {
	switch req.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
		return req.Method
	case "":
		return http.MethodGet
	}
	return "_OTHER"
}

// replay copies the request for an attempt, with a fresh body.
func replay(req *http.Request, attempt int) (*http.Request, error) {
	hop := req.Clone(req.Context())
	if attempt > 0 && req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, err
		}
		hop.Body = body
	}
	return hop, nil
}

// again says whether another attempt could do better.
func again(req *http.Request, resp *http.Response, err error) bool {
	replayable := req.Body == nil || req.Body == http.NoBody || req.GetBody != nil
	if !replayable || req.Context().Err() != nil {
		return false
	}
	if err != nil {
		var certificate *tls.CertificateVerificationError
		return !errors.Is(err, ErrForbiddenAddress) && !errors.Is(err, ErrBodyTooLarge) &&
			!errors.Is(err, errLocation) && !errors.As(err, &certificate)
	}
	return resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= http.StatusInternalServerError
}

// delay doubles with every attempt and is spread over its upper half, so that
// clients that failed together do not come back together. Retry-After counts
// when it asks for more. All of it ends at MaxBackoff.
func (t *transport) delay(attempt int, resp *http.Response) time.Duration {
	o := t.options
	base := o.MinBackoff
	for range attempt {
		base = min(base*2, o.MaxBackoff)
	}
	d := base/2 + time.Duration(o.Jitter()*float64(base/2))
	if resp != nil {
		d = max(d, t.retryAfter(resp.Header.Get("Retry-After")))
	}
	return min(d, o.MaxBackoff)
}

// retryAfter reads seconds or a date (RFC 9110, section 10.2.3).
func (t *transport) retryAfter(header string) time.Duration {
	if s, err := strconv.ParseUint(header, 10, 16); err == nil {
		return time.Duration(s) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return at.Sub(t.options.Clock.Now())
	}
	return 0
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
