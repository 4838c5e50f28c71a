package store

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Child rows come as a JSON array of flat arrays, which the database makes of rows of
// its own. Every read of an identity or a session decodes two to four of them, so that
// is done by hand: encoding/json took half the time of a list.

// childRow is a row that takes its columns one by one.
type childRow[T any] interface {
	*T
	set(column string, v jsonValue) error
}

// rowsIn decodes the JSON array that a sub-select aggregated. An empty array is nil,
// and so is what was not asked for.
func rowsIn[T any, R childRow[T]](raw []byte, columns []string) ([]T, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	s := jsonScanner{raw: raw}
	if !s.pass('[') {
		return nil, errChildRows
	}
	if s.pass(']') {
		return nil, nil
	}
	rows := make([]T, 0, bytes.Count(raw, []byte("["))-1)
	for more := true; more; more = s.pass(',') {
		rows = append(rows, *new(T))
		if err := oneRow[T, R](&s, &rows[len(rows)-1], columns); err != nil {
			return nil, fmt.Errorf("decoding child rows: %w", err)
		}
	}
	if !s.pass(']') {
		return nil, errChildRows
	}
	return rows, nil
}

var errChildRows = errors.New("child rows are not the JSON that was asked for")

// oneRow passes over an array whose elements are the columns of a row.
func oneRow[T any, R childRow[T]](s *jsonScanner, row R, columns []string) error {
	for n, column := range columns {
		before := byte(',')
		if n == 0 {
			before = '['
		}
		if !s.pass(before) {
			return errChildRows
		}
		v, ok := s.value()
		if !ok {
			return errChildRows
		}
		if err := row.set(column, v); err != nil {
			return fmt.Errorf("%s: %w", column, err)
		}
	}
	if !s.pass(']') {
		return errChildRows
	}
	return nil
}

// jsonScanner goes through JSON text.
type jsonScanner struct {
	raw []byte
	at  int
}

// pass passes over white space and, if it is there, a character.
func (s *jsonScanner) pass(c byte) bool {
	s.space()
	if s.at == len(s.raw) || s.raw[s.at] != c {
		return false
	}
	s.at++
	return true
}

func (s *jsonScanner) space() {
	for s.at < len(s.raw) && (s.raw[s.at] == ' ' || s.raw[s.at] == '\n' || s.raw[s.at] == '\t' || s.raw[s.at] == '\r') {
		s.at++
	}
}

// value passes over a string, a number or null.
func (s *jsonScanner) value() (v jsonValue, ok bool) {
	s.space()
	from := s.at
	if !s.pass('"') {
		for s.at < len(s.raw) && strings.IndexByte(",}] \n\t\r:", s.raw[s.at]) < 0 {
			s.at++
		}
		return s.raw[from:s.at], s.at > from
	}
	for ; s.at < len(s.raw); s.at++ {
		switch s.raw[s.at] {
		case '\\':
			s.at++
		case '"':
			s.at++
			return s.raw[from:s.at], true
		}
	}
	return nil, false
}

// jsonValue is a string, a number or null as it stands.
type jsonValue []byte

func (v jsonValue) null() bool { return string(v) == "null" }

// text is the value of a string.
func (v jsonValue) text() (string, error) {
	if len(v) < 2 || v[0] != '"' {
		return "", errChildRows
	}
	if bytes.IndexByte(v, '\\') < 0 && utf8.Valid(v) {
		return string(v[1 : len(v)-1]), nil
	}
	var text string
	err := json.Unmarshal(v, &text)
	return text, err
}

// textOrNil is text, nil for null.
func (v jsonValue) textOrNil() (*string, error) {
	if v.null() {
		return nil, nil
	}
	text, err := v.text()
	return &text, err
}

func (v jsonValue) number() (int64, error) { return strconv.ParseInt(string(v), 10, 64) }

// numberOrNil is number, nil for null.
func (v jsonValue) numberOrNil() (*int64, error) {
	if v.null() {
		return nil, nil
	}
	n, err := v.number()
	return &n, err
}

// id is the value of a string in hexadecimal.
func (v jsonValue) id() (id uuid.UUID, err error) {
	if len(v) != 2*len(id)+2 || v[0] != '"' {
		return id, errChildRows
	}
	_, err = hex.Decode(id[:], v[1:len(v)-1])
	return id, err
}
