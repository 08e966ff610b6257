package server

import (
	"context"
	"embed"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
)

// migrations are the steps that make the tables, in files NNNN_what.sql. A step that was released is never changed;
// the next one goes into a new file.
//
//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the tables to the newest version. They run in one transaction, which keeps other processes
// out: of two that start at once only one does it.
func migrate(ctx context.Context, tx *writeTx, log *slog.Logger) error {
	if err := tx.tx.lockSchema(ctx); err != nil {
		return err
	}
	_, err := tx.exec(ctx, "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, applied TEXT NOT NULL)")
	if err != nil {
		return err
	}
	var current int
	if err := tx.row(ctx, "SELECT coalesce(max(version), 0) FROM schema_version", nil, &current); err != nil {
		return err
	}
	steps, err := migrations.ReadDir("migrations")
	if err != nil {
		return err
	}
	if current > len(steps) {
		return fmt.Errorf("open database %v: it was written by a newer docker prefect: its tables have version %d, this one knows %d; "+
			"update docker prefect or choose another database", tx.db, current, len(steps))
	}
	for _, step := range steps[current:] {
		number, _, _ := strings.Cut(step.Name(), "_")
		version, err := strconv.Atoi(number)
		if err != nil {
			return fmt.Errorf("read migration %s: %w", step.Name(), err)
		}
		script, err := migrations.ReadFile("migrations/" + step.Name())
		if err != nil {
			return err
		}
		if err := tx.tx.script(ctx, string(script)); err != nil {
			return fmt.Errorf("run migration %s: %w", step.Name(), err)
		}
		if _, err := tx.exec(ctx, "INSERT INTO schema_version (version, applied) VALUES (?, ?)", version, tx.stamp()); err != nil {
			return err
		}
		log.Debug("Tables brought up to date", "version", version)
	}
	return nil
}
