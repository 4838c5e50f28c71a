package systemtest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// rawTimeout is how long the server may take to answer and hang up.
const rawTimeout = 10 * time.Second

// smuggled is a request that hides behind another one. Its answer, which no
// other request here gets, tells that it was taken for one.
const smuggled = "GET /schemas HTTP/1.1\r\nHost: x\r\n\r\n"

// remove is the head of a request with a body; more headers follow.
const remove = "DELETE /self-service/logout/api HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"

// chunked is an empty body in chunks.
const chunked = "0\r\n\r\n"

// raws are bytes that a server may read in more than one way, and what it may
// answer: it has to refuse them and hang up, or read them in the one right way.
var raws = []struct {
	name, bytes string
	status      []int
}{
	// RFC 9112, section 6.1: chunks win over a length, and the connection ends.
	{"a length and chunks", remove + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked + smuggled, []int{400}},
	{"chunks and a length", remove + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + chunked + smuggled, []int{400}},
	{"two lengths", remove + "Content-Length: 0\r\nContent-Length: 38\r\n\r\n" + smuggled, []int{400}},
	{"a list of lengths", remove + "Content-Length: 0, 38\r\n\r\n" + smuggled, []int{400}},
	{"a length with a sign", remove + "Content-Length: +0\r\n\r\n" + smuggled, []int{400}},
	{"a negative length", remove + "Content-Length: -1\r\n\r\n" + smuggled, []int{400}},
	{"a length in hexadecimal", remove + "Content-Length: 0x0\r\n\r\n" + smuggled, []int{400}},
	{"a length beyond all numbers", remove + "Content-Length: 99999999999999999999\r\n\r\n" + smuggled, []int{400}},
	{"an empty length", remove + "Content-Length:\r\n\r\n" + smuggled, []int{400}},
	// Section 6.1 again: 501 is the answer to a coding that is not understood.
	{"a coding that is unknown", remove + "Transfer-Encoding: xchunked\r\n\r\n" + chunked + smuggled, []int{400, 501}},
	{"two codings", remove + "Transfer-Encoding: chunked, identity\r\n\r\n" + chunked + smuggled, []int{400, 501}},
	{"the coding twice", remove + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked + smuggled, []int{400, 501}},
	{"a coding behind a vertical tab", remove + "Transfer-Encoding: \x0bchunked\r\n\r\n" + chunked + smuggled, []int{400, 501}},
	{"a space before the colon", remove + "Transfer-Encoding : chunked\r\n\r\n" + chunked + smuggled, []int{400}},
	{"a coding on a folded line", remove + "Transfer-Encoding:\r\n chunked\r\nContent-Length: 5\r\n\r\n" + chunked + smuggled, []int{400, 501}},
	{"a chunk of an impossible size", remove + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n" + smuggled, []int{400}},
	{"a chunk of a negative size", remove + "Transfer-Encoding: chunked\r\n\r\n-1\r\n" + smuggled, []int{400}},
	{"a chunk that is longer than it says", remove + "Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n" + chunked + smuggled, []int{400}},
	{"endless chunk extensions", remove + "Transfer-Encoding: chunked\r\n\r\n1;" + strings.Repeat("x", 64<<10) + "\r\na\r\n" + chunked + smuggled, []int{400}},
	{"a header without a colon", remove + "Nonsense\r\nContent-Length: 0\r\n\r\n" + smuggled, []int{400}},
	{"a zero character in a header", remove + "X: a\x00b\r\nContent-Length: 0\r\n\r\n" + smuggled, []int{400}},
	{"a carriage return in a header", remove + "X: a\rContent-Length: 38\r\nContent-Length: 0\r\n\r\n" + smuggled, []int{400}},
	{"no host", "GET /health/alive HTTP/1.1\r\n\r\n" + smuggled, []int{400}},
	{"two hosts", "GET /health/alive HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" + smuggled, []int{400}},
	{"a host with a path", "GET /health/alive HTTP/1.1\r\nHost: a/b\r\n\r\n" + smuggled, []int{400}},
	{"a version that does not exist", "GET /health/alive HTTP/9.9\r\nHost: x\r\n\r\n" + smuggled, []int{400, 505}},
	{"no version", "GET /health/alive\r\n\r\n" + smuggled, []int{400}},
	{"no request at all", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", []int{400}},
	{"an expectation that is unknown", remove + "Expect: wonders\r\nContent-Length: 0\r\n\r\n", []int{417}},
	{"a header of 1 MiB", "GET /health/alive HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n", []int{431}},
	{"10,000 headers", "GET /health/alive HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X-Some-Header: y\r\n", 10_000) + "\r\n", []int{431}},
	{"an address of 1 MiB", "GET /" + strings.Repeat("x", 1<<20) + " HTTP/1.1\r\nHost: x\r\n\r\n", []int{431}},
	{"a body that ends early", remove + "Content-Length: 500\r\nConnection: close\r\n\r\n{\"session_token\":", []int{400}},
}

func TestBytesThatCanBeReadInTwoWaysEndTheConnection(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	for _, c := range raws {
		t.Run(c.name, func(t *testing.T) {
			answers, err := s.exchange(t, c.bytes)
			if err != nil {
				t.Fatalf("after %d answers: %v", len(answers), err)
			}
			if len(answers) != 1 {
				t.Fatalf("the server took this for %d requests", len(answers))
			}
			if got := answers[0].Status; !slices.Contains(c.status, got) {
				t.Errorf("answered %d %.300s, want one of %v", got, answers[0].Body, c.status)
			}
		})
	}
	s.alive(t)
}

// exchange sends bytes and reads answers until the server hangs up.
func (s *server) exchange(t *testing.T, bytes string) (answers []*answer, err error) {
	t.Helper()
	conn, err := net.Dial("tcp", s.publicAddr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(rawTimeout)); err != nil {
		t.Fatal(err)
	}
	go func() {
		// The server may answer and hang up before it has read everything; what is
		// said by it is read below.
		_, _ = io.WriteString(conn, bytes)
		_ = conn.(*net.TCPConn).CloseWrite()
	}()
	in := bufio.NewReader(conn)
	for {
		res, err := http.ReadResponse(in, nil)
		switch {
		case err == io.EOF || err == io.ErrUnexpectedEOF && len(answers) > 0 || reset(err) && len(answers) > 0:
			return answers, nil
		case err != nil:
			return answers, err
		}
		body, err := io.ReadAll(res.Body)
		if err != nil && !reset(err) {
			return answers, fmt.Errorf("read a body: %w", err)
		}
		answers = append(answers, &answer{Status: res.StatusCode, Header: res.Header, Body: body})
	}
}

// reset tells a connection that the server closed while we were still sending.
func reset(err error) bool {
	return err != nil && (strings.Contains(err.Error(), "connection reset") || strings.Contains(err.Error(), "broken pipe"))
}

// slowly are requests that never get anywhere, and how long they are put up with.
var slowly = []struct {
	name, begin string
	within      time.Duration
}{
	{"nothing", "", 8 * time.Second},
	{"a request line without an end", "GET /health/alive HTTP/1.1", 8 * time.Second},
	{"headers without an end", "GET /health/alive HTTP/1.1\r\nHost: x\r\nX-Some: header\r\n", 8 * time.Second},
	{"a body without an end", remove + "Content-Length: 100\r\n\r\n{", 20 * time.Second},
}

func TestWhoeverSendsNothingMoreIsHungUpOn(t *testing.T) {
	long(t)
	t.Parallel()
	s := start(t, options{})
	for _, c := range slowly {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", s.publicAddr)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			if _, err := io.WriteString(conn, c.begin); err != nil {
				t.Fatal(err)
			}
			if err := conn.SetReadDeadline(time.Now().Add(c.within)); err != nil {
				t.Fatal(err)
			}
			said, err := io.ReadAll(conn)
			if err != nil && !reset(err) {
				t.Fatalf("the server still waits after %s: %v", c.within, err)
			}
			if strings.Contains(string(said), "HTTP/1.1 5") {
				t.Errorf("the server blamed itself: %.200s", said)
			}
		})
	}
}
