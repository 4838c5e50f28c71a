package main

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// source is the root of the repository.
const source = "../.."

// copied is the source at another place, without its history.
func copied(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, part := range []string{"go.mod", "go.sum", "cmd", "internal", "api", "web"} {
		err := filepath.WalkDir(filepath.Join(source, part), func(path string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(source, path)
			if err != nil {
				return err
			}
			to := filepath.Join(dir, rel)
			if e.IsDir() {
				return os.MkdirAll(to, 0o755)
			}
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(to, raw, 0o644)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestTheSameSourceGivesTheSameBytes(t *testing.T) {
	out := t.TempDir()
	first, second := filepath.Join(out, "first"), filepath.Join(out, "second")
	r := recipe{version: "v1.2.3", target: target{runtime.GOOS, runtime.GOARCH}, noVCS: true}
	if err := r.build(t.Context(), source, first); err != nil {
		t.Fatal(err)
	}
	if err := r.build(t.Context(), copied(t), second); err != nil {
		t.Fatal(err)
	}
	one, err := sha256Of(first)
	if err != nil {
		t.Fatal(err)
	}
	if other, err := sha256Of(second); err != nil || one != other {
		t.Errorf("built at two places: %s and %s (%v)", one, other, err)
	}
	said, err := exec.Command(first, "version").Output()
	if err != nil || !bytes.Contains(said, []byte("v1.2.3")) {
		t.Errorf("the binary says of itself: %s (%v)", said, err)
	}
	t.Run("and the same bill", func(t *testing.T) { checkBill(t, first, second) })
	t.Run("and no path of this machine", func(t *testing.T) {
		raw, err := os.ReadFile(first)
		if err != nil {
			t.Fatal(err)
		}
		home, err := filepath.Abs(source)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(raw, []byte(home+"/internal")) {
			t.Error("the binary knows where it was built")
		}
	})
}

func checkBill(t *testing.T, first, second string) {
	bill, err := sbom(first, "v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	if other, err := sbom(second, "v1.2.3"); err != nil || !bytes.Equal(bill, other) {
		t.Errorf("two bills of the same bytes differ (%v)", err)
	}
	var b bom
	if err := json.Unmarshal(bill, &b); err != nil {
		t.Fatal(err)
	}
	if b.Format != "CycloneDX" || b.Spec != "1.6" || b.Metadata.Component.Version != "v1.2.3" || len(b.Metadata.Component.Hashes) != 1 {
		t.Errorf("the bill is of %+v", b.Metadata)
	}
	// What go.mod requires and the program uses is on the bill, in the same version.
	mod, err := os.ReadFile(filepath.Join(source, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"modernc.org/sqlite", "github.com/jackc/pgx/v5", "golang.org/x/crypto", "github.com/spf13/cobra"} {
		i := slices.IndexFunc(b.Components, func(c component) bool { return c.Name == path })
		if i < 0 || !strings.Contains(string(mod), path+" "+b.Components[i].Version+"\n") || len(b.Components[i].Properties) == 0 {
			t.Errorf("%s is not on the bill as in go.mod", path)
		}
	}
	refs := map[string]bool{}
	for _, c := range b.Components {
		if refs[c.Ref] || !strings.HasPrefix(c.PURL, "pkg:golang/") {
			t.Errorf("%s is there twice, or has no name for all formats", c.Ref)
		}
		refs[c.Ref] = true
	}
	for _, ref := range b.Dependencies[0].Uses {
		if !refs[ref] {
			t.Errorf("the bill depends on %s, which is not on it", ref)
		}
	}
}

func TestSystemsAreChosenByName(t *testing.T) {
	if all, err := choose(""); err != nil || len(all) != len(targets) {
		t.Errorf("without a choice: %v (%v)", all, err)
	}
	if all, err := choose("linux/arm64,windows/amd64"); err != nil || len(all) != 2 || all[1].file("v1") != "cardea_v1_windows_amd64.exe" {
		t.Errorf("two systems: %v (%v)", all, err)
	}
	if _, err := choose("linux"); err == nil {
		t.Error("half a name is a system")
	}
}
