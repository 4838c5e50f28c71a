package main

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func TestResponseReaderUnderstandsEveryFraming(t *testing.T) {
	big := strings.Repeat("a large body ", 5000) // more than the initial buffer
	tests := []struct {
		name   string
		wire   string
		head   bool
		status int
		body   string
		close  bool
	}{
		{name: "content-length", wire: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", status: 200, body: "hello"},
		{name: "field names in any case", wire: "HTTP/1.1 200 OK\r\nCONTENT-LENGTH:5\r\ncontent-type: text/plain\r\n\r\nhello", status: 200, body: "hello"},
		{name: "no reason phrase", wire: "HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n", status: 404},
		{name: "empty body", wire: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", status: 200},
		{name: "body larger than the buffer", wire: "HTTP/1.1 200 OK\r\nContent-Length: 65000\r\n\r\n" + big, status: 200, body: big},
		{name: "body that contains an empty line", wire: "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\na\r\n\r\nb", status: 200, body: "a\r\n\r\nb"},
		{name: "chunked", wire: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n \r\n6\r\nworld!\r\n0\r\n\r\n", status: 200, body: "hello world!"},
		{name: "chunked, upper-case size and extension", wire: "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\nA ;name=value\r\n0123456789\r\n0\r\n\r\n", status: 200, body: "0123456789"},
		{name: "chunked with trailer", wire: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nA: b\r\nC: d\r\n\r\n", status: 200, body: "ok"},
		{name: "chunked and large", wire: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfde8\r\n" + big + "\r\n0\r\n\r\n", status: 200, body: big},
		{name: "chunk that contains a line break", wire: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n\r\n\r\n\r\n0\r\n\r\n", status: 200, body: "\r\n\r\n"},
		{name: "HEAD announces a length without a body", wire: "HTTP/1.1 200 OK\r\nContent-Length: 1400\r\n\r\n", head: true, status: 200},
		{name: "HEAD announces chunks without a body", wire: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", head: true, status: 200},
		{name: "204 has no body", wire: "HTTP/1.1 204 No Content\r\n\r\n", status: 204},
		{name: "304 has no body", wire: "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", status: 304},
		{name: "informational answers are skipped", wire: "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", status: 200, body: "ok"},
		{name: "connection: close", wire: "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", status: 200, body: "ok", close: true},
		{name: "body until the connection closes", wire: "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nthe rest", status: 200, body: "the rest", close: true},
	}
	splits := map[string]func(io.Reader) io.Reader{
		"in one read":        func(r io.Reader) io.Reader { return r },
		"byte by byte":       iotest.OneByteReader,
		"in halves":          iotest.HalfReader,
		"with the last read": iotest.DataErrReader,
	}
	for _, test := range tests {
		for how, split := range splits {
			t.Run(test.name+", "+how, func(t *testing.T) {
				r := newResponseReader()
				r.src = split(strings.NewReader(test.wire))
				res, err := r.next(test.head)
				if err != nil {
					t.Fatal(err)
				}
				if res.status != test.status || string(res.body) != test.body || res.close != test.close {
					t.Errorf("got status %d, %d bytes of body, close %t; want %d, %d, %t",
						res.status, len(res.body), res.close, test.status, len(test.body), test.close)
				}
			})
		}
	}
}

func TestResponseReaderRefuses(t *testing.T) {
	tests := []struct {
		name, wire string
		want       error
	}{
		{"nothing", "", io.EOF},
		{"half a head", "HTTP/1.1 200 OK\r\nContent-", io.ErrUnexpectedEOF},
		{"half a body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", io.ErrUnexpectedEOF},
		{"half a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe", io.ErrUnexpectedEOF},
		{"a missing last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n", io.ErrUnexpectedEOF},
		{"another protocol", "SSH-2.0-OpenSSH_9.2\r\n\r\n", errMalformed},
		{"a status of letters", "HTTP/1.1 abc OK\r\n\r\n", errMalformed},
		{"a negative length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", errMalformed},
		{"a field without colon", "HTTP/1.1 200 OK\r\nnonsense\r\n\r\n", errMalformed},
		{"a chunk size that is no number", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", errMalformed},
		{"an empty chunk size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", errMalformed},
		{"a chunk longer than announced", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n0\r\n\r\n", errMalformed},
		{"more than was asked for", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n", errMalformed},
		{"an enormous length", "HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n", errTooLarge},
		{"an enormous chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n", errTooLarge},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := newResponseReader()
			r.src = strings.NewReader(test.wire)
			if _, err := r.next(false); !errors.Is(err, test.want) {
				t.Errorf("got error %v, want %v", err, test.want)
			}
		})
	}
}

func TestResponseValuesFindsEveryFieldOfAName(t *testing.T) {
	r := newResponseReader()
	r.src = strings.NewReader("HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Path=/\r\nX-Other: c=3\r\nset-cookie:b=2\r\nContent-Length: 0\r\n\r\n")
	res, err := r.next(false)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := slices.Collect(res.values("Set-Cookie")), []string{"a=1; Path=/", "b=2"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The generator shares the machine with the server, so an answer must cost it nothing to collect.
func TestReadingAnAnswerAllocatesNothing(t *testing.T) {
	const wire = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: x\r\nContent-Length: 5\r\n\r\nhello"
	src := strings.NewReader(wire)
	r := newResponseReader()
	r.src = src
	allocations := testing.AllocsPerRun(100, func() {
		src.Reset(wire)
		if _, err := r.next(false); err != nil {
			t.Fatal(err)
		}
	})
	if allocations > 0 {
		t.Errorf("%v allocations an answer, want none", allocations)
	}
}
