package store

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"cardea/internal/store/sqliteread"
)

// source is a DSN, understood.
type source struct {
	dialect   *dialect
	connector driver.Connector // of a database server
	temporary bool             // the file is made by Open and deleted by Close
	path      string           // of the SQLite file
	uri       url.Values       // parameters that SQLite's URI parser reads
	pragmas   []pragma

	poolLimits

	warnings []string
}

// poolLimits bound a pool of connections; a time of 0 is none.
type poolLimits struct {
	maxConns, maxIdle        int
	maxLifetime, maxIdleTime time.Duration
}

func (l poolLimits) limit(db *sql.DB) {
	db.SetMaxOpenConns(l.maxConns)
	db.SetMaxIdleConns(l.maxIdle)
	db.SetConnMaxLifetime(l.maxLifetime)
	db.SetConnMaxIdleTime(l.maxIdleTime)
}

type pragma struct{ name, value string }

// schemes lead from the word before "://" to the dialect.
var schemes = map[string]func() *dialect{
	"sqlite": sqliteDialect, "sqlite3": sqliteDialect,
	"postgres": postgresDialect, "postgresql": postgresDialect, "pg": postgresDialect, "pgx": postgresDialect,
	"cockroach": postgresDialect, "cockroachdb": postgresDialect, "crdb": postgresDialect,
	"mysql": mysqlDialect,
}

// parseDSN understands "memory" and addresses of the schemes above. Errors never
// repeat the DSN: it may hold a password.
func parseDSN(dsn string) (source, error) {
	if dsn == "memory" {
		return newSource(sqliteDialect(), "", true, nil)
	}
	scheme, rest, ok := strings.Cut(dsn, "://")
	named, known := schemes[scheme]
	if !ok || !known {
		return source{}, errors.New(`the DSN has to be "memory" or begin with sqlite://, postgres://, cockroach:// or mysql://`)
	}
	d := named()
	s, err := d.parse(rest)
	s.dialect = d
	return s, err
}

// parseSQLite understands "path?parameters" with the parameters of both common
// drivers.
func parseSQLite(rest string) (source, error) {
	path, query, _ := strings.Cut(rest, "?")
	params, err := url.ParseQuery(query)
	if err != nil {
		return source{}, errors.New("the DSN's parameters are malformed")
	}
	path = strings.TrimPrefix(path, "file:")
	if path, err = url.PathUnescape(path); err != nil {
		return source{}, errors.New("the DSN's path is malformed")
	}
	memory := path == ":memory:" || path == "" || params.Get("mode") == "memory"
	return newSource(nil, path, memory, params)
}

func newSource(d *dialect, path string, temporary bool, params url.Values) (source, error) {
	s := source{
		dialect: d, path: path, temporary: temporary, uri: url.Values{},
		pragmas: []pragma{
			{"busy_timeout", "5000"},
			{"journal_mode", "WAL"},
			{"synchronous", "FULL"},
			{"foreign_keys", "ON"},
			{"cache_size", cachePages},
			{"temp_store", "MEMORY"},
			{"journal_size_limit", "67108864"},
		},
	}
	if err := s.readPool(params); err != nil {
		return source{}, err
	}
	for key, values := range params {
		for _, v := range values {
			s.parameter(key, v)
		}
	}
	if s.temporary {
		// Nobody can come back to a temporary file, so there is nothing to wait for.
		s.set("synchronous", "OFF")
		delete(s.uri, "mode")
	}
	return s, nil
}

// readPool takes the parameters of the connection pool out of params.
func (l *poolLimits) readPool(params url.Values) error {
	if params.Has("pool_min_conns") {
		return errors.New("pool_min_conns has no meaning for this database")
	}
	l.maxConns, l.maxIdle = 2*runtime.NumCPU(), -1
	for key, n := range map[string]*int{"max_conns": &l.maxConns, "max_idle_conns": &l.maxIdle} {
		if v := params.Get(key); v != "" {
			i, err := strconv.Atoi(v)
			if err != nil || i < 0 || i == 0 && key == "max_conns" {
				return fmt.Errorf("the DSN's %s has to be a number of connections", key)
			}
			*n = i
		}
		params.Del(key)
	}
	if l.maxIdle < 0 {
		l.maxIdle = l.maxConns
	}
	for key, d := range map[string]*time.Duration{"max_conn_lifetime": &l.maxLifetime, "max_conn_idle_time": &l.maxIdleTime} {
		if v := params.Get(key); v != "" {
			parsed, err := time.ParseDuration(v)
			if err != nil {
				return fmt.Errorf("the DSN's %s has to be a duration such as 5m", key)
			}
			*d = parsed
		}
		params.Del(key)
	}
	return nil
}

// pragmaOf translates the parameters of the older driver.
var pragmaOf = map[string]string{
	"_busy_timeout": "busy_timeout", "_timeout": "busy_timeout",
	"_journal_mode": "journal_mode", "_journal": "journal_mode",
	"_synchronous": "synchronous", "_sync": "synchronous",
	"_foreign_keys": "foreign_keys", "_fk": "foreign_keys",
	"_auto_vacuum": "auto_vacuum", "_vacuum": "auto_vacuum",
	"_cache_size": "cache_size", "_secure_delete": "secure_delete",
	"_locking_mode": "locking_mode", "_locking": "locking_mode",
}

// uriParameters go to SQLite as they are.
var uriParameters = map[string]bool{"mode": true, "immutable": true, "nolock": true, "psow": true, "vfs": true}

// implied parameters ask for what happens anyway.
var implied = map[string]bool{"_txlock": true, "_time_format": true, "_loc": true, "cache": true}

// safeValue is what a pragma may be set to: one word or number.
var safeValue = regexp.MustCompile(`^-?\w+$`)

// pragmaCall is "name(value)" or "name=value".
var pragmaCall = regexp.MustCompile(`^\s*(\w+)\s*(?:\(\s*'?([-\w]+)'?\s*\)|=\s*'?([-\w]+)'?)\s*;?\s*$`)

func (s *source) parameter(key, value string) {
	name, translated := pragmaOf[key]
	switch {
	case key == "_pragma":
		call := pragmaCall.FindStringSubmatch(value)
		if call == nil {
			s.warn("_pragma", "is not of the form name(value)")
			return
		}
		s.pragma(strings.ToLower(call[1]), call[2]+call[3])
	case translated && safeValue.MatchString(value):
		s.pragma(name, value)
	case translated:
		s.warn(key, "has a value that SQLite does not know")
	case uriParameters[key]:
		s.uri.Set(key, value)
	case !implied[key]:
		s.warn(key, "is not known")
	}
}

// pragma applies what the operator asks for, unless consistency depends on it.
func (s *source) pragma(name, value string) {
	switch v := strings.ToUpper(value); {
	case name == "foreign_keys" && (v == "0" || v == "OFF" || v == "FALSE" || v == "NO"):
		s.warn("foreign_keys", "stays on: deleting depends on it")
	case name == "journal_mode" && (v == "OFF" || v == "MEMORY"):
		s.warn("journal_mode", "stays WAL: "+v+" cannot survive a crash")
	case name == "locking_mode" && v == "EXCLUSIVE":
		s.warn("locking_mode", "stays NORMAL: reads use connections of their own")
	default:
		s.set(name, value)
	}
}

func (s *source) set(name, value string) {
	for i := range s.pragmas {
		if s.pragmas[i].name == name {
			s.pragmas[i].value = value
			return
		}
	}
	s.pragmas = append(s.pragmas, pragma{name, value})
}

func (s *source) warn(what, why string) {
	s.warnings = append(s.warnings, "dsn: "+what+" "+why+" and is ignored")
}

// sqliteDSN is the address of the connection that writes, in the driver's own form.
func (s *source) sqliteDSN() string {
	q := url.Values{}
	for k, v := range s.uri {
		q[k] = v
	}
	for _, p := range s.pragmas {
		q.Add("_pragma", p.name+"("+p.value+")")
	}
	return s.sqliteURI(q)
}

func (s *source) sqliteURI(q url.Values) string {
	return "file:" + (&url.URL{Path: s.path}).EscapedPath() + "?" + q.Encode()
}

// sqliteReads are the connections that read.
func (s *source) sqliteReads() sqliteread.Options {
	o := sqliteread.Options{Name: s.sqliteURI(s.uri), Size: s.maxConns}
	for _, p := range s.pragmas {
		if p.name == "cache_size" && p.value == cachePages {
			p.value = readerCachePages
		}
		o.Setup = append(o.Setup, "PRAGMA "+p.name+"("+p.value+")")
	}
	o.Setup = append(o.Setup, "PRAGMA query_only(ON)")
	return o
}

// What connections remember of the database unless the DSN says otherwise, in negative
// kibibytes: every reader has a memory of its own, and the pages that it forgets are in
// that of the system.
const (
	cachePages       = "-16000"
	readerCachePages = "-6000"
)

// materialise makes the private folder of a temporary database, or the file of any
// other: nobody but its owner may read it, and SQLite gives its companions the same
// permissions. cleanup removes what must not stay; it may be nil.
func (s *source) materialise() (cleanup func() error, err error) {
	if !s.temporary {
		if mode := s.uri.Get("mode"); mode == "" || mode == "rwc" {
			// Only when it is missing: to close a file that is open elsewhere in this
			// process would drop SQLite's locks on it.
			f, err := os.OpenFile(s.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
			switch {
			case err == nil:
				return nil, f.Close()
			case !errors.Is(err, os.ErrExist):
				return nil, fmt.Errorf("opening the database: %w", err)
			}
		}
		return nil, nil
	}
	dir, err := os.MkdirTemp("", "cardea-")
	if err != nil {
		return nil, fmt.Errorf("making room for a temporary database: %w", err)
	}
	s.path = filepath.Join(dir, "memory.db")
	return func() error { return os.RemoveAll(dir) }, nil
}
