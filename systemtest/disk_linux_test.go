package systemtest

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestAFullDiskRefusesAndRecovers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=12m"); err != nil {
		t.Skipf("a file system of limited size cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount the small file system: %v", err)
		}
	})
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 7<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, options{Dir: dir})
	s.outOfRoom(t, func(in []person) []person {
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		return in
	})
}
