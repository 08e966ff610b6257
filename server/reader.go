package server

import (
	"context"
	"database/sql"
)

// query runs a statement that reads, on a connection that cannot write.
func (s *store) query(ctx context.Context, text string, args []any) (*sql.Rows, error) {
	return s.read.QueryContext(ctx, text, storable(args)...)
}

// row reads the one row of a query into targets; sql.ErrNoRows if there is none.
func (s *store) row(ctx context.Context, text string, args []any, targets ...any) error {
	return s.read.QueryRowContext(ctx, text, storable(args)...).Scan(targets...)
}

// ping says whether the database answers.
func (s *store) ping(ctx context.Context) error {
	var one int
	return s.row(ctx, "SELECT 1 FROM tenant", nil, &one)
}
