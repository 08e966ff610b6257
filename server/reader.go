package server

import (
	"context"
	"database/sql"
	"errors"
)

// query runs a statement that reads, on a connection that cannot write. Its placeholders are those of the dialect.
func (s *store) query(ctx context.Context, text string, args []any) (*sql.Rows, error) {
	return s.db.reader().QueryContext(ctx, text, storable(args)...)
}

// row reads the one row of a query into targets; sql.ErrNoRows if there is none. Placeholders are written ? or ?1.
func (s *store) row(ctx context.Context, text string, args []any, targets ...any) error {
	rows, err := s.query(ctx, s.db.statement(text), args)
	if err != nil {
		return err
	}
	return oneRow(rows, targets...)
}

// ping says whether the database answers.
func (s *store) ping(ctx context.Context) error {
	var one int
	return s.row(ctx, "SELECT count(*) FROM tenant", nil, &one)
}

// oneRow reads the first row into targets and closes rows; sql.ErrNoRows if there is none.
func oneRow(rows *sql.Rows, targets ...any) error {
	found := false
	err := eachRow(rows, func(scan func(...any) error) error {
		if found {
			return nil
		}
		found = true
		return scan(targets...)
	})
	if err == nil && !found {
		return sql.ErrNoRows
	}
	return err
}

// eachRow calls f for each row and closes rows.
func eachRow(rows *sql.Rows, f func(scan func(...any) error) error) (err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := f(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
