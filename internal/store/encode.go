package store

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Values on their way into a row.

func micros(t time.Time) int64 { return t.UnixMicro() }

func microsOrNull(t *time.Time) any {
	if t == nil {
		return nil
	}
	return t.UnixMicro()
}

func idBytes(id uuid.UUID) any { return id[:] }

func idOrNull(id *uuid.UUID) any {
	if id == nil {
		return nil
	}
	return id[:]
}

// idIn reads an id out of its hexadecimal text, nil for none.
func idIn(text string) *uuid.UUID {
	id, err := uuid.Parse(text)
	if err != nil {
		return nil
	}
	return &id
}

func textOrNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func bytesOrNull(b []byte) any {
	if b == nil {
		return nil
	}
	return b
}

func jsonOrNull(raw json.RawMessage) any {
	if raw == nil {
		return nil
	}
	return string(raw)
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// Values on their way out of a row. Each wraps the place where the value goes.

type timeAt struct{ t *time.Time }

func (s timeAt) Scan(src any) error {
	n, ok := src.(int64)
	if !ok {
		return fmt.Errorf("a time is stored as %T", src)
	}
	s.ScanInteger(n)
	return nil
}

// ScanInteger is Scan for a row that knows it holds an integer.
func (s timeAt) ScanInteger(n int64) { *s.t = time.UnixMicro(n).UTC() }

type timeOrNil struct{ t **time.Time }

func (s timeOrNil) Scan(src any) error {
	if src == nil {
		*s.t = nil
		return nil
	}
	var t time.Time
	*s.t = &t
	return timeAt{&t}.Scan(src)
}

type idOrNil struct{ id **uuid.UUID }

func (s idOrNil) Scan(src any) error {
	if src == nil {
		*s.id = nil
		return nil
	}
	var id uuid.UUID
	*s.id = &id
	return id.Scan(src)
}

type textOrEmpty struct{ s *string }

func (s textOrEmpty) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*s.s = ""
	case string:
		*s.s = v
	case []byte:
		*s.s = string(v)
	default:
		return fmt.Errorf("a text is stored as %T", src)
	}
	return nil
}

type jsonAt struct{ raw *json.RawMessage }

func (s jsonAt) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*s.raw = nil
	case string:
		*s.raw = json.RawMessage(v)
	case []byte:
		return s.ScanText(v)
	default:
		return fmt.Errorf("JSON is stored as %T", src)
	}
	return nil
}

// ScanText is Scan for a row that shows its own memory.
func (s jsonAt) ScanText(raw []byte) error {
	*s.raw = append(json.RawMessage{}, raw...)
	return nil
}

func timeOf(micros int64) time.Time { return time.UnixMicro(micros).UTC() }

func timeOfNil(micros *int64) *time.Time {
	if micros == nil {
		return nil
	}
	t := timeOf(*micros)
	return &t
}

// spanAt is a span of time, which rows hold in microseconds.
type spanAt struct{ d *time.Duration }

func (s spanAt) Scan(src any) error {
	n, ok := src.(int64)
	if !ok {
		return fmt.Errorf("a span is stored as %T", src)
	}
	*s.d = time.Duration(n) * time.Microsecond
	return nil
}
