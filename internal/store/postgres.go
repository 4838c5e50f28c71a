package store

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// postgresDialect is PostgreSQL and what speaks like it. It keeps away from what
// distributed databases of this family lack: advisory locks, sequences, LISTEN.
func postgresDialect() *dialect {
	return &dialect{
		name:       "postgres",
		goose:      goose.DialectPostgres,
		parse:      parsePostgres,
		open:       openServer,
		migrations: serverMigrations,
		impatient:  "SET lock_timeout = " + strconv.FormatInt(tablePatience.Milliseconds(), 10),
		rebind:     newRebinder().rebind,
		idText:     func(column string) string { return "encode(" + column + ", 'hex')" },
		jsonRows:   postgresJSONRows,
		insertNew:  " ON CONFLICT DO NOTHING",
		insertOver: " ON CONFLICT DO NOTHING",
		overwrite:  conflictUpdate,
		lockRow:    " FOR UPDATE",
		lockFree:   " FOR UPDATE SKIP LOCKED",
		guesses:    guessCounts,
		some:       someByKey,
		returning:  true,
		begin:      beginPostgres,
		batches:    true,
		unique:     func(err error) bool { return sqlState(err) == "23505" },
		orphan:     func(err error) bool { return sqlState(err) == "23503" },
		intact:     func(error) bool { return false },
		again:      postgresAgain,
		raced:      postgresRaced,
		inUse:      func(err error) bool { return sqlState(err) == "55P03" },
		public:     func(err error) error { return serverPublic(err, postgresUnavailable) },
	}
}

// parsePostgres understands what follows "postgres://": the form of libpq
// (https://www.postgresql.org/docs/current/libpq-connect.html, 34.1.1.2) with the
// parameters of the pool beside those of the driver.
func parsePostgres(rest string) (source, error) {
	var s source
	address, query, _ := strings.Cut(rest, "?")
	params, err := url.ParseQuery(query)
	if err != nil {
		return s, errors.New("the DSN's parameters are malformed")
	}
	if err := s.readPool(params); err != nil {
		return s, err
	}
	config, err := pgx.ParseConfig("postgres://" + address + "?" + params.Encode())
	if err != nil {
		return s, errors.New("the DSN is no address of a PostgreSQL database")
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "cardea"
	}
	s.connector = stdlib.GetConnector(*config)
	return s, nil
}

func postgresJSONRows(columns string) string {
	return "coalesce(json_agg(json_build_array(" + columns + ")), '[]')"
}

// sqlState is the code of an error of the server, "" for others
// (https://www.postgresql.org/docs/current/errcodes-appendix.html).
func sqlState(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// postgresAgain: serialization_failure and deadlock_detected.
func postgresAgain(err error) bool { return sqlState(err) == "40001" || sqlState(err) == "40P01" }

// postgresRaced: a table or type that somebody else has just made, and a row of the
// catalogue that somebody else is changing.
func postgresRaced(err error) bool {
	switch sqlState(err) {
	case "23505", "42P07", "42710", "XX000":
		return true
	}
	return postgresAgain(err)
}

// postgresUnavailable: the server is there and cannot serve now, or serves reads
// alone. The classes are connection exceptions, insufficient resources and operator
// intervention; beside them lock_not_available and read_only_sql_transaction. What
// never left on a connection that is closed is of the same kind.
func postgresUnavailable(err error) bool {
	state := sqlState(err)
	var connect *pgconn.ConnectError
	return errors.As(err, &connect) || pgconn.SafeToRetry(err) || len(state) == 5 && (state[:2] == "08" || state[:2] == "53" || state[:2] == "57") ||
		state == "55P03" || state == "25006" || postgresAgain(err)
}

// rebinder numbers placeholders, and remembers the texts.
type rebinder struct {
	mu    sync.RWMutex
	texts map[string]string
}

func newRebinder() *rebinder { return &rebinder{texts: map[string]string{}} }

// rebind turns each "?" into "$1", "$2" and so on. No statement has one in a string.
func (r *rebinder) rebind(query string) string {
	r.mu.RLock()
	text, ok := r.texts[query]
	r.mu.RUnlock()
	if ok {
		return text
	}
	var b strings.Builder
	for n, rest := 1, query; ; n++ {
		before, after, more := strings.Cut(rest, "?")
		b.WriteString(before)
		if !more {
			break
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(n))
		rest = after
	}
	text = b.String()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.texts) < maxPrepared {
		r.texts[query] = text
	}
	return text
}

// openServer opens one pool of connections to a database server. It does not
// connect: a server that is not there yet is no reason not to start.
func openServer(_ context.Context, db *DB, queue int) error {
	conns := sql.OpenDB(db.source.connector)
	db.source.limit(conns)
	db.reads = &pool{conns, db.dialect, &db.stats}
	db.writes = newTxWriter(conns, db.dialect, &db.stats, queue)
	return nil
}

// serverMigrations gives a pool of its own for the schema, whose connections begin with
// a statement.
func serverMigrations(db *DB, first string) (*sql.DB, error) {
	if first == "" {
		return sql.OpenDB(db.source.connector), nil
	}
	return sql.OpenDB(prepared{db.source.connector, []string{first}}), nil
}
