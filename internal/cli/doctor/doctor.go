// Package doctor examines a configuration and what surrounds it, and says of
// everything that will not work what it is and how to mend it.
//
// It refuses to change anything, and to show a value of the configuration that
// could be a secret: a finding names keys, hosts and addresses of pages.
//
// Invariants: every finding has a remedy; the examination depends on nothing but
// its Patient.
package doctor

import (
	"context"
	"time"

	"cardea/internal/config"
)

// Severity says how bad a finding is.
type Severity string

// Problems keep something from working for people; warnings will surprise somebody.
const (
	Problem Severity = "problem"
	Warning Severity = "warning"
)

// Finding is one thing that is not as it should be.
type Finding struct {
	Check    string   `json:"check"`
	Severity Severity `json:"severity"`
	Key      string   `json:"key,omitempty"` // of the configuration, "" for none
	What     string   `json:"what"`
	Remedy   string   `json:"remedy"`
}

// Patient is what is examined. A nil function skips what it would find out.
type Patient struct {
	Config *config.Snapshot
	Now    time.Time
	Built  time.Time // when this program was made at the earliest; zero when unknown
	// GeneratedSecrets tells that secrets.default is empty and the installation uses
	// secrets that it has made for itself.
	GeneratedSecrets bool
	// DeliversMail tells that a way out is configured for mail.
	DeliversMail bool

	// Database opens and reads the state of the database.
	Database func(context.Context) (Database, error)
	// Documents reads and compiles what the configuration points to.
	Documents func(context.Context) (warnings []string, err error)
	// Places reads the file that tells where addresses are.
	Places func() error
	// Mail connects to the mail server.
	Mail func(context.Context) error
	// ServerTime is what the clock of the server at the public base URL shows, and
	// an error when nobody answers there.
	ServerTime func(context.Context) (time.Time, error)
}

// Database is the state of the database.
type Database struct {
	Pending       int       // migrations
	NewestApplied time.Time // when the last migration was made, by the database's clock; zero for never
	Warnings      []string  // about the DSN
}

// Check is one part of the examination.
type Check struct {
	Name    string
	examine func(context.Context, *Patient) []Finding
}

// Checks are all parts in the order in which they make sense to a reader: what
// comes first is often the cause of what comes later.
func Checks() []Check {
	return []Check{
		{"configuration", configuration},
		{"documents", documents},
		{"places", places},
		{"secrets", secrets},
		{"cookies", cookies},
		{"database", database},
		{"clock", clocks},
		{"mail", mail},
	}
}

// Examine makes the findings of one check.
func (c Check) Examine(ctx context.Context, p *Patient) []Finding {
	found := c.examine(ctx, p)
	for n := range found {
		found[n].Check = c.Name
	}
	return found
}

// Invalid are the findings of a configuration that does not load. Nothing else can
// be examined then.
func Invalid(e *config.InvalidError) []Finding {
	found := make([]Finding, len(e.Issues))
	for n, i := range e.Issues {
		found[n] = Finding{Check: "configuration", Severity: Problem, Key: i.Key, What: i.Reason, Remedy: "Correct it in " + place(i) + "; the server does not start as it is."}
	}
	return found
}

// configuration passes on what loading has remarked.
func configuration(_ context.Context, p *Patient) (found []Finding) {
	for _, i := range p.Config.Warnings {
		if i.Key == "secrets.default" {
			continue // has a check of its own
		}
		found = append(found, Finding{Severity: Warning, Key: i.Key, What: i.Reason, Remedy: "Change it in " + place(i) + " if this is not what you want."})
	}
	for _, i := range p.Config.Unsupported {
		found = append(found, Finding{Severity: Warning, Key: i.Key, What: i.Reason, Remedy: "Remove it from " + place(i) + ", or make sure that you can do without."})
	}
	return found
}

func place(i config.Issue) string {
	if i.Source == "" {
		return "the configuration"
	}
	return i.Source
}

func documents(ctx context.Context, p *Patient) (found []Finding) {
	if p.Documents == nil {
		return nil
	}
	warnings, err := p.Documents(ctx)
	if err != nil {
		return []Finding{{Severity: Problem, What: err.Error(), Remedy: "Make the document readable from this machine and correct it; `cardea schema validate` checks an identity schema by itself."}}
	}
	for _, w := range warnings {
		found = append(found, Finding{Severity: Warning, Key: "courier.templates", What: w, Remedy: "Correct the template."})
	}
	return found
}

// places reads what says where devices are.
func places(_ context.Context, p *Patient) []Finding {
	if p.Places == nil {
		return nil
	}
	if err := p.Places(); err != nil {
		return []Finding{{Severity: Problem, Key: "cardea.geoip.file", What: err.Error(),
			Remedy: "Download the file anew and put it there as a whole (write it beside, then rename it); the server does not start with one that it cannot read."}}
	}
	return nil
}

func database(ctx context.Context, p *Patient) (found []Finding) {
	if p.Config.DSN == "memory" && !p.Config.Dev {
		return []Finding{{Severity: Warning, Key: "dsn", What: "everything is kept in memory and lost when the server stops", Remedy: "Name a database, for instance sqlite:///var/lib/cardea/cardea.db?_fk=true."}}
	}
	if p.Database == nil {
		return nil
	}
	d, err := p.Database(ctx)
	if err != nil {
		return []Finding{{Severity: Problem, Key: "dsn", What: "the database cannot be used: " + err.Error(),
			Remedy: "Check the address, that the database runs, and who may read and write it; `cardea migrate sql up` makes the tables of a new one."}}
	}
	if d.Pending > 0 {
		found = append(found, Finding{Severity: Problem, Key: "dsn", What: "migrations are pending",
			Remedy: "Make a backup and run `cardea migrate sql up -e` with the same configuration."})
	}
	for _, w := range d.Warnings {
		found = append(found, Finding{Severity: Warning, Key: "dsn", What: w, Remedy: "Change the parameters of the DSN."})
	}
	return found
}

// Differences between clocks that are not worth a word. A code of an authenticator
// app is good for 30 s, and the answer of a server takes its time.
const (
	tolerance      = 10 * time.Second
	buildTolerance = 24 * time.Hour // zones, and machines that build for each other
)

// clocks looks for signs that the time is wrong: sessions, codes and tokens of other
// systems are all judged by it.
func clocks(ctx context.Context, p *Patient) (found []Finding) {
	const remedy = "Set the clock and keep it right, for instance with systemd-timesyncd or chrony."
	add := func(what string) { found = append(found, Finding{Severity: Problem, What: what, Remedy: remedy}) }
	if !p.Built.IsZero() && p.Now.Before(p.Built.Add(-buildTolerance)) {
		add("the clock of this machine shows a time before this program was made")
	}
	if p.Database != nil {
		// A database that cannot be read has been told of already.
		if d, err := p.Database(ctx); err == nil && d.NewestApplied.After(p.Now.Add(tolerance)) {
			add("the clock of this machine is behind the one of the database, or was ahead when the tables were made")
		}
	}
	if p.ServerTime == nil {
		return found
	}
	if at, err := p.ServerTime(ctx); err == nil {
		if d := at.Sub(p.Now).Abs(); d > tolerance {
			add("the clock of this machine and the one of the server at the public base URL are " + d.Round(time.Second).String() + " apart")
		}
	}
	return found
}
