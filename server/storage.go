package server

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"modernc.org/sqlite"
)

// databaseFile is the name of the database in the data directory.
const databaseFile = "prefect.db"

// store is the database: one connection that writes and some that read. SQLite lets only one connection write at a
// time anyway; waiting for it in Go is fair and cannot time out half-way.
type store struct {
	log    *slog.Logger
	now    func() time.Time
	read   *sql.DB
	writes *sql.DB
	writer *writer
}

// openStore opens or creates the database in dir and brings its tables up to date.
//
// Two processes may open the same directory: SQLite serialises their writes, and everything that must happen once,
// such as claiming a run, is decided by the database.
func openStore(ctx context.Context, dir string, now func() time.Time, log *slog.Logger) (*store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create data directory: %w", err)
	}
	path, err := filepath.Abs(filepath.Join(dir, databaseFile))
	if err != nil {
		return nil, fmt.Errorf("find data directory %q: %w", dir, err)
	}
	drv, err := sqliteDriver()
	if err != nil {
		return nil, err
	}

	s := &store{log: log, now: now}
	s.writes = sql.OpenDB(&connector{drv, dataSource(path, false)})
	s.writes.SetMaxOpenConns(1)
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", path, err), s.writes.Close())
	}
	readers := max(4, runtime.GOMAXPROCS(0))
	s.read = sql.OpenDB(&connector{drv, dataSource(path, true)})
	s.read.SetMaxOpenConns(readers)
	s.read.SetMaxIdleConns(readers)
	return s, nil
}

// prepare takes the writing connection, creates missing tables and the default tenant.
func (s *store) prepare(ctx context.Context) error {
	conn, err := s.writes.Conn(ctx)
	if err != nil {
		return err
	}
	s.writer = newWriter(conn)
	return s.write(ctx, func(ctx context.Context, tx *writeTx) error {
		if err := migrate(ctx, tx, s.log); err != nil {
			return err
		}
		return addDefaultTenant(ctx, tx)
	})
}

// close brings everything to the database file and closes it.
func (s *store) close() error {
	return errors.Join(s.read.Close(), s.writer.close(), s.writes.Close())
}

// dataSource names the database at path to the driver, with the settings of every connection:
//
//   - WAL: readers do not wait for the writer, nor it for them.
//   - synchronous NORMAL: a commit is in the operating system's hands before it is acknowledged, so it survives the
//     death of this process in any way. It may be lost, without harm to the rest, if the machine loses power within
//     the next moments; FULL would prevent that at the price of one fsync for each state change, a few hundred a
//     second on common disks.
//   - foreign_keys: off by default in SQLite.
//   - busy_timeout: far below the 15 s after which Prefect's client gives up.
func dataSource(path string, readOnly bool) string {
	settings := url.Values{"_pragma": {
		"busy_timeout(5000)",
		"journal_mode(WAL)",
		"synchronous(NORMAL)",
		"foreign_keys(1)",
		"temp_store(MEMORY)",
		"cache_size(-8000)",
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
