package secret

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
)

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

var _ = []Hasher{Bcrypt{}, Argon2id{}}

func small() Argon2id {
	return Argon2id{MemoryKiB: 64, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}
}

func TestHashersMakeHashesThatMatch(t *testing.T) {
	for prefix, h := range map[string]Hasher{"$2a$04$": Bcrypt{Cost: 4}, "$argon2id$v=19$m=64,t=2,p=1$": small()} {
		a, err := h.Hash(rand.Reader, interop)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := h.Hash(rand.Reader, interop)
		if a == b {
			t.Errorf("two hashes of %s are the same", prefix)
		}
		if !strings.HasPrefix(a, prefix) {
			t.Errorf("%s does not start with %s", a, prefix)
		}
		if err := Compare(t.Context(), interop, a); err != nil {
			t.Errorf("%s: %v", prefix, err)
		}
		if err := Compare(t.Context(), interop+"x", a); !errors.Is(err, ErrMismatch) {
			t.Errorf("%s: %v", prefix, err)
		}
	}
}

func TestHashersRefuseParametersTheyCannotKeep(t *testing.T) {
	for _, h := range []Hasher{
		Bcrypt{}, Bcrypt{Cost: 3}, Bcrypt{Cost: 32},
		Argon2id{}, Argon2id{MemoryKiB: 64, Parallelism: 1, SaltLength: 16, KeyLength: 32},
		Argon2id{MemoryKiB: 64, Iterations: 1, SaltLength: 16, KeyLength: 32},
		Argon2id{MemoryKiB: 64, Iterations: 1, Parallelism: 1, SaltLength: 4, KeyLength: 32},
		Argon2id{MemoryKiB: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 4},
	} {
		if _, err := h.Hash(rand.Reader, interop); err == nil {
			t.Errorf("%+v makes a hash", h)
		}
	}
}

func TestADecoyIsTheWorkOfARealHash(t *testing.T) {
	for _, h := range []Hasher{Bcrypt{Cost: 5}, small()} {
		made, err := h.Hash(rand.Reader, interop)
		if err != nil {
			t.Fatal(err)
		}
		real, err := parse(made, importLimits)
		if err != nil {
			t.Fatal(err)
		}
		decoy, err := parse(h.Decoy(), importLimits)
		if err != nil {
			t.Fatalf("the decoy is no hash: %v", err)
		}
		if len(h.Decoy()) != len(made) || decoy.weight != real.weight || decoy.weight != h.Weight() || NeedsRehash(h.Decoy(), h) {
			t.Errorf("the decoy %s differs from %s in more than salt and digest", h.Decoy(), made)
		}
		if err := decoy.compare(interop); !errors.Is(err, ErrMismatch) {
			t.Errorf("comparing with the decoy: %v, want a full comparison that fails", err)
		}
	}
}

func TestNeedsRehash(t *testing.T) {
	argon := func(variant, cost string) string {
		return "$" + variant + "$v=19$" + cost + "$2NIm8+edgOJawRU+oavsIQ$tCxgdDCLxVmP680nmi8co0Z1AALY5u/UZ98e0byicVM"
	}
	bcrypt := func(prefix string) string { return prefix + "$abcdefghijklmnopqrstuum51fpTr3HTv9xYSshArKI0g5AevBi/y" }
	tests := []struct {
		name    string
		encoded string
		current Hasher
		want    bool
	}{
		{"the same cost stays", bcrypt("$2a$05"), Bcrypt{Cost: 5}, false},
		{"every bcrypt prefix is the same family", bcrypt("$2y$05"), Bcrypt{Cost: 5}, false},
		{"a lower cost goes up", bcrypt("$2b$05"), Bcrypt{Cost: 12}, true},
		{"a higher cost stays", bcrypt("$2b$15"), Bcrypt{Cost: 12}, false},
		{"bcrypt becomes argon2id", bcrypt("$2b$15"), small(), true},
		{"argon2id becomes bcrypt", argon("argon2id", "m=64,t=2,p=1"), Bcrypt{Cost: 4}, true},
		{"argon2id stays", argon("argon2id", "m=64,t=2,p=1"), small(), false},
		{"argon2i becomes argon2id", argon("argon2i", "m=1024,t=9,p=1"), small(), true},
		{"as much work in another shape stays", argon("argon2id", "m=128,t=1,p=4"), small(), false},
		{"less work goes up", argon("argon2id", "m=64,t=1,p=16"), small(), true},
		{"a digest becomes bcrypt", "$md5$fSFJksVKdE+XozsxpmvsLw==", Bcrypt{Cost: 4}, true},
		{"a digest becomes argon2id", "$md5$fSFJksVKdE+XozsxpmvsLw==", small(), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := NeedsRehash(tt.encoded, tt.current); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// counting is a hasher whose decoys are counted.
type counting struct {
	Bcrypt
	decoys *int
}

func (c counting) Decoy() string {
	*c.decoys++
	return c.Bcrypt.Decoy()
}

func TestFailuresCostAtLeastOneHashOfTheCurrentHasher(t *testing.T) {
	const bcrypt7 = "$2b$07$abcdefghijklmnopqrstuum51fpTr3HTv9xYSshArKI0g5AevBi/y"
	tests := []struct {
		name, password, encoded string
		want                    error
		decoys                  int
	}{
		{"a fast digest that matches", interop, "$md5$fSFJksVKdE+XozsxpmvsLw==", nil, 0},
		{"a fast digest that does not", "wrong", "$md5$fSFJksVKdE+XozsxpmvsLw==", ErrMismatch, 1},
		{"a slow hash that does not match is work enough", "wrong", bcrypt7, ErrMismatch, 0},
		{"a password that bcrypt refuses", strings.Repeat("x", 73), bcrypt7, ErrTooLong, 1},
		{"no hash at all", interop, "", ErrUnknownFormat, 1},
		{"a hash that cannot be decoded", interop, "$2b$07$", ErrMalformed, 1},
		{"a hash that is too costly", interop, strings.Replace(bcrypt7, "07", "16", 1), ErrTooCostly, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			decoys := 0
			p := NewPasswords(NewPool(1, 0, 0), counting{Bcrypt{Cost: 4}, &decoys}, rand.Reader)
			if err := p.Compare(t.Context(), tt.password, tt.encoded); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if decoys != tt.decoys {
				t.Errorf("%d decoys were compared, want %d", decoys, tt.decoys)
			}
		})
	}
	decoys := 0
	p := NewPasswords(NewPool(1, 0, 0), counting{Bcrypt{Cost: 4}, &decoys}, rand.Reader)
	if err := p.Dummy(t.Context(), interop); !errors.Is(err, ErrMismatch) || decoys != 1 {
		t.Errorf("a dummy answers %v after %d decoys", err, decoys)
	}
}

func TestPasswordsCompareTheirOwnHashesAboveTheImportCeiling(t *testing.T) {
	h := small()
	h.Iterations = 11
	p := NewPasswords(NewPool(1, 0, 0), h, rand.Reader)
	made, err := p.Hash(t.Context(), interop)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Compare(t.Context(), interop, made); err != nil {
		t.Errorf("a hash of the current hasher does not match: %v", err)
	}
	if err := CheckImport(made); !errors.Is(err, ErrTooCostly) {
		t.Errorf("importing it: %v", err)
	}
	lanes := strings.Replace(vectors()[0].encoded, "p=1", "p=32", 1)
	if err := p.Compare(t.Context(), interop, lanes); !errors.Is(err, ErrMismatch) {
		t.Errorf("a hash of a machine with more cores is not compared: %v", err)
	}
}

func TestPasswordsGoThroughThePool(t *testing.T) {
	pool := NewPool(1, 0, 0)
	p := NewPasswords(pool, Bcrypt{Cost: 4}, rand.Reader)
	_ = pool.Do(t.Context(), Weight{}, func() error {
		for name, do := range map[string]func(context.Context) error{
			"Hash":    func(ctx context.Context) error { _, err := p.Hash(ctx, interop); return err },
			"Compare": func(ctx context.Context) error { return p.Compare(ctx, interop, "$md5$fSFJksVKdE+XozsxpmvsLw==") },
			"Dummy":   func(ctx context.Context) error { return p.Dummy(ctx, interop) },
		} {
			if err := do(t.Context()); !errors.Is(err, ErrBusy) {
				t.Errorf("%s runs beside the pool: %v", name, err)
			}
		}
		return nil
	})
}
