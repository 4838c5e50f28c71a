package cli

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cardea/internal/clock"
	"cardea/internal/config"
	"cardea/internal/secret"
)

// hashParameters are the parameters of Argon2id as options; what is not given
// comes from the configuration, if there is one, else from its defaults.
type hashParameters struct {
	source
	memory      string
	iterations  uint32
	parallelism uint8
	salt, key   uint32
}

func (p *hashParameters) flags(c *cobra.Command, memory, iterations string) {
	c.Flags().StringSliceVarP(&p.files, "config", "c", nil, "configuration file; may be repeated")
	c.Flags().Uint8Var(&p.parallelism, "parallelism", 0, "threads of one hash (default: the configuration's)")
	c.Flags().Uint32Var(&p.salt, "salt-length", 0, "length of the salt in bytes (default: the configuration's)")
	c.Flags().Uint32Var(&p.key, "key-length", 0, "length of the hash in bytes (default: the configuration's)")
	if memory == "start-memory" {
		c.Flags().StringVarP(&p.memory, memory, "m", "", "memory to begin with, such as 64MB (default: the configuration's)")
		c.Flags().Uint32VarP(&p.iterations, iterations, "i", 1, "passes to begin with")
	} else {
		c.Flags().StringVar(&p.memory, memory, "", "memory of one hash, such as 64MB (default: the configuration's)")
		c.Flags().Uint32Var(&p.iterations, iterations, 0, "passes over the memory (default: the configuration's)")
		// What a hash is computed with does not depend on these.
		for _, name := range []string{"dedicated-memory", "expected-deviation", "min-duration"} {
			c.Flags().String(name, "", "accepted for compatibility: only calibrate uses it")
		}
	}
}

// settings reads the configuration, without asking that it is complete.
func (p *hashParameters) settings(env Env) (config.Argon2, error) {
	s, err := config.Load(config.Options{Files: p.files, Environ: env.Environ, SkipValidation: true})
	if err != nil {
		return config.Argon2{}, err
	}
	return s.Hashers.Argon2, nil
}

// hasher is what settings and options say together.
func (p *hashParameters) hasher(a config.Argon2) (secret.Argon2id, error) {
	h := secret.Argon2id{MemoryKiB: a.MemoryKiB, Iterations: a.Iterations, Parallelism: a.Parallelism, SaltLength: int(a.SaltLength), KeyLength: a.KeyLength}
	if p.memory != "" {
		m, err := config.ParseByteSize(p.memory)
		if err != nil || m.KiB() < 8 || m.KiB() > 1<<32-1 {
			return h, fmt.Errorf("%q is no amount of memory: write one like 64MB or 1GB", p.memory)
		}
		h.MemoryKiB = uint32(m.KiB())
	}
	if p.iterations > 0 {
		h.Iterations = p.iterations
	}
	if p.parallelism > 0 {
		h.Parallelism = p.parallelism
	}
	if p.salt > 0 {
		h.SaltLength = int(p.salt)
	}
	if p.key > 0 {
		h.KeyLength = p.key
	}
	if h.SaltLength < 16 || h.KeyLength < 16 {
		return h, errors.New("--salt-length and --key-length have to be at least 16")
	}
	return h, nil
}

func hashersCommand(env Env) *cobra.Command {
	argon2 := group("argon2", "Work with Argon2id")
	argon2.AddCommand(argon2HashCommand(env), argon2LoadTestCommand(env), argon2CalibrateCommand(env))
	parent := group("hashers", "Find out what password hashes cost on this machine")
	parent.AddCommand(argon2)
	return parent
}

func argon2HashCommand(env Env) *cobra.Command {
	var p hashParameters
	var o output
	var parallel bool
	c := &cobra.Command{
		Use: "hash [PASSWORD…]", Short: "Hash passwords and tell how long it takes",
		Long: "Hashes the passwords of the command line, or the lines of standard input when there are none:\n" +
			"there other users of this machine do not see them.",
		RunE: func(c *cobra.Command, passwords []string) error {
			settings, err := p.settings(env)
			if err != nil {
				return err
			}
			h, err := p.hasher(settings)
			if err != nil {
				return err
			}
			if len(passwords) == 0 {
				if passwords, err = lines(env); err != nil {
					return err
				}
			}
			workers := 1
			if parallel {
				workers = len(passwords)
			}
			made, total, err := hashAll(h, passwords, workers)
			if err != nil {
				return err
			}
			return o.print(env.Out, hashesResult(made, total))
		},
	}
	p.flags(c, "memory", "iterations")
	o.flags(c)
	c.Flags().BoolVar(&parallel, "parallel", false, "hash all at the same time")
	return c
}

func lines(env Env) (all []string, err error) {
	s := bufio.NewScanner(env.In)
	for s.Scan() {
		if line := strings.TrimSuffix(s.Text(), "\r"); line != "" {
			all = append(all, line)
		}
	}
	if err := s.Err(); err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, errors.New("there is no password on the command line or on standard input")
	}
	return all, nil
}

// madeHash is one hash and the time it took.
type madeHash struct {
	hash string
	took time.Duration
}

// hashAll hashes all passwords, so many at the same time.
func hashAll(h secret.Argon2id, passwords []string, workers int) (made []madeHash, total time.Duration, err error) {
	made = make([]madeHash, len(passwords))
	begin, tickets, failed := clock.System{}.Now(), make(chan struct{}, workers), make(chan error, len(passwords))
	for n, password := range passwords {
		tickets <- struct{}{}
		go func() {
			m, err := hashOne(h, password)
			made[n] = m
			failed <- err
			<-tickets
		}()
	}
	for range passwords {
		err = errors.Join(err, <-failed)
	}
	return made, clock.System{}.Now().Sub(begin), err
}

func hashOne(h secret.Argon2id, password string) (madeHash, error) {
	begin := clock.System{}.Now()
	hash, err := h.Hash(rand.Reader, password)
	return madeHash{hash, clock.System{}.Now().Sub(begin)}, err
}

func hashesResult(made []madeHash, total time.Duration) result {
	type row struct {
		Hash     string `json:"hash"`
		Duration string `json:"duration"`
	}
	r := result{columns: []string{"HASH", "DURATION"}}
	rows := []row{}
	for _, m := range made {
		rows = append(rows, row{m.hash, rounded(m.took)})
		r.rows = append(r.rows, []string{m.hash, rounded(m.took)})
		r.names = append(r.names, m.hash)
	}
	r.rows = append(r.rows, []string{"total", rounded(total)})
	r.value = map[string]any{"hashes": rows, "total": rounded(total)}
	return r
}

func rounded(d time.Duration) string { return d.Round(100 * time.Microsecond).String() }

// perMinute reads the number of sign-ins that a machine has to bear.
func perMinute(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%q is no number of requests per minute", text)
	}
	return n, nil
}
