package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the engine that the server embeds
)

// The tables that an identity has rows in, parents first, and the column that holds
// its id there.
var identityTables = []struct{ name, owner string }{
	{"identities", "id"}, {"credentials", "identity_id"}, {"credential_identifiers", "identity_id"},
	{"verifiable_addresses", "identity_id"}, {"recovery_addresses", "identity_id"},
}

// rawPragmas are those that the server sets.
const rawPragmas = "?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(ON)&_pragma=cache_size(-16000)&_pragma=temp_store(MEMORY)"

// insertAgain stores the rows of all identities of one database in another, in the
// order in which they came, a batch in each durable transaction, with prepared
// statements and nothing else. Only storing is timed.
func insertAgain(ctx context.Context, from, to string) (rows int, took time.Duration, err error) {
	source, err := sql.Open("sqlite", "file:"+from+"?mode=ro")
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	target, err := sql.Open("sqlite", "file:"+to+rawPragmas)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	target.SetMaxOpenConns(1)
	statements, err := prepareInserts(ctx, target)
	if err != nil {
		return 0, 0, err
	}
	for after := int64(0); ; {
		batch, last, err := readRows(ctx, source, after)
		if err != nil || last == after {
			return rows, took, err
		}
		after = last
		begun := time.Now()
		if err := storeRows(ctx, target, statements, batch); err != nil {
			return rows, took, err
		}
		took += time.Since(begun)
		for _, table := range batch {
			rows += len(table)
		}
	}
}

func prepareInserts(ctx context.Context, db *sql.DB) (all []*sql.Stmt, err error) {
	for _, t := range identityTables {
		empty, err := db.QueryContext(ctx, "SELECT * FROM "+t.name+" LIMIT 0")
		if err != nil {
			return nil, err
		}
		columns, err := empty.Columns()
		if err := errors.Join(err, empty.Close()); err != nil {
			return nil, err
		}
		text := fmt.Sprintf("INSERT INTO %s (%s) VALUES (?%s)", t.name, strings.Join(columns, ", "), strings.Repeat(", ?", len(columns)-1))
		s, err := db.PrepareContext(ctx, text)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// readRows reads, table by table, the rows of the identities that were stored next.
func readRows(ctx context.Context, db *sql.DB, after int64) (batch [][][]any, last int64, err error) {
	next := fmt.Sprintf("(SELECT id FROM identities WHERE rowid > %d ORDER BY rowid LIMIT %d)", after, importBatch)
	for _, t := range identityTables {
		text := "SELECT * FROM " + t.name + " WHERE tenant = 1 AND " + t.owner + " IN " + next
		if t.name == "identities" {
			text += " ORDER BY rowid"
		}
		rows, err := readAll(ctx, db, text)
		if err != nil {
			return nil, 0, err
		}
		batch = append(batch, rows)
	}
	var end sql.NullInt64
	err = db.QueryRowContext(ctx, fmt.Sprintf("SELECT max(rowid) FROM (SELECT rowid FROM identities WHERE rowid > %d ORDER BY rowid LIMIT %d)", after, importBatch)).Scan(&end)
	if !end.Valid {
		return nil, after, err
	}
	return batch, end.Int64, err
}

func readAll(ctx context.Context, db *sql.DB, text string) (all [][]any, err error) {
	rows, err := db.QueryContext(ctx, text)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		all = append(all, values)
	}
	return all, rows.Err()
}

// storeRows is one durable transaction.
func storeRows(ctx context.Context, db *sql.DB, statements []*sql.Stmt, batch [][][]any) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	for n, rows := range batch {
		insert := tx.StmtContext(ctx, statements[n])
		for _, row := range rows {
			if _, err := insert.ExecContext(ctx, row...); err != nil {
				return errors.Join(err, tx.Rollback())
			}
		}
	}
	return tx.Commit()
}
