package server

import (
	"context"
	"database/sql"
	"encoding/json"
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
	if err := checkSlug(input.Slug); err != nil {
		return nil, err
	}
	tenant, err := insertTenant(ctx, tx, input.Name, input.Slug)
	return payload{"id": tenant}, err
}

// checkSlug refuses text that is not made of small letters and digits, in groups joined by single hyphens.
func checkSlug(text string) error {
	for _, group := range strings.Split(text, "-") {
		if group == "" || strings.Trim(group, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
			return refuse(`Slug must be "slugified" (lowercase; no spaces)`)
		}
	}
	return nil
}

type deleteTenantInput struct {
	TenantID id   `json:"tenant_id"`
	Confirm  bool `json:"confirm"`
}

// deleteTenant deletes a tenant with all that it owns.
func deleteTenant(ctx context.Context, tx *writeTx, input deleteTenantInput) (payload, error) {
	if !input.Confirm {
		return nil, refuse("Must pass `confirm=True` to proceed.")
	}
	deleted, err := tx.exec(ctx, "DELETE FROM tenant WHERE id = ?", input.TenantID)
	return success(deleted), err
}

type updateTenantNameInput struct {
	TenantID id     `json:"tenant_id"`
	Name     string `json:"name"`
}

func updateTenantName(ctx context.Context, tx *writeTx, input updateTenantNameInput) (payload, error) {
	changed, err := tx.exec(ctx, "UPDATE tenant SET name = ?, updated = ? WHERE id = ?", input.Name, tx.stamp(), input.TenantID)
	return updatedTenant(input.TenantID, changed, err)
}

type updateTenantSlugInput struct {
	TenantID id     `json:"tenant_id"`
	Slug     string `json:"slug"`
}

func updateTenantSlug(ctx context.Context, tx *writeTx, input updateTenantSlugInput) (payload, error) {
	if err := checkSlug(input.Slug); err != nil {
		return nil, err
	}
	changed, err := tx.exec(ctx, "UPDATE tenant SET slug = ?, updated = ? WHERE id = ?", input.Slug, tx.stamp(), input.TenantID)
	return updatedTenant(input.TenantID, changed, err)
}

type updateTenantSettingsInput struct {
	TenantID id              `json:"tenant_id"`
	Settings json.RawMessage `json:"settings"`
}

// updateTenantSettings sets the keys that are given and leaves the others as they are.
func updateTenantSettings(ctx context.Context, tx *writeTx, input updateTenantSettingsInput) (payload, error) {
	var raw json.RawMessage
	err := tx.row(ctx, "SELECT coalesce(settings, '{}') FROM tenant WHERE id = ? FOR UPDATE", []any{input.TenantID}, (*[]byte)(&raw))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, refuse("Invalid tenant id.")
	} else if err != nil {
		return nil, err
	}
	settings, err := decodeObject(raw)
	if err != nil {
		return nil, err
	}
	if !isNull(input.Settings) {
		given, err := decodeObject(input.Settings)
		if err != nil {
			return nil, refuse("Settings must be an object.")
		}
		for _, m := range given {
			settings = settings.with(m.name, m.value)
		}
	}
	changed, err := tx.exec(ctx, "UPDATE tenant SET settings = ?, updated = ? WHERE id = ?", string(settings.encode()), tx.stamp(), input.TenantID)
	return updatedTenant(input.TenantID, changed, err)
}

func updatedTenant(tenant id, changed int64, err error) (payload, error) {
	if err == nil && changed == 0 {
		err = refuse("Update failed.")
	}
	return payload{"id": tenant}, err
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
