package app

import (
	"context"
	"errors"

	"cardea/internal/problem"
)

// check is one thing that has to be so before requests can be served. Its error is a
// problem: what operators may be told, and the cause for the log.
type check struct {
	name string
	run  func(context.Context) *problem.Error
}

func (a *App) checks() []check {
	return []check{
		{"process", func(context.Context) *problem.Error {
			if a.leaving.Load() {
				return problem.Busy("This process is ending.")
			}
			return nil
		}},
		{"database", func(ctx context.Context) *problem.Error {
			if err := a.db.Ping(ctx); err != nil {
				return problem.Busy("The database does not answer.").With(err)
			}
			return nil
		}},
		{"migrations", func(ctx context.Context) *problem.Error {
			pending, err := a.db.Pending(ctx)
			switch {
			case err != nil:
				return problem.Busy("The state of the migrations cannot be read.").With(err)
			case pending:
				return problem.Busy("Migrations are pending: run cardea migrate sql up.").With(errors.New("migrations are pending"))
			}
			return nil
		}},
	}
}

// ready says whether requests can be served, and if not, everything that is in the
// way. The problem is for operators: others are told less.
func (a *App) ready(ctx context.Context) error {
	var first *problem.Error
	said := map[string]any{}
	var causes []error
	for _, c := range a.checks() {
		said[c.name] = "ok"
		p := c.run(ctx)
		if p == nil {
			continue
		}
		said[c.name] = p.Reason
		causes = append(causes, p)
		if first == nil {
			first = p
		}
	}
	if first == nil {
		return nil
	}
	whole := problem.Busy("%s", first.Reason).With(errors.Join(causes...))
	whole.Details = map[string]any{"checks": said}
	return whole
}
