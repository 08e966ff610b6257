package server

import (
	"context"
	"database/sql"
	"errors"
	"strings"
)

// addDefaultTenant gives a new database the tenant that `prefect server start` makes. A client without a tenant does
// not even start.
func addDefaultTenant(ctx context.Context, tx *writeTx) error {
	var tenants int
	if err := tx.row(ctx, "SELECT count(*) FROM tenant", nil, &tenants); err != nil || tenants > 0 {
		return err
	}
	_, err := insertTenant(ctx, tx, "default", "default")
	return err
}

func insertTenant(ctx context.Context, tx *writeTx, name, slug string) (string, error) {
	tenant, err := newID()
	if err != nil {
		return "", err
	}
	now := tx.stamp()
	_, err = tx.exec(ctx, "INSERT INTO tenant (id, created, updated, name, slug) VALUES (?, ?, ?, ?, ?)", tenant, now, now, name, slug)
	return tenant, err
}

type createTenantInput struct {
	Name string `json:"name"`
	Slug string `json:"slug"`
}

func createTenant(ctx context.Context, tx *writeTx, input createTenantInput) (payload, error) {
	if !isSlug(input.Slug) {
		return nil, refuse(`Slug must be "slugified" (lowercase; no spaces)`)
	}
	tenant, err := insertTenant(ctx, tx, input.Name, input.Slug)
	return payload{"id": tenant}, err
}

// isSlug says whether text is made of small letters and digits, in groups joined by single hyphens.
func isSlug(text string) bool {
	for _, group := range strings.Split(text, "-") {
		if group == "" || strings.Trim(group, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
			return false
		}
	}
	return true
}

// firstTenant gives the id of the oldest tenant.
func firstTenant(ctx context.Context, s *store) (string, error) {
	var tenant string
	err := s.row(ctx, "SELECT id FROM tenant ORDER BY created, id LIMIT 1", nil, &tenant)
	if errors.Is(err, sql.ErrNoRows) {
		return "", refuse("No tenant found.")
	}
	return tenant, err
}
