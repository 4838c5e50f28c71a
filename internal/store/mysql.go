package store

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/pressly/goose/v3"
)

// mysqlDialect is MySQL 8 and MariaDB 10.11. Text is kept as bytes: no collation
// that both know compares all of it (https://dev.mysql.com/doc/refman/8.4/en/charset-binary-collations.html
// and https://mariadb.com/kb/en/supported-character-sets-and-collations/).
func mysqlDialect() *dialect {
	return &dialect{
		name:           "mysql",
		goose:          goose.DialectMySQL,
		parse:          parseMySQL,
		open:           openServer,
		migrations:     serverMigrations,
		impatient:      "SET SESSION lock_wait_timeout = " + strconv.Itoa(int(tablePatience.Seconds())),
		lockMigrations: lockMySQLMigrations,
		idText:         func(column string) string { return "hex(" + column + ")" },
		jsonText:       func(column string) string { return "CONVERT(" + column + " USING utf8mb4)" },
		jsonRows:       mysqlJSONRows,
		insertOver:     " ON DUPLICATE KEY UPDATE tenant = tenant",
		overwrite:      mysqlOverwrite,
		guesses:        " ON DUPLICATE KEY UPDATE tenant = tenant",
		lockRow:        " FOR UPDATE",
		lockFree:       " FOR UPDATE SKIP LOCKED",
		some:           func(_, _, condition string) string { return condition + " LIMIT ?" },
		begin:          beginSQL,
		unique:         func(err error) bool { return mysqlCode(err) == 1062 },
		orphan:         func(err error) bool { return mysqlCode(err) == 1452 },
		intact:         func(err error) bool { return mysqlCode(err) == 1062 },
		again:          mysqlAgain,
		raced:          mysqlAgain,
		inUse:          func(err error) bool { return mysqlCode(err) == 1205 },
		public:         func(err error) error { return serverPublic(err, mysqlUnavailable) },
	}
}

// parseMySQL understands what follows "mysql://": user:password@tcp(host:port)/name
// and the parameters of the driver and of the pool.
func parseMySQL(rest string) (source, error) {
	var s source
	address, query, _ := strings.Cut(rest, "?")
	params, err := url.ParseQuery(query)
	if err != nil {
		return s, errors.New("the DSN's parameters are malformed")
	}
	if err := s.readPool(params); err != nil {
		return s, err
	}
	config, err := mysql.ParseDSN(address + "?" + params.Encode())
	if err != nil || config.DBName == "" {
		return s, errors.New("the DSN is no address of a MySQL database")
	}
	config.ClientFoundRows = true      // an UPDATE that changes nothing has found its row
	config.InterpolateParams = true    // one round trip for a statement instead of three
	config.MultiStatements = false     // nobody appends a statement
	config.ParseTime = true            // for the time at which a migration was applied
	config.Collation = "utf8mb4_bin"   // text goes as UTF-8
	config.Logger = &mysql.NopLogger{} // errors are returned
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return s, errors.New("the DSN is no address of a MySQL database")
	}
	s.connector = prepared{connector, mysqlSession}
	return s, nil
}

// mysqlSession: values that do not fit are refused, never cut; child rows of one
// parent may be aggregated up to 1 GB; no transaction sees another's beginnings.
var mysqlSession = []string{
	"SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', SESSION group_concat_max_len = 1073741824",
	"SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE",
}

// lockMySQLMigrations: a change of the schema commits by itself, so that a second
// process would find a table half made.
func lockMySQLMigrations(ctx context.Context, db *sql.DB) (unlock func() error, err error) {
	c, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	var got sql.NullInt64
	if err := c.QueryRowContext(ctx, "SELECT GET_LOCK(CONCAT('cardea ', DATABASE()), 600)").Scan(&got); err != nil || got.Int64 != 1 {
		return nil, errors.Join(errors.New("the lock is held for too long"), err, c.Close())
	}
	return func() error {
		_, err := c.ExecContext(context.WithoutCancel(ctx), "DO RELEASE_LOCK(CONCAT('cardea ', DATABASE()))")
		return errors.Join(err, c.Close())
	}, nil
}

// mysqlOverwrite: the key is the one that new rows share with others.
func mysqlOverwrite(_ string, columns ...string) string {
	set := make([]string, len(columns))
	for n, column := range columns {
		set[n] = column + " = VALUES(" + column + ")"
	}
	return " ON DUPLICATE KEY UPDATE " + strings.Join(set, ", ")
}

func mysqlJSONRows(columns string) string {
	return "coalesce(JSON_ARRAYAGG(JSON_ARRAY(" + columns + ")), '[]')"
}

// mysqlCode is the number of an error of the server, 0 for others
// (https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html).
func mysqlCode(err error) uint16 {
	var e *mysql.MySQLError
	if errors.As(err, &e) {
		return e.Number
	}
	return 0
}

// mysqlAgain: a lock was waited for too long, a deadlock, a row that changed since
// it was read.
func mysqlAgain(err error) bool {
	switch mysqlCode(err) {
	case 1205, 1213, 1020:
		return true
	}
	return false
}

// mysqlUnavailable: too many connections, shutting down, disk full, read-only, and
// connections that are gone.
func mysqlUnavailable(err error) bool {
	switch mysqlCode(err) {
	case 1021, 1040, 1053, 1114, 1203, 1290, 1792, 1836, 3024, 4031:
		return true
	}
	return errors.Is(err, mysql.ErrInvalidConn) || mysqlAgain(err)
}
