package server

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// writer owns the writing connection. Transactions take turns.
type writer struct {
	turn       chan struct{}
	conn       *sql.Conn
	statements map[string]*sql.Stmt // the text of every statement is a constant of this package
}

func newWriter(conn *sql.Conn) *writer {
	return &writer{turn: make(chan struct{}, 1), conn: conn, statements: map[string]*sql.Stmt{}}
}

// close waits for the transaction in progress and moves what it and others wrote from the log of SQLite to the
// database file.
func (w *writer) close() error {
	w.turn <- struct{}{}
	defer func() { <-w.turn }()
	_, err := w.conn.ExecContext(context.Background(), "PRAGMA wal_checkpoint(TRUNCATE)")
	errs := []error{err}
	for _, statement := range w.statements {
		errs = append(errs, statement.Close())
	}
	return errors.Join(append(errs, w.conn.Close())...)
}

// writeTx is a write transaction. Its statements are prepared once for the life of the process.
type writeTx struct {
	writer  *writer
	now     time.Time   // of the transaction: created, updated and the like
	headers http.Header // of the request
}

// stamp gives the time of the transaction as it is stored.
func (t *writeTx) stamp() string { return formatTime(t.now) }

// write runs f in a transaction of its own and commits it if f returns nil. Once its turn has come it runs to its
// end, even if ctx ends: a client that hangs up does not undo half of its request.
func (s *store) write(ctx context.Context, f func(context.Context, *writeTx) error) (err error) {
	select {
	case s.writer.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.writer.turn }()

	ctx = context.WithoutCancel(ctx)
	t := &writeTx{writer: s.writer, now: s.now()}
	if _, err := t.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	committed := false
	defer func() {
		if committed {
			return
		}
		if _, rollbackErr := t.exec(ctx, "ROLLBACK"); rollbackErr != nil {
			err = errors.Join(err, rollbackErr)
		}
	}()
	if err := f(ctx, t); err != nil {
		return err
	}
	if _, err := t.exec(ctx, "COMMIT"); err != nil {
		return err
	}
	committed = true
	return nil
}

// prepared gives the statement with this text.
func (t *writeTx) prepared(ctx context.Context, text string) (*sql.Stmt, error) {
	if statement, ok := t.writer.statements[text]; ok {
		return statement, nil
	}
	statement, err := t.writer.conn.PrepareContext(ctx, text)
	if err != nil {
		return nil, fmt.Errorf("prepare statement: %w", err)
	}
	t.writer.statements[text] = statement
	return statement, nil
}

// exec runs a statement and says how many rows it changed. The text must be constant.
func (t *writeTx) exec(ctx context.Context, text string, args ...any) (int64, error) {
	statement, err := t.prepared(ctx, text)
	if err != nil {
		return 0, err
	}
	result, err := statement.ExecContext(ctx, storable(args)...)
	if err != nil {
		return 0, explain(err)
	}
	return result.RowsAffected()
}

// row reads the one row of a query into targets; sql.ErrNoRows if there is none. The text must be constant.
func (t *writeTx) row(ctx context.Context, text string, args []any, targets ...any) error {
	statement, err := t.prepared(ctx, text)
	if err != nil {
		return err
	}
	return statement.QueryRowContext(ctx, storable(args)...).Scan(targets...)
}

// each reads the rows of a query and calls f for each with a function that scans it. The text must be constant.
func (t *writeTx) each(ctx context.Context, text string, args []any, f func(scan func(...any) error) error) error {
	statement, err := t.prepared(ctx, text)
	if err != nil {
		return err
	}
	rows, err := statement.QueryContext(ctx, storable(args)...)
	if err != nil {
		return err
	}
	return eachRow(rows, f)
}

// eachRow calls f for each row and closes rows.
func eachRow(rows *sql.Rows, f func(scan func(...any) error) error) error {
	defer rows.Close() //nolint:errcheck // rows.Err has it
	for rows.Next() {
		if err := f(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// storable replaces what a text column cannot hold: a NUL ends a text for some functions of SQLite.
func storable(args []any) []any {
	for i, arg := range args {
		switch arg := arg.(type) {
		case string:
			args[i] = strings.ReplaceAll(arg, "\x00", "\uFFFD")
		case *string:
			if arg != nil {
				args[i] = strings.ReplaceAll(*arg, "\x00", "\uFFFD")
			}
		}
	}
	return args
}
