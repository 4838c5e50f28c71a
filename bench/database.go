package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// dropTimeout bounds the removal of a database.
const dropTimeout = 30 * time.Second

// newDatabase makes an empty database on the PostgreSQL server that the options name,
// and gives its DSN. Without one it gives "", for the embedded database.
func (e *experiment) newDatabase(ctx context.Context) (dsn string, drop func() error, err error) {
	if e.dsn == "" {
		return "", func() error { return nil }, nil
	}
	u, err := url.Parse(e.dsn)
	if err != nil {
		return "", nil, errors.New("-dsn is no address")
	}
	// The parameters of the pool are the server's; the driver of this connection does not know them.
	admin := *u
	admin.RawQuery = "sslmode=" + u.Query().Get("sslmode")
	name := "cardea_bench_" + strings.ToLower(rand.Text()[:12])
	if err := execute(ctx, admin.String(), "CREATE DATABASE "+name); err != nil {
		return "", nil, err
	}
	u.Path = "/" + name
	return u.String(), func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dropTimeout)
		defer cancel()
		return execute(ctx, admin.String(), "DROP DATABASE "+name)
	}, nil
}

func execute(ctx context.Context, dsn, statement string) error {
	c, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return fmt.Errorf("-dsn: %w", err)
	}
	_, err = c.Exec(ctx, statement)
	return errors.Join(err, c.Close(context.WithoutCancel(ctx)))
}
