// Command release builds what is given to others: a binary for each system, a list of
// what is in it (SBOM), and the check sums of all.
//
//	go run ./packaging/release -version v1.2.3 -out dist [-targets linux/amd64,darwin/arm64]
//
// The same source, version and Go toolchain give the same bytes, wherever they are
// built: no paths, no cgo, no build id, and times only of the commit.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
)

// Targets are the systems that releases are made for.
var targets = []target{
	{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "amd64"}, {"darwin", "arm64"}, {"windows", "amd64"},
}

// target is a system in the words of the Go toolchain.
type target struct{ os, arch string }

func (t target) String() string { return t.os + "/" + t.arch }

// file is the name of the binary.
func (t target) file(version string) string {
	name := fmt.Sprintf("cardea_%s_%s_%s", version, t.os, t.arch)
	if t.os == "windows" {
		name += ".exe"
	}
	return name
}

func main() {
	version := flag.String("version", "dev", "what the binary says of itself")
	out := flag.String("out", "dist", "folder for the files")
	only := flag.String("targets", "", "systems, separated by commas; all of them by default")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *version, *out, *only); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, version, out, only string) error {
	wanted, err := choose(only)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	var sums strings.Builder
	for _, t := range wanted {
		binary := filepath.Join(out, t.file(version))
		if err := (recipe{version: version, target: t}).build(ctx, ".", binary); err != nil {
			return err
		}
		bill, err := sbom(binary, version)
		if err != nil {
			return fmt.Errorf("%s: %w", t, err)
		}
		if err := os.WriteFile(binary+".cdx.json", bill, 0o644); err != nil {
			return err
		}
		for _, path := range []string{binary, binary + ".cdx.json"} {
			sum, err := sha256Of(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&sums, "%s  %s\n", sum, filepath.Base(path)) // as sha256sum -c reads it
		}
		fmt.Println(binary)
	}
	return os.WriteFile(filepath.Join(out, "SHA256SUMS"), []byte(sums.String()), 0o644)
}

// choose reads a list of systems.
func choose(only string) ([]target, error) {
	if only == "" {
		return targets, nil
	}
	var all []target
	for name := range strings.SplitSeq(only, ",") {
		system, arch, ok := strings.Cut(name, "/")
		if !ok {
			return nil, fmt.Errorf("%q is no system: write linux/amd64", name)
		}
		all = append(all, target{system, arch})
	}
	return all, nil
}

// recipe is how a binary is made.
type recipe struct {
	version string
	target  target
	noVCS   bool // the source is no repository
}

// build makes a binary of the source in dir.
func (r recipe) build(ctx context.Context, dir, out string) error {
	path, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	args := []string{"build", "-trimpath", "-ldflags", "-s -w -buildid= -X main.version=" + r.version}
	if r.noVCS {
		args = append(args, "-buildvcs=false")
	}
	build := exec.CommandContext(ctx, "go", append(args, "-o", path, "./cmd/cardea")...)
	build.Dir = dir
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+r.target.os, "GOARCH="+r.target.arch, "GOAMD64=v1", "GOARM64=v8.0", "GOFLAGS=", "GOWORK=off")
	if said, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", r.target, err, said)
	}
	return nil
}

func sha256Of(path string) (string, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:]), nil
}
