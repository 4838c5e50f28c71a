package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"cardea/internal/config"
	"cardea/internal/secret"
)

// probePassword is what measurements hash; its content does not matter to the time.
const probePassword = "correct horse battery staple"

const secondsPerMinute = 60

func argon2LoadTestCommand(env Env) *cobra.Command {
	var p hashParameters
	var o output
	c := &cobra.Command{
		Use: "load-test REQUESTS-PER-MINUTE", Short: "Hash as often as so many sign-ins a minute would", Args: cobra.ExactArgs(1),
		Long: "Makes the hashes of one second of so many sign-ins, all at once as in the worst second, and tells\n" +
			"how long they take and how much memory they need together.",
		RunE: func(c *cobra.Command, args []string) error {
			rate, err := perMinute(args[0])
			if err != nil {
				return err
			}
			settings, err := p.settings(env)
			if err != nil {
				return err
			}
			h, err := p.hasher(settings)
			if err != nil {
				return err
			}
			l, err := measureLoad(c.Context(), env, h, atOnce(rate))
			if err != nil {
				return err
			}
			return o.print(env.Out, l.result(settings.DedicatedMemory))
		},
	}
	p.flags(c, "memory", "iterations")
	o.flags(c)
	return c
}

// atOnce is how many of a minute's sign-ins fall into one second, rounded up.
func atOnce(rate int) int { return max(1, (rate+secondsPerMinute-1)/secondsPerMinute) }

// load is what a number of hashes at the same time has cost.
type load struct {
	hasher secret.Argon2id
	took   []time.Duration // sorted
	total  time.Duration
}

func measureLoad(ctx context.Context, env Env, h secret.Argon2id, n int) (load, error) {
	bar := newProgress(env.Err, fmt.Sprintf("Hashing %d passwords", n), 1)
	defer bar.finish()
	if err := ctx.Err(); err != nil {
		return load{}, err
	}
	passwords := slices.Repeat([]string{probePassword}, n)
	made, total, err := hashAll(h, passwords, n)
	l := load{hasher: h, total: total}
	for _, m := range made {
		l.took = append(l.took, m.took)
	}
	slices.Sort(l.took)
	return l, err
}

func (l load) mean() time.Duration {
	var sum time.Duration
	for _, d := range l.took {
		sum += d
	}
	return sum / time.Duration(len(l.took))
}

// memory is what the hashes have needed together.
func (l load) memory() config.ByteSize {
	return config.ByteSize(int64(l.hasher.MemoryKiB) << 10 * int64(len(l.took)))
}

func (l load) result(dedicated config.ByteSize) result {
	fits := "yes"
	if l.memory() > dedicated {
		fits = "no"
	}
	return fields([]field{
		{"CONCURRENT HASHES", "concurrent_hashes", strconv.Itoa(len(l.took))},
		{"TOTAL TIME", "total_time", rounded(l.total)},
		{"MEAN TIME", "mean_time", rounded(l.mean())},
		{"MEDIAN TIME", "median_time", rounded(l.took[len(l.took)/2])},
		{"SHORTEST TIME", "shortest_time", rounded(l.took[0])},
		{"LONGEST TIME", "longest_time", rounded(l.took[len(l.took)-1])},
		{"MEMORY", "memory", megabytes(l.memory())},
		{"DEDICATED MEMORY", "dedicated_memory", megabytes(dedicated)},
		{"FITS", "fits", fits},
	})
}

// field is a line of a result about one thing: its name for people, for programs,
// and its value.
type field struct{ title, name, value string }

func fields(all []field) result {
	r := result{vertical: true, rows: [][]string{nil}}
	value := map[string]string{}
	for _, f := range all {
		r.columns = append(r.columns, f.title+":")
		r.rows[0] = append(r.rows[0], f.value)
		value[f.name] = f.value
		r.names = append(r.names, f.value)
	}
	r.value = value
	return r
}

func megabytes(b config.ByteSize) string { return strconv.FormatInt(int64(b)>>20, 10) + "MB" }

// calibration is what is looked for, and within which bounds.
type calibration struct {
	hashParameters
	output
	maxMemory, adjust, dedicated string
	most, runs                   int
	least, deviation             time.Duration

	ceiling, step, budget config.ByteSize
}

func argon2CalibrateCommand(env Env) *cobra.Command {
	var k calibration
	c := &cobra.Command{
		Use: "calibrate REQUESTS-PER-MINUTE", Short: "Find parameters that suit this machine", Args: cobra.ExactArgs(1),
		Long: "Looks for the most expensive parameters that so many sign-ins a minute leave room for: hashes that\n" +
			"run at the same time have to fit into the dedicated memory, and one of them has to take about the\n" +
			"least duration. Run it on a machine like the one that will serve, with nothing else to do.",
		RunE: func(c *cobra.Command, args []string) error {
			rate, err := perMinute(args[0])
			if err != nil {
				return err
			}
			settings, err := k.settings(env)
			if err != nil {
				return err
			}
			h, err := k.prepare(settings)
			if err != nil {
				return err
			}
			l, err := k.find(c.Context(), env, h, min(atOnce(rate), k.most))
			if err != nil {
				return err
			}
			return k.print(env.Out, k.result(l))
		},
	}
	k.hashParameters.flags(c, "start-memory", "start-iterations")
	k.output.flags(c)
	f := c.Flags()
	f.StringVar(&k.maxMemory, "max-memory", "", "most memory of one hash (default: the dedicated memory over the concurrent hashes)")
	f.StringVar(&k.adjust, "adjust-memory-by", "512MB", "step to begin with when looking for the memory; it is halved on the way")
	f.StringVar(&k.dedicated, "dedicated-memory", "", "memory for all hashes together (default: the configuration's)")
	f.IntVar(&k.most, "max-concurrent", 16, "most hashes at the same time")
	f.IntVarP(&k.runs, "probe-runs", "r", 2, "measurements of each try")
	f.DurationVar(&k.least, "min-duration", 0, "how long a hash should take (default: the configuration's expected_duration)")
	f.DurationVar(&k.deviation, "expected-deviation", 0, "how much longer the slowest hash may take (default: the configuration's)")
	return c
}

// prepare reads the bounds and gives the parameters to begin with.
func (k *calibration) prepare(settings config.Argon2) (secret.Argon2id, error) {
	if k.most < 1 || k.runs < 1 || k.least < 0 || k.deviation < 0 {
		return secret.Argon2id{}, errors.New("--max-concurrent and --probe-runs have to be at least 1, and durations must not be negative")
	}
	if k.least == 0 {
		k.least = settings.ExpectedDuration
	}
	if k.deviation == 0 {
		k.deviation = settings.ExpectedDeviation
	}
	k.budget, k.ceiling = settings.DedicatedMemory, math.MaxInt64
	for _, size := range []struct {
		text string
		into *config.ByteSize
	}{{k.dedicated, &k.budget}, {k.maxMemory, &k.ceiling}, {k.adjust, &k.step}} {
		if size.text == "" {
			continue
		}
		n, err := config.ParseByteSize(size.text)
		if err != nil || n <= 0 {
			return secret.Argon2id{}, fmt.Errorf("%q is no amount of memory: write one like 64MB or 1GB", size.text)
		}
		*size.into = n
	}
	return k.hasher(settings)
}

// leastStep ends the search for the memory, in KiB.
const leastStep = 1 << 10

// find first looks for the memory, which is what makes guessing expensive, and
// then adds passes as long as there is time.
func (k *calibration) find(ctx context.Context, env Env, h secret.Argon2id, n int) (load, error) {
	limit := max(8*int64(h.Parallelism), min(k.budget.KiB()/int64(n), k.ceiling.KiB()))
	h.MemoryKiB = uint32(min(int64(h.MemoryKiB), limit))
	l, err := k.probe(ctx, env, h, n)
	for step := k.step.KiB(); step >= leastStep && err == nil; step /= 2 {
		for err == nil && l.mean() < k.least && int64(h.MemoryKiB)+step <= limit {
			next := h
			next.MemoryKiB += uint32(step)
			var tried load
			if tried, err = k.probe(ctx, env, next, n); err != nil || k.tooSlow(tried) {
				break
			}
			h, l = next, tried
		}
		for err == nil && k.tooSlow(l) && int64(h.MemoryKiB) > step+leastStep {
			h.MemoryKiB -= uint32(step)
			l, err = k.probe(ctx, env, h, n)
		}
	}
	for err == nil && l.mean() < k.least {
		next := h
		next.Iterations++
		var tried load
		if tried, err = k.probe(ctx, env, next, n); err != nil || k.tooSlow(tried) {
			break
		}
		h, l = next, tried
	}
	return l, err
}

// tooSlow says whether the slowest hash leaves the bounds.
func (k *calibration) tooSlow(l load) bool { return l.took[len(l.took)-1] > k.least+k.deviation }

// probe measures some times and gives the slowest: a machine that is busy now and
// then has to be reckoned with at its worst.
func (k *calibration) probe(ctx context.Context, env Env, h secret.Argon2id, n int) (worst load, err error) {
	for range k.runs {
		l, err := measureLoad(ctx, env, h, n)
		if err != nil {
			return l, err
		}
		if worst.took == nil || l.mean() > worst.mean() {
			worst = l
		}
	}
	return worst, nil
}

func (k *calibration) result(l load) result {
	h := l.hasher
	return fields([]field{
		{"MEMORY", "memory", strconv.FormatUint(uint64(h.MemoryKiB), 10) + "KB"},
		{"ITERATIONS", "iterations", strconv.FormatUint(uint64(h.Iterations), 10)},
		{"PARALLELISM", "parallelism", strconv.FormatUint(uint64(h.Parallelism), 10)},
		{"SALT LENGTH", "salt_length", strconv.Itoa(h.SaltLength)},
		{"KEY LENGTH", "key_length", strconv.FormatUint(uint64(h.KeyLength), 10)},
		{"MEAN TIME", "mean_time", rounded(l.mean())},
		{"CONCURRENT HASHES", "concurrent_hashes", strconv.Itoa(len(l.took))},
		{"MEMORY TOGETHER", "memory_together", megabytes(l.memory())},
	})
}
