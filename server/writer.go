package server

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
)

// writeTx is a transaction that may write.
type writeTx struct {
	db      database
	tx      transaction
	now     time.Time     // of the transaction: created, updated and the like
	headers http.Header   // of the request
	posts   []hookRequest // to be sent after the commit
}

// stamp gives the time of the transaction as it is stored.
func (t *writeTx) stamp() string { return formatTime(t.now) }

// write runs f in a transaction of its own and commits it if f returns nil. Once it has begun it runs to its end, even
// if ctx ends: a client that hangs up does not undo half of its request. Where processes share a database, f is called
// again if another transaction was in its way.
func (s *store) write(ctx context.Context, f func(context.Context, *writeTx) error) error {
	const attempts = 10
	for attempt := 1; ; attempt++ {
		err := s.writeOnce(ctx, f)
		if err == nil || attempt == attempts || !s.db.shouldRepeat(err) {
			return s.db.explain(err)
		}
	}
}

func (s *store) writeOnce(ctx context.Context, f func(context.Context, *writeTx) error) (err error) {
	tx, err := s.db.begin(ctx)
	if err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	committed := false
	defer func() {
		if !committed {
			err = errors.Join(err, tx.rollback(ctx))
		}
	}()
	t := &writeTx{db: s.db, tx: tx, now: s.now()}
	if err := f(ctx, t); err != nil {
		return err
	}
	if err := tx.commit(ctx); err != nil {
		return err
	}
	committed = true
	for _, request := range t.posts {
		s.hooks.send(request)
	}
	return nil
}

// exec runs a statement and says how many rows it changed. The text must be constant.
func (t *writeTx) exec(ctx context.Context, text string, args ...any) (int64, error) {
	result, err := t.tx.exec(ctx, text, storable(args))
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// row reads the one row of a query into targets; sql.ErrNoRows if there is none. The text must be constant.
func (t *writeTx) row(ctx context.Context, text string, args []any, targets ...any) error {
	rows, err := t.tx.query(ctx, text, storable(args))
	if err != nil {
		return err
	}
	return oneRow(rows, targets...)
}

// each reads the rows of a query and calls f for each with a function that scans it. The text must be constant.
func (t *writeTx) each(ctx context.Context, text string, args []any, f func(scan func(...any) error) error) error {
	rows, err := t.tx.query(ctx, text, storable(args))
	if err != nil {
		return err
	}
	return eachRow(rows, f)
}

// insert adds rows to a table, many of them with one statement. Columns are separated by commas.
func (t *writeTx) insert(ctx context.Context, table, columns string, rows [][]any) error {
	for _, most := range []int{64, 8, 1} { // so that there are few different statements
		for len(rows) >= most {
			one := "(?" + strings.Repeat(", ?", strings.Count(columns, ",")) + ")"
			text := "INSERT INTO " + table + " (" + columns + ") VALUES " + one + strings.Repeat(", "+one, most-1)
			var args []any
			for _, row := range rows[:most] {
				args = append(args, row...)
			}
			if _, err := t.exec(ctx, text, args...); err != nil {
				return err
			}
			rows = rows[most:]
		}
	}
	return nil
}

// storable replaces what a text column cannot hold: PostgreSQL takes no NUL, and for some functions of SQLite it ends
// the text.
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
