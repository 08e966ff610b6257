package server

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// postgresDatabase is a database of a PostgreSQL server, which many processes may use at once. Transactions are READ
// COMMITTED; where one decides by what it has read, it locks those rows with FOR UPDATE.
type postgresDatabase struct {
	postgresDialect
	name   string // for people: no password in it
	read   *sql.DB
	writes *sql.DB
	texts  sync.Map // statements with PostgreSQL's placeholders, by their text
}

var _ database = (*postgresDatabase)(nil)

// openPostgres opens the database that Options.Database names as a URL. Errors do not repeat the URL, which may hold a
// password.
func openPostgres(ctx context.Context, options Options) (database, error) {
	if !strings.HasPrefix(options.Database, "postgres://") && !strings.HasPrefix(options.Database, "postgresql://") {
		return nil, errors.New("open database: its address must begin with postgres://, as in postgres://USER:PASSWORD@HOST/DATABASE")
	}
	config, err := pgx.ParseConfig(options.Database)
	if err != nil {
		return nil, fmt.Errorf("open database: its address cannot be read: %w", redacted(err))
	}
	d := &postgresDatabase{name: databaseName(config)}
	d.writes = openPool(*config, "off")
	d.read = openPool(*config, "on")
	if err := d.writes.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", d.name, redacted(err)), d.close())
	}
	return d, nil
}

// openPool makes connections. The number is far below the 100 that PostgreSQL allows by default, for several servers.
func openPool(config pgx.ConnConfig, readOnly string) *sql.DB {
	const connections = 12
	config.RuntimeParams = maps.Clone(config.RuntimeParams)
	config.RuntimeParams["default_transaction_read_only"] = readOnly
	if readOnly == "on" {
		// Statements are cancelled after maxReadTime; this is for those whose cancellation gets lost.
		config.RuntimeParams["statement_timeout"] = strconv.FormatInt((maxReadTime + time.Second).Milliseconds(), 10)
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "docker-prefect"
	}
	pool := stdlib.OpenDB(config)
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	return pool
}

// databaseName shows where a database is.
func databaseName(config *pgx.ConnConfig) string {
	host := config.Host
	if !strings.HasPrefix(host, "/") { // the directory of a socket
		host = net.JoinHostPort(host, strconv.Itoa(int(config.Port)))
	}
	return "postgres://" + host + "/" + config.Database
}

// redacted gives the cause of an error without what the driver puts around it: the address, and each of its attempts.
func redacted(err error) error {
	for {
		switch wrapper := err.(type) { //nolint:errorlint // unwraps by hand
		case interface{ Unwrap() []error }:
			err = wrapper.Unwrap()[0]
		case interface{ Unwrap() error }:
			if wrapper.Unwrap() == nil {
				return err
			}
			err = wrapper.Unwrap()
		default:
			return err
		}
	}
}

func (d *postgresDatabase) String() string { return d.name }

func (d *postgresDatabase) reader() *sql.DB { return d.read }

func (d *postgresDatabase) close() error { return errors.Join(d.read.Close(), d.writes.Close()) }

// Codes of errors, PostgreSQL's manual, appendix A.
const (
	pgUniqueViolation      = "23505"
	pgForeignKeyViolation  = "23503"
	pgSerializationFailure = "40001"
	pgDeadlock             = "40P01"
	pgInvalidText          = "22P02"
	pgUntranslatable       = "22P05"
	pgOutOfRange           = "22003"
	pgInvalidRegex         = "2201B"
)

func (d *postgresDatabase) explain(err error) error {
	var dbErr *pgconn.PgError
	if !errors.As(err, &dbErr) {
		return err
	}
	switch dbErr.Code {
	case pgUniqueViolation:
		return refuse(uniquenessViolation)
	case pgForeignKeyViolation:
		return refuse(foreignKeyViolation)
	case pgSerializationFailure, pgDeadlock:
		return &apiError{message: "The database is busy.", code: codeTryAgain}
	case pgInvalidText, pgUntranslatable, pgOutOfRange, pgInvalidRegex:
		return badInput("%s", dbErr.Message)
	}
	return err
}

func (d *postgresDatabase) shouldRepeat(err error) bool {
	var dbErr *pgconn.PgError
	return errors.As(err, &dbErr) && (dbErr.Code == pgSerializationFailure || dbErr.Code == pgDeadlock)
}

func (d *postgresDatabase) begin(ctx context.Context) (transaction, error) {
	// The transaction goes on when ctx ends, waiting for a connection does not.
	conn, err := d.writes.Conn(ctx)
	if err != nil {
		return nil, err
	}
	tx, err := conn.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &postgresTransaction{d, conn, tx}, nil
}

type postgresTransaction struct {
	db   *postgresDatabase
	conn *sql.Conn
	tx   *sql.Tx
}

func (t *postgresTransaction) exec(ctx context.Context, text string, args []any) (sql.Result, error) {
	return t.tx.ExecContext(ctx, t.db.statement(text), args...)
}

func (t *postgresTransaction) query(ctx context.Context, text string, args []any) (*sql.Rows, error) {
	return t.tx.QueryContext(ctx, t.db.statement(text), args...)
}

// script takes a script that is written for both databases. Text is compared byte by byte, as in SQLite: faster, and
// the same order everywhere, whatever the locale of the database.
func (t *postgresTransaction) script(ctx context.Context, text string) error {
	_, err := t.tx.ExecContext(ctx, strings.ReplaceAll(text, " TEXT", ` TEXT COLLATE "C"`))
	return err
}

func (t *postgresTransaction) lockSchema(ctx context.Context) error {
	const ours = 0x70726566656374 // a number that other programs hardly use
	_, err := t.tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", ours)
	return err
}

func (t *postgresTransaction) commit(context.Context) error {
	if err := t.tx.Commit(); err != nil {
		return err // and the caller rolls back
	}
	return t.conn.Close()
}

func (t *postgresTransaction) rollback(context.Context) error {
	err := t.tx.Rollback()
	if errors.Is(err, sql.ErrTxDone) { // a commit that failed
		err = nil
	}
	return errors.Join(err, t.conn.Close())
}

// statement gives a statement PostgreSQL's placeholders. No text of this package has a ? in a literal.
func (d *postgresDatabase) statement(text string) string {
	if known, ok := d.texts.Load(text); ok {
		return known.(string)
	}
	var translated strings.Builder
	next := 1
	for rest := text; rest != ""; {
		before, after, found := strings.Cut(rest, "?")
		translated.WriteString(before)
		if found {
			translated.WriteByte('$')
			if after == "" || after[0] < '0' || after[0] > '9' {
				translated.WriteString(strconv.Itoa(next))
				next++
			}
		}
		rest = after
	}
	d.texts.Store(text, translated.String())
	return translated.String()
}
