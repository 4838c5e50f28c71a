package ui

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestNewTakesTheTypeFromTheCatalogue(t *testing.T) {
	for id, want := range map[MessageID]MessageType{
		LoginSubmit: Info, SettingsSaved: Success, RecoverySucceeded: Success, VerificationEmailVerified: Success,
		VerificationPhoneVerified: Success, ValidationGeneric: Error, LoginFlowExpired: Error, SystemGeneric: Error,
	} {
		if got := New(id).Type; got != want {
			t.Errorf("message %d is of type %q, want %q", id, got, want)
		}
	}
}

func TestNewPutsPairsIntoTheContext(t *testing.T) {
	got := New(ValidationMinLength, "min_length", 8, "actual_length", 3)
	want := Message{ID: ValidationMinLength, Type: Error, Context: map[string]any{"min_length": 8, "actual_length": 3}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if New(LabelSave).Context != nil {
		t.Error("a message without pairs has a context")
	}
}

func TestNewRefusesMistakes(t *testing.T) {
	for name, mistake := range map[string]func(){
		"an id that is not ours":  func() { New(1234) },
		"a key without a value":   func() { New(ValidationGeneric, "reason") },
		"a key that is no string": func() { New(ValidationGeneric, 1, "reason") },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("it was accepted")
				}
			}()
			mistake()
		})
	}
}

func TestMomentsAreGivenTwice(t *testing.T) {
	at := time.Date(2026, 3, 4, 6, 6, 7, 890e6, time.FixedZone("", 3600))
	got := New(LoginFlowExpired, Moment("expired_at", at)...)
	want := map[string]any{"expired_at": "2026-03-04T05:06:07.89Z", "expired_at_unix": int64(1772600767)}
	if diff := cmp.Diff(want, got.Context); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMessagesComeBackFromARow(t *testing.T) {
	used := New(SettingsBackupCodeUsed, "used_at", "2026-01-01T00:00:00Z", "used_at_unix", 1767225600.0)
	tests := map[string]struct {
		message Message
		row     string
	}{
		"without context": {New(LabelSave), `{"id":1070003}`},
		"with context":    {New(ValidationMinLength, "min_length", 8.0, "actual_length", 3.0), `{"id":4000003,"context":{"actual_length":3,"min_length":8}}`},
		"from a web hook": {
			Foreign(1234, "Not from there", Error, map[string]any{"value": "x"}),
			`{"id":1234,"context":{"value":"x"},"type":"error","text":"Not from there"}`,
		},
		"from a web hook under an id of ours": {
			Foreign(ValidationIdentifierTaken, "Taken", Error, nil),
			`{"id":4000007,"type":"error","text":"Taken"}`,
		},
		"with messages inside": {
			New(SettingsBackupCodes, "secrets", []Message{used}),
			`{"id":1050015,"context":{"secrets":[{"id":1050014,"context":{"used_at":"2026-01-01T00:00:00Z","used_at_unix":1767225600}}]}}`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			row, err := json.Marshal(catalogue(t).Locale().Render(tt.message).Stored())
			if err != nil {
				t.Fatal(err)
			}
			if string(row) != tt.row {
				t.Errorf("the row is %s, want %s", row, tt.row)
			}
			var stored Stored
			if err := json.Unmarshal(row, &stored); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.message, stored.Message()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestNestedValuesThatAreNoMessagesAreDropped(t *testing.T) {
	for _, value := range []any{"x", []any{"x"}, 3, nil} {
		m := Stored{ID: SettingsBackupCodes, Context: map[string]any{"secrets": value}}.Message()
		if ms, _ := m.Context["secrets"].([]Message); len(ms) != 0 {
			t.Errorf("%v became %v", value, ms)
		}
	}
}
