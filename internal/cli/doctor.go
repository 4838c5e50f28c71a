package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cardea/internal/app"
	"cardea/internal/cli/doctor"
	"cardea/internal/clock"
	"cardea/internal/config"
	"cardea/internal/fetch"
	"cardea/internal/store"
)

// examineTimeout bounds each question to something outside of this process.
const examineTimeout = 15 * time.Second

func doctorCommand(env Env) *cobra.Command {
	var s source
	var o output
	var offline bool
	c := &cobra.Command{
		Use: "doctor", Short: "Find out why something does not work, and how to mend it", Args: cobra.NoArgs,
		Long: "Examines the configuration, the documents that it points to, secrets, cookies against the base URLs\n" +
			"and pages, the file with places, the database, the clock and the mail server. Changes nothing. The exit code is 1 when\n" +
			"there is a problem, and 0 when there are only warnings.",
		RunE: func(c *cobra.Command, _ []string) error { return runDoctor(c.Context(), env, s, &o, offline) },
	}
	c.Flags().StringSliceVarP(&s.files, "config", "c", nil, "configuration file (yaml, json or toml); may be repeated, later files win")
	c.Flags().BoolVar(&s.flags.Dev, "dev", false, "examine for development mode, as serve --dev would run")
	c.Flags().BoolVar(&offline, "offline", false, "leave out the mail server and the server at the public base URL")
	o.flags(c)
	return c
}

func runDoctor(ctx context.Context, env Env, s source, o *output, offline bool) error {
	generated := false
	s.secrets = readOnlySecrets(&generated)
	snapshot, err := s.load(env)
	var invalid *config.InvalidError
	if errors.As(err, &invalid) {
		return conclude(env, o, []string{"configuration"}, doctor.Invalid(invalid))
	}
	if err != nil {
		return err
	}
	p := patient(snapshot, offline)
	p.GeneratedSecrets = generated
	var names []string
	var found []doctor.Finding
	checks := doctor.Checks()
	bar := newProgress(env.Err, "Examining", len(checks))
	for _, check := range checks {
		names = append(names, check.Name)
		found = append(found, check.Examine(ctx, p)...)
		bar.step()
	}
	bar.finish()
	return conclude(env, o, names, found)
}

// patient is a configuration with its surroundings within reach.
func patient(s *config.Snapshot, offline bool) *doctor.Patient {
	p := &doctor.Patient{
		Config: s, Now: clock.System{}.Now(), DeliversMail: app.DeliversMail(s),
		Documents: func(ctx context.Context) ([]string, error) {
			ctx, cancel := context.WithTimeout(ctx, examineTimeout)
			defer cancel()
			return app.CheckDocuments(ctx, s)
		},
	}
	p.Places = func() error { return app.CheckPlaces(s) }
	if !s.Development || fileExists(s.DSN) { // the development database is made by the first start
		p.Database = func(ctx context.Context) (doctor.Database, error) { return stateOf(ctx, s.DSN) }
	}
	p.Built, _ = time.Parse(time.RFC3339, readBuild().at) // zero when it is unknown
	if !offline {
		p.Mail = func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, examineTimeout)
			defer cancel()
			return app.CheckMail(ctx, s)
		}
		p.ServerTime = func(ctx context.Context) (time.Time, error) { return serverTime(ctx, s.Serve.Public.BaseURL) }
	}
	return p
}

// stateOf looks at a database, and never makes one.
func stateOf(ctx context.Context, dsn string) (state doctor.Database, err error) {
	if dsn == "memory" {
		return state, nil
	}
	ctx, cancel := context.WithTimeout(ctx, examineTimeout)
	defer cancel()
	db, err := store.Open(ctx, store.Options{DSN: existing(dsn)})
	if err != nil {
		return state, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	list, err := db.Status(ctx)
	for _, m := range list {
		if m.AppliedAt.IsZero() {
			state.Pending++
		} else if m.AppliedAt.After(state.NewestApplied) {
			state.NewestApplied = m.AppliedAt
		}
	}
	state.Warnings = db.Warnings()
	return state, err
}

func fileExists(dsn string) bool {
	u, err := url.Parse(dsn)
	if err != nil {
		return false
	}
	_, err = os.Stat(filepath.FromSlash(u.Path))
	return err == nil
}

// existing is a DSN that does not make a file that is not there.
func existing(dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil || !strings.HasPrefix(u.Scheme, "sqlite") {
		return dsn
	}
	q := u.Query()
	if mode := q.Get("mode"); mode == "" || mode == "rwc" {
		q.Set("mode", "rw")
		u.RawQuery = q.Encode()
	}
	return u.String()
}

// serverTime is the Date of an answer (RFC 9110, section 6.6.1), which is exact to
// the second.
func serverTime(ctx context.Context, base *url.URL) (time.Time, error) {
	client, err := fetch.New(fetch.Options{Policy: fetch.Trusted, Timeout: examineTimeout, Proxy: http.ProxyFromEnvironment})
	if err != nil {
		return time.Time{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base.JoinPath("/health/alive").String(), nil)
	if err != nil {
		return time.Time{}, err
	}
	res, err := client.Do(req)
	if err != nil {
		return time.Time{}, err
	}
	defer func() { _ = res.Body.Close() }()
	return http.ParseTime(res.Header.Get("Date"))
}

// conclude prints the findings and says with the exit code whether there is a problem.
func conclude(env Env, o *output, checks []string, found []doctor.Finding) error {
	problems := 0
	r := result{value: map[string]any{"checks": checks, "findings": append([]doctor.Finding{}, found...)}}
	for _, f := range found {
		if f.Severity == doctor.Problem {
			problems++
		}
		r.names = append(r.names, f.Check)
	}
	r.human = func(w io.Writer) error { return tell(w, checks, found) }
	if err := o.print(env.Out, r); err != nil {
		return err
	}
	if problems > 0 {
		return fmt.Errorf("there are problems: %d", problems)
	}
	return nil
}

// tell writes the findings for people, below the check that made them.
func tell(w io.Writer, checks []string, found []doctor.Finding) error {
	var b strings.Builder
	for _, check := range checks {
		state := "ok"
		var lines strings.Builder
		for _, f := range found {
			if f.Check != check {
				continue
			}
			if state != string(doctor.Problem) {
				state = string(f.Severity)
			}
			what := f.What
			if f.Key != "" {
				what = f.Key + ": " + what
			}
			fmt.Fprintf(&lines, "  %s: %s\n    %s\n", f.Severity, strings.ReplaceAll(what, "\n", "\n    "), f.Remedy)
		}
		fmt.Fprintf(&b, "%s: %s\n%s", check, state, lines.String())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func configCommand(env Env) *cobra.Command {
	var s source
	check := &cobra.Command{
		Use: "check", Short: "Say whether the server would start with a configuration, and what would surprise somebody", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			s.secrets = readOnlySecrets(new(bool))
			snapshot, err := s.load(env)
			if err != nil {
				return err
			}
			report(env.Out, snapshot)
			_, err = fmt.Fprintln(env.Out, "The configuration is valid.")
			return err
		},
	}
	check.Flags().StringSliceVarP(&s.files, "config", "c", nil, "configuration file (yaml, json or toml); may be repeated, later files win")
	check.Flags().BoolVar(&s.flags.Dev, "dev", false, "check for development mode")
	parent := group("config", "Work with configurations")
	parent.AddCommand(check)
	return parent
}
