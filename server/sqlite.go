package server

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// databaseFile is the name of the database in the data directory.
const databaseFile = "prefect.db"

// sqliteDatabase is a database in a file: one connection that writes and some that read. SQLite lets only one
// connection write at a time anyway; waiting for it in Go is fair and cannot time out half-way.
type sqliteDatabase struct {
	sqliteDialect
	path       string
	read       *sql.DB
	writes     *sql.DB
	conn       *sql.Conn     // the connection of writes
	turn       chan struct{} // held by the transaction in progress
	statements map[string]*sql.Stmt
}

var _ database = (*sqliteDatabase)(nil)

// openSQLite opens or creates the database in Options.DataDir.
func openSQLite(ctx context.Context, options Options) (database, error) {
	if err := os.MkdirAll(options.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("create data directory: %w", err)
	}
	path, err := filepath.Abs(filepath.Join(options.DataDir, databaseFile))
	if err != nil {
		return nil, fmt.Errorf("find data directory %q: %w", options.DataDir, err)
	}
	drv, err := sqliteDriver()
	if err != nil {
		return nil, err
	}
	d := &sqliteDatabase{path: path, turn: make(chan struct{}, 1), statements: map[string]*sql.Stmt{}}
	d.writes = sql.OpenDB(&connector{drv, dataSource(path, false)})
	d.writes.SetMaxOpenConns(1)
	if d.conn, err = d.writes.Conn(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", path, err), d.writes.Close())
	}
	readers := max(4, runtime.GOMAXPROCS(0))
	d.read = sql.OpenDB(&connector{drv, dataSource(path, true)})
	d.read.SetMaxOpenConns(readers)
	d.read.SetMaxIdleConns(readers)
	return d, nil
}

func (d *sqliteDatabase) String() string { return d.path }

func (d *sqliteDatabase) reader() *sql.DB { return d.read }

// close waits for the transaction in progress and moves what it and others wrote from SQLite's log to the file.
func (d *sqliteDatabase) close() error {
	d.turn <- struct{}{}
	defer func() { <-d.turn }()
	errs := []error{d.read.Close()}
	_, err := d.conn.ExecContext(context.Background(), "PRAGMA wal_checkpoint(TRUNCATE)")
	errs = append(errs, err)
	for _, statement := range d.statements {
		errs = append(errs, statement.Close())
	}
	return errors.Join(append(errs, d.conn.Close(), d.writes.Close())...)
}

func (d *sqliteDatabase) explain(err error) error {
	var dbErr *sqlite.Error
	if !errors.As(err, &dbErr) {
		return err
	}
	switch code := dbErr.Code(); {
	case code == sqlite3.SQLITE_CONSTRAINT_UNIQUE, code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return refuse(uniquenessViolation)
	case code == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return refuse(foreignKeyViolation)
	case code&0xff == sqlite3.SQLITE_BUSY, code&0xff == sqlite3.SQLITE_LOCKED:
		return &apiError{message: "The database is busy.", code: codeTryAgain}
	}
	return err
}

// Transactions wait for each other instead.
func (d *sqliteDatabase) shouldRepeat(error) bool { return false }

// rowLock is the end of a statement that reads rows to change them. SQLite has only one writer.
var rowLock = regexp.MustCompile(`\s+FOR (NO KEY )?UPDATE[\w\s]*$`)

func (d *sqliteDatabase) statement(text string) string { return rowLock.ReplaceAllString(text, "") }

func (d *sqliteDatabase) begin(ctx context.Context) (transaction, error) {
	select {
	case d.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if _, err := d.exec(context.WithoutCancel(ctx), "BEGIN IMMEDIATE", nil); err != nil {
		<-d.turn
		return nil, err
	}
	return (*sqliteTransaction)(d), nil
}

// sqliteTransaction is the database while its turn is taken.
type sqliteTransaction sqliteDatabase

func (t *sqliteTransaction) exec(ctx context.Context, text string, args []any) (sql.Result, error) {
	return (*sqliteDatabase)(t).exec(ctx, text, args)
}

func (t *sqliteTransaction) query(ctx context.Context, text string, args []any) (*sql.Rows, error) {
	statement, err := (*sqliteDatabase)(t).prepared(ctx, text)
	if err != nil {
		return nil, err
	}
	return statement.QueryContext(ctx, args...)
}

// script has many statements, so it cannot be prepared.
func (t *sqliteTransaction) script(ctx context.Context, text string) error {
	_, err := t.conn.ExecContext(ctx, text)
	return err
}

// BEGIN IMMEDIATE has locked everything.
func (t *sqliteTransaction) lockSchema(context.Context) error { return nil }

func (t *sqliteTransaction) commit(ctx context.Context) error {
	if _, err := t.exec(ctx, "COMMIT", nil); err != nil {
		return err // and the caller rolls back
	}
	<-t.turn
	return nil
}

func (t *sqliteTransaction) rollback(ctx context.Context) error {
	defer func() { <-t.turn }()
	_, err := t.exec(ctx, "ROLLBACK", nil)
	return err
}

func (d *sqliteDatabase) exec(ctx context.Context, text string, args []any) (sql.Result, error) {
	statement, err := d.prepared(ctx, text)
	if err != nil {
		return nil, err
	}
	return statement.ExecContext(ctx, args...)
}

// prepared gives the statement with this text. It is prepared once for the life of the process.
func (d *sqliteDatabase) prepared(ctx context.Context, text string) (*sql.Stmt, error) {
	if statement, ok := d.statements[text]; ok {
		return statement, nil
	}
	statement, err := d.conn.PrepareContext(ctx, d.statement(text))
	if err != nil {
		return nil, fmt.Errorf("prepare statement: %w", err)
	}
	d.statements[text] = statement
	return statement, nil
}

// dataSource names the database at path to the driver, with the settings of every connection:
//
//   - WAL: readers do not wait for the writer, nor it for them.
//   - synchronous NORMAL: a commit is in the operating system's hands before it is acknowledged, so it survives the
//     death of this process in any way. It may be lost, without harm to the rest, if the machine loses power within
//     the next moments; FULL would prevent that at the price of one fsync for each state change, a few hundred a
//     second on common disks.
//   - foreign_keys: off by default in SQLite.
//   - wal_autocheckpoint: 16 MB of log before it is moved into the file, four times the default; log lines of flows
//     come in bursts of a few MB.
//   - busy_timeout: far below the 15 s after which Prefect's client gives up.
func dataSource(path string, readOnly bool) string {
	settings := url.Values{"_pragma": {
		"busy_timeout(5000)",
		"journal_mode(WAL)",
		"synchronous(NORMAL)",
		"foreign_keys(1)",
		"temp_store(MEMORY)",
		"cache_size(-8000)",
		"wal_autocheckpoint(4000)",
	}}
	if readOnly {
		settings.Set("_query_only", "1")
	}
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: settings.Encode()}).String()
}

// connector opens connections of a driver of our own, which knows the functions of sqliteDriver. The driver that
// modernc.org/sqlite registers with database/sql stays as it is.
type connector struct {
	driver *sqlite.Driver
	source string
}

func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return c.driver.Open(c.source)
}

func (c *connector) Driver() driver.Driver { return c.driver }
