package server

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// store is the database of a server, whichever it is.
type store struct {
	log   *slog.Logger
	now   func() time.Time
	db    database
	hooks *hookSender

	readTime time.Duration // what a statement for a query may take
	maxRows  int           // of a root list without limit
}

// database is SQLite or PostgreSQL: its connections and its SQL.
type database interface {
	dialect
	fmt.Stringer // where it is, for people: no password in it
	// statement gives a statement of this package as the database takes it; see transaction.
	statement(text string) string
	// reader gives connections that cannot write.
	reader() *sql.DB
	// begin starts a transaction that may write.
	begin(ctx context.Context) (transaction, error)
	// explain gives an error of the database that has a meaning for the caller as an apiError; others as they are.
	explain(err error) error
	// shouldRepeat says whether a transaction failed only because of another one.
	shouldRepeat(err error) bool
	close() error
}

// transaction is a transaction of a database. Texts of statements are constants of this package, in SQL that both
// databases take but for two things, which the transaction replaces: placeholders are written ? or ?1, and a SELECT may
// end with FOR UPDATE, to keep other processes from changing what it read.
type transaction interface {
	exec(ctx context.Context, text string, args []any) (sql.Result, error)
	query(ctx context.Context, text string, args []any) (*sql.Rows, error)
	// script runs many statements, without placeholders.
	script(ctx context.Context, text string) error
	// lockSchema waits until no other process changes the tables, for the rest of the transaction.
	lockSchema(ctx context.Context) error
	commit(ctx context.Context) error
	rollback(ctx context.Context) error
}

// openStore opens the database that the options name, and brings its tables up to date.
//
// Many processes may have one database open. Everything that must happen once, such as claiming a run, is decided by
// the database.
func openStore(ctx context.Context, options Options, now func() time.Time, log *slog.Logger) (*store, error) {
	open := openSQLite
	if options.Database != "" {
		open = openPostgres
	}
	db, err := open(ctx, options)
	if err != nil {
		return nil, err
	}
	s := &store{log: log, now: now, db: db, hooks: newHookSender(log), readTime: maxReadTime, maxRows: maxRows}
	err = s.write(ctx, func(ctx context.Context, tx *writeTx) error {
		if err := migrate(ctx, tx, log); err != nil {
			return err
		}
		return addDefaultTenant(ctx, tx)
	})
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *store) close() error {
	s.hooks.close()
	return s.db.close()
}
