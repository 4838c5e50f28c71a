package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"

	"cardea/internal/problem"
)

// serverPublic gives failures of a database server the answer they deserve: it is
// not the caller's fault, and trying again helps.
func serverPublic(err error, unavailable func(error) bool) error {
	var already *problem.Error
	if err == nil || errors.As(err, &already) || errors.Is(err, context.Canceled) {
		return err
	}
	var network net.Error
	if unavailable(err) || errors.As(err, &network) || errors.Is(err, driver.ErrBadConn) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return problem.Busy("The database does not answer, please try again.").With(err)
	}
	return err
}

// prepared gives connections that are set up by statements before anybody uses them.
type prepared struct {
	driver.Connector
	texts []string
}

// Connect implements driver.Connector.
func (p prepared) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := p.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	for _, text := range p.texts {
		if _, err := c.(driver.ExecerContext).ExecContext(ctx, text, nil); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return c, nil
}
