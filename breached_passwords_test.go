package cardea_test

import (
	"bytes"
	"crypto/sha1"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cardea/cardeatest"
	"cardea/internal/breach"
)

// breachedList writes a file of breached passwords.
func breachedList(t *testing.T, path string, passwords ...string) {
	t.Helper()
	var lines []string
	for _, p := range passwords {
		lines = append(lines, fmt.Sprintf("%X:7", sha1.Sum([]byte(p))))
	}
	slices.Sort(lines)
	b, err := breach.Begin(path, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := breach.Lines(t.Context(), strings.NewReader(strings.Join(lines, "\n")), b, func() {}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Finish(time.Unix(1_700_000_000, 0)); err != nil {
		t.Fatal(err)
	}
}

func breachedOptions(path string) cardeatest.Options {
	return cardeatest.Options{Config: fmt.Sprintf("cardea: {breached_passwords: {file: %q}}", path)}
}

func TestPasswordsOfTheFileAreRefusedWithoutAskingAnybody(t *testing.T) {
	const breached = "tr0ub4dor and three"
	path := filepath.Join(t.TempDir(), "breached")
	breachedList(t, path, breached)
	each(t, breachedOptions(path), func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		person := s.Client(kind)
		form := person.Start("registration", "")
		form.Form(form.Submit(map[string]any{"method": "password", "password": breached, "traits": map[string]any{"email": "ann@cardea.test"}}))
		if got := form.Fetch().FieldMessages("password"); !slices.Equal(got, []int{4000034}) {
			t.Fatalf("signing up with a breached password: messages %v", got)
		}
		person.SignUp("ann@cardea.test", cardeatest.Password)
		form = person.Start("settings", "")
		form.Form(form.Submit(map[string]any{"method": "password", "password": breached}))
		if got := form.Fetch().FieldMessages("password"); !slices.Equal(got, []int{4000034}) {
			t.Errorf("changing to a breached password: messages %v", got)
		}
	})
}

func TestANewFileOfBreachedPasswordsIsTakenUpAndABrokenOneIsNot(t *testing.T) {
	const first, second = "the first one that leaked", "the second one that leaked"
	path := filepath.Join(t.TempDir(), "breached")
	breachedList(t, path, first)
	s := cardeatest.New(t, breachedOptions(path))
	refused := func(password string) bool {
		t.Helper()
		form := s.Client(cardeatest.Native).Start("registration", "")
		a := form.Submit(map[string]any{"method": "password", "password": password, "traits": map[string]any{"email": fmt.Sprintf("%x@cardea.test", sha1.Sum([]byte(password+form.ID)))}})
		return slices.Equal(a.FieldMessages("password"), []int{4000034})
	}
	if !refused(first) || refused(second) {
		t.Fatal("the file is not what counts")
	}
	breachedList(t, path, first, second, "something more")
	if !refused(first) || !refused(second) {
		t.Error("the new file is not taken up")
	}
	broken := path + ".broken"
	if err := os.WriteFile(broken, bytes.Repeat([]byte("x"), 20_000), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(broken, path); err != nil {
		t.Fatal(err)
	}
	if !refused(first) || !refused(second) || refused("nothing of that kind") {
		t.Error("a broken file is taken up")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if !refused(first) {
		t.Error("a file that is gone is missed")
	}
}
