package main

import (
	"bytes"
	"errors"
	"io"
	"iter"
)

// maxResponse bounds what one answer may take in memory, in bytes.
const maxResponse = 16 << 20

var (
	errMalformed = errors.New("malformed HTTP response")
	errTooLarge  = errors.New("HTTP response exceeds the limit")
)

// response is one parsed answer. Its slices point into the reader's buffer and
// are valid until the next answer is read.
type response struct {
	status int
	head   []byte // status line and fields, including the empty line
	body   []byte // decoded: without chunk framing
	close  bool   // the connection cannot be used again
}

// values yields the values of every field called name, in order.
func (r response) values(name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for line := range fieldLines(r.head) {
			key, value, ok := bytes.Cut(line, []byte(":"))
			if ok && bytes.EqualFold(key, []byte(name)) && !yield(string(bytes.TrimSpace(value))) {
				return
			}
		}
	}
}

// responseReader parses HTTP/1.1 answers (RFC 9112) out of a byte stream into
// one buffer that is used again for every answer. It knows three framings:
// Content-Length, chunked, and "until the connection closes".
type responseReader struct {
	src io.Reader
	buf []byte
	end int // buf[:end] has been read from src
}

// newResponseReader needs its src set before it can read.
func newResponseReader() *responseReader {
	return &responseReader{buf: make([]byte, 16<<10)}
}

// next reads one answer. bodiless says that the request was a HEAD, whose
// answer announces a length but carries no body.
func (r *responseReader) next(bodiless bool) (response, error) {
	r.end = 0
	start, bodyStart, head, err := r.finalHead()
	if err != nil {
		return response{}, err
	}
	bodyEnd, used := bodyStart, bodyStart
	switch {
	case bodiless || head.status == 204 || head.status == 304:
	case head.chunked:
		bodyEnd, used, err = r.chunks(bodyStart)
	case head.length >= 0:
		if head.length > maxResponse {
			return response{}, errTooLarge
		}
		bodyEnd = bodyStart + head.length
		used, err = bodyEnd, r.fill(bodyEnd)
	default:
		head.close = true
		err = r.fillToEOF()
		bodyEnd, used = r.end, r.end
	}
	if err != nil {
		return response{}, err
	}
	if used != r.end { // nothing was pipelined, so nothing may follow
		return response{}, errMalformed
	}
	return response{
		status: head.status,
		head:   r.buf[start:bodyStart],
		body:   r.buf[bodyStart:bodyEnd],
		close:  head.close,
	}, nil
}

// finalHead reads heads until one that is not informational (1xx).
func (r *responseReader) finalHead() (start, end int, head responseHead, err error) {
	for {
		if end, err = r.fillHead(start); err != nil {
			return 0, 0, head, err
		}
		if head, err = parseHead(r.buf[start:end]); err != nil || head.status >= 200 {
			return start, end, head, err
		}
		start = end
	}
}

// fillHead reads until the empty line that ends the head starting at start, and
// returns the offset behind it.
func (r *responseReader) fillHead(start int) (int, error) {
	from := start
	for {
		if i := bytes.Index(r.buf[from:r.end], []byte("\r\n\r\n")); i >= 0 {
			return from + i + 4, nil
		}
		from = max(start, r.end-3)
		if err := r.fill(r.end + 1); err != nil {
			return 0, err
		}
	}
}

// chunks decodes a chunked body in place. It returns where the decoded body
// ends and where the encoded one ended.
func (r *responseReader) chunks(start int) (bodyEnd, used int, err error) {
	bodyEnd, used = start, start
	for {
		line, err := r.line(used)
		if err != nil {
			return 0, 0, err
		}
		size, ok := parseHex(r.buf[used : line-2])
		if !ok {
			return 0, 0, errMalformed
		}
		used = line
		if size == 0 {
			used, err = r.skipTrailer(used)
			return bodyEnd, used, err
		}
		if err := r.fill(used + size + 2); err != nil {
			return 0, 0, err
		}
		copy(r.buf[bodyEnd:], r.buf[used:used+size])
		bodyEnd += size
		used += size + 2
		if r.buf[used-2] != '\r' || r.buf[used-1] != '\n' {
			return 0, 0, errMalformed
		}
	}
}

// skipTrailer returns the offset behind the empty line that ends a trailer.
func (r *responseReader) skipTrailer(start int) (int, error) {
	for {
		line, err := r.line(start)
		if err != nil || line == start+2 {
			return line, err
		}
		start = line
	}
}

// line returns the offset behind the CRLF that ends the line starting at start.
func (r *responseReader) line(start int) (int, error) {
	for {
		if i := bytes.Index(r.buf[start:r.end], []byte("\r\n")); i >= 0 {
			return start + i + 2, nil
		}
		if err := r.fill(r.end + 1); err != nil {
			return 0, err
		}
	}
}

// fill reads until buf[:n] is there.
func (r *responseReader) fill(n int) error {
	if n > maxResponse {
		return errTooLarge
	}
	for r.end < n {
		if r.end == len(r.buf) || n > len(r.buf) {
			r.buf = append(r.buf[:r.end], make([]byte, max(n, 2*r.end)-r.end)...)
		}
		read, err := r.src.Read(r.buf[r.end:])
		r.end += read
		if err != nil && r.end < n {
			if err == io.EOF && r.end > 0 {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
	return nil
}

func (r *responseReader) fillToEOF() error {
	for {
		switch err := r.fill(r.end + 1); err {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			return nil
		default:
			return err
		}
	}
}

// responseHead is what framing needs to know of a head.
type responseHead struct {
	status  int
	length  int // -1: not announced
	chunked bool
	close   bool
}

func parseHead(head []byte) (responseHead, error) {
	h := responseHead{length: -1}
	if len(head) < len("HTTP/1.1 200\r\n") || !bytes.HasPrefix(head, []byte("HTTP/1.")) || head[8] != ' ' {
		return h, errMalformed
	}
	var ok bool
	if h.status, ok = parseDecimal(head[9:12]); !ok || h.status < 100 {
		return h, errMalformed
	}
	for line := range fieldLines(head) {
		colon := bytes.IndexByte(line, ':')
		if colon < 0 {
			return h, errMalformed
		}
		// The length is compared first because almost every field fails there.
		switch name := line[:colon]; {
		case colon == len("content-length") && bytes.EqualFold(name, []byte("content-length")):
			if h.length, ok = parseDecimal(bytes.TrimSpace(line[colon+1:])); !ok {
				return h, errMalformed
			}
		case colon == len("transfer-encoding") && bytes.EqualFold(name, []byte("transfer-encoding")):
			h.chunked = bytes.EqualFold(bytes.TrimSpace(line[colon+1:]), []byte("chunked"))
		case colon == len("connection") && bytes.EqualFold(name, []byte("connection")):
			h.close = bytes.EqualFold(bytes.TrimSpace(line[colon+1:]), []byte("close"))
		}
	}
	return h, nil
}

// fieldLines yields the field lines of a head, without the status line.
func fieldLines(head []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for first := true; ; first = false {
			i := bytes.IndexByte(head, '\n')
			if i < 2 { // the empty line, or nothing left
				return
			}
			if !first && !yield(head[:i-1]) {
				return
			}
			head = head[i+1:]
		}
	}
}

// parseDecimal reads a number of at most nine digits, so that it cannot overflow.
func parseDecimal(s []byte) (n int, ok bool) {
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, len(s) > 0 && len(s) <= 9
}

// parseHex reads a chunk size and ignores chunk extensions (RFC 9112, section 7.1.1).
func parseHex(s []byte) (n int, ok bool) {
	s, _, _ = bytes.Cut(s, []byte(";"))
	s = bytes.TrimRight(s, " \t")
	for _, c := range s {
		switch {
		case c >= '0' && c <= '9':
			n = n<<4 | int(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			n = n<<4 | int(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return n, len(s) > 0 && len(s) <= 7
}
