// Command bench measures what a server of this module can do on one machine:
// rates, latencies, and processor time per operation, beside a bare net/http
// server that marks the ceiling.
//
// It owns the whole experiment: it builds and starts the server on loopback
// with a configuration and a SQLite database of its own, fills it through the
// public API, drives it with a raw keep-alive client, and takes everything away
// again. It talks to nothing but its own children, stops them by their process
// id, also when it is interrupted, and bounds every loop in count and time.
//
// Generator and server share the machine. So a rate says how the two get along
// there; the processor time per operation, and the ratio to the bare server,
// are what to compare between machines.
//
//	go run ./bench                          # build ./cmd/cardea and measure everything
//	go run ./bench -dsn postgres://…        # the same on a PostgreSQL server that runs
//	go run ./bench -save a.json             # and keep it; then, for both beside their goals:
//	go run ./bench -dsn postgres://… -beside a.json
//	go run ./bench -binary new -compare old # two binaries, operation by operation in turn
//	go run ./bench -compare-identities 1000000 -only bare,admin-get
//	go run ./bench -import 1000000          # the admin API's batches beside bare SQL
//	go run ./bench -only bare,whoami-token -duration 10s -json
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == bareCommand {
		exit(serveBare(os.Stdin, os.Stdout))
	}
	o, err := parseOptions(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	exit(run(ctx, o, os.Stdout, os.Stderr))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// options are the flags.
type options struct {
	binary, compare string // paths of servers; an empty binary is built
	dsn             string // of a PostgreSQL server; empty for the embedded database
	duration        time.Duration
	slow            time.Duration // length of measurements with costly hashes
	rounds          int           // of those that alternate with bare hashes
	cost            int           // of bcrypt, of costly hashes
	settle          time.Duration // how long a started server is left alone before its memory is read
	connections     int
	people          int // who sign up before measuring
	identities      int // in the database, all together
	imported        int // identities to import; 0 measures everything else

	compareIdentities int // of a second server, measured in turn with the first; 0 for none
	only              selection
	dir               string // where databases live
	json              bool
	save              string // where the report is kept as JSON; empty for nowhere
	beside            string // the saved report of a run on the embedded database; empty for none
}

// A selection is a set of label names; the nil selection has all.
type selection map[string]bool

func (s selection) has(l label) bool { return s == nil || s[l.name] }

func parseOptions(args []string, usage io.Writer) (options, error) {
	o := options{settle: 5 * time.Second, cost: usualCost}
	var only string
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(usage)
	flags.StringVar(&o.binary, "binary", "", "`path` of a built server (default: build ./cmd/cardea)")
	flags.StringVar(&o.compare, "compare", "", "`path` of a second server, measured in turn with the first")
	flags.StringVar(&o.dsn, "dsn", "", "`address` of a PostgreSQL server, on which databases are made and dropped (default: the embedded database)")
	flags.IntVar(&o.compareIdentities, "compare-identities", 0, "measure a second database with so many `identities` in turn with the first")
	flags.DurationVar(&o.duration, "duration", 3*time.Second, "length of each measurement")
	flags.DurationVar(&o.slow, "slow-duration", 15*time.Second, "length of each measurement at bcrypt's usual cost")
	flags.IntVar(&o.rounds, "rounds", 4, "how often sign-in and sign-up alternate with bare hashes")
	flags.IntVar(&o.connections, "connections", 64, "connections, each with one request at a time")
	flags.IntVar(&o.people, "people", 256, "people who sign up before measuring")
	flags.IntVar(&o.identities, "identities", 10_000, "identities in the database, with those people")
	flags.IntVar(&o.imported, "import", 0, "measure nothing but the import of so many `identities`, beside the same rows without a server")
	flags.StringVar(&o.dir, "dir", os.TempDir(), "`directory` for databases; put it on the disk to be measured")
	flags.BoolVar(&o.json, "json", false, "print JSON")
	flags.StringVar(&o.save, "save", "", "`file` in which the report is kept as JSON")
	flags.StringVar(&o.beside, "beside", "", "`file` that a run on the embedded database has saved: its goals are printed beside those of this one")
	flags.StringVar(&only, "only", "", "comma-separated `names` of what to measure:\n"+strings.Join(names(labels()), " "))
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if o.duration <= 0 || o.slow <= 0 || o.connections < 1 || o.rounds < 1 || o.people < 2 || o.imported < 0 {
		return o, errors.New("durations, -connections and -rounds must be positive, -people at least 2, -import not negative")
	}
	if o.compare != "" && o.compareIdentities > 0 || o.imported > 0 && o.dsn != "" {
		return o, errors.New("-compare and -compare-identities exclude each other, and so do -import and -dsn")
	}
	var err error
	o.only, err = parseSelection(only)
	return o, err
}

func parseSelection(list string) (selection, error) {
	if list == "" {
		return nil, nil
	}
	known, chosen := names(labels()), selection{}
	for name := range strings.SplitSeq(list, ",") {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("-only: %q is none of %s", name, strings.Join(known, " "))
		}
		chosen[name] = true
	}
	return chosen, nil
}

func names(labels []label) []string {
	all := make([]string, len(labels))
	for i, l := range labels {
		all[i] = l.name
	}
	return all
}

// run measures everything selected and prints what it has found, also when it
// is interrupted on the way.
func run(ctx context.Context, o options, out, progress io.Writer) error {
	dir, err := os.MkdirTemp(o.dir, "cardea-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	e := &experiment{options: o, dir: dir, progress: progress, report: report{connections: o.connections, postgres: o.dsn != ""}}
	if o.imported > 0 {
		err = e.measureImport(ctx)
	} else {
		err = e.run(ctx)
	}
	if ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	if o.save != "" {
		err = errors.Join(err, e.report.saveJSON(o.save))
	}
	if o.json {
		return errors.Join(err, e.report.writeJSON(out))
	}
	e.report.write(out)
	if o.beside != "" && len(e.report.targets) > 0 {
		embedded, failed := readReport(o.beside)
		if failed != nil {
			return errors.Join(err, failed)
		}
		writeGoals(out, embedded, e.report.json())
	}
	return err
}
