package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"syscall"
	"testing"
	"time"
)

// testClient connects to a handler; the returned count says how many
// connections the server has seen.
func testClient(t *testing.T, handler http.HandlerFunc) (*client, func() int) {
	t.Helper()
	opened := make(chan struct{}, 100)
	server := httptest.NewUnstartedServer(handler)
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened <- struct{}{}
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	c := newClient(t.Context(), server.Listener.Addr().String(), time.Now().Add(time.Minute))
	t.Cleanup(c.close)
	return c, func() int { return len(opened) }
}

func TestClientKeepsItsConnection(t *testing.T) {
	c, opened := testClient(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s %s", r.Method, r.URL.Path, r.Header.Get("X-Session-Token"))
	})
	for i := range 3 {
		res, err := c.expect(200, get(c.addr, "/who", fmt.Sprintf("X-Session-Token: t%d", i)))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := string(res.body), fmt.Sprintf("GET /who t%d", i); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if opened() != 1 {
		t.Errorf("%d connections for three requests, want 1", opened())
	}
}

func TestClientConnectsAgainWhenTheServerCloses(t *testing.T) {
	c, opened := testClient(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
	})
	for range 2 {
		if _, err := c.expect(200, get(c.addr, "/")); err != nil {
			t.Fatal(err)
		}
	}
	if opened() != 2 {
		t.Errorf("%d connections for two closed requests, want 2", opened())
	}
}

func TestClientSendsJSONBodies(t *testing.T) {
	c, _ := testClient(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s", r.Header.Get("Content-Type"), body)
	})
	res, err := c.expect(200, post(c.addr, "/", nil, `{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(res.body), `application/json {"a":1}`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestClientReadsTheNextAnswerAfterHead(t *testing.T) {
	c, opened := testClient(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "body") })
	head := []byte("HEAD / HTTP/1.1\r\nHost: " + c.addr + "\r\n\r\n")
	for _, request := range [][]byte{head, get(c.addr, "/"), head} {
		if _, err := c.expect(200, request); err != nil {
			t.Fatal(err)
		}
	}
	if opened() != 1 {
		t.Errorf("%d connections, want 1", opened())
	}
}

func TestClientReportsAnotherStatus(t *testing.T) {
	c, _ := testClient(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	if _, err := c.expect(200, get(c.addr, "/")); err != statusError(503) {
		t.Errorf("got %v, want status 503", err)
	}
}

func TestClientLetsGoWhenItsContextEnds(t *testing.T) {
	asked, release := make(chan struct{}), make(chan struct{})
	c, _ := testClient(t, func(http.ResponseWriter, *http.Request) {
		close(asked)
		<-release
	})
	defer close(release)
	ctx, cancel := context.WithCancel(t.Context())
	c.ctx = ctx
	go func() {
		<-asked
		cancel()
	}()
	if _, err := c.do(get(c.addr, "/")); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a cancelled request ended with %v, want a timeout", err)
	}
}

func TestFailureKind(t *testing.T) {
	tests := []struct {
		err  error
		want string
	}{
		{statusError(429), "status 429"},
		{fmt.Errorf("setting up: %w", statusError(500)), "status 500"},
		{&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, "timeout"},
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, "connection refused"},
		{&net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}, "connection closed"},
		{io.EOF, "connection closed"},
		{io.ErrUnexpectedEOF, "connection closed"},
		{errMalformed, "unusable answer"},
		{errUnexpectedBody, "unusable answer"},
		{errors.New("anything else"), "transport error"},
	}
	for _, test := range tests {
		if got := failureKind(test.err); got != test.want {
			t.Errorf("failureKind(%v) = %q, want %q", test.err, got, test.want)
		}
	}
}

func TestFlowIDIsFoundWhereverItStands(t *testing.T) {
	const id = "0d7c0bd4-9f3c-4c6e-9c1e-6f1a2b3c4d5e"
	tests := []struct {
		name, body, want string
	}{
		{"id first", `{"id":"` + id + `","ui":{"action":"http://h/self-service/login?flow=` + id + `"}}`, id},
		{"other ids first", `{"organization_id":"x","ui":{"action":"http://h/self-service/login?flow=` + id + `"},"id":"` + id + `"}`, id},
		{"no action", `{"id":"` + id + `"}`, ""},
		{"cut off", `{"ui":{"action":"http://h/self-service/login?flow=0d7c`, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := flowID([]byte(test.body))
			if string(got) != test.want || (err != nil) != (test.want == "") {
				t.Errorf("got %q, %v; want %q", got, err, test.want)
			}
		})
	}
}
