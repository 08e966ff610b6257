package server

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
)

// flowGroup is the group of versions that a flow is registered in.
type flowGroup struct {
	id        string
	name      string // version group id of its flows
	settings  json.RawMessage
	scheduled bool // whether it has a schedule of its own
}

// flowGroupNamed finds or creates the group of a tenant with a name.
func flowGroupNamed(ctx context.Context, tx *writeTx, tenant sql.NullString, name string) (*flowGroup, error) {
	g := &flowGroup{name: name}
	err := tx.row(ctx, "SELECT id, coalesce(settings, '{}'), schedule IS NOT NULL FROM flow_group WHERE tenant_id IS NOT DISTINCT FROM ? AND name = ?",
		[]any{tenant, name}, &g.id, (*[]byte)(&g.settings), &g.scheduled)
	if err == nil || !errors.Is(err, sql.ErrNoRows) {
		return g, err
	}
	if g.id, err = newID(); err != nil {
		return nil, err
	}
	g.settings = json.RawMessage(`{"heartbeat_enabled":true,"lazarus_enabled":true,"version_locking_enabled":false}`)
	_, err = tx.exec(ctx, "INSERT INTO flow_group (id, created, updated, tenant_id, name, settings) VALUES (?1, ?2, ?2, ?3, ?4, ?5)",
		g.id, tx.stamp(), tenant, name, string(g.settings))
	return g, err
}

// registered gives the flow that was registered with this idempotency key, if that was the last registration in the
// group and the flow is not archived; "" otherwise. It remembers the key for the next registration.
func (g *flowGroup) registered(ctx context.Context, tx *writeTx, key *string) (string, error) {
	settings, err := decodeObject(g.settings)
	if err != nil {
		return "", err
	}
	var last string
	if raw := settings.get("idempotency_key"); raw != nil {
		if err := json.Unmarshal(raw, &last); err != nil {
			return "", err
		}
	}
	if key != nil && *key != "" && *key == last {
		var flow string
		err := tx.row(ctx, "SELECT id FROM flow WHERE flow_group_id = ? AND NOT archived ORDER BY version DESC LIMIT 1", []any{g.id}, &flow)
		if err == nil || !errors.Is(err, sql.ErrNoRows) {
			return flow, err
		}
	}
	value := json.RawMessage("null")
	if key != nil {
		value = quoteJSON(*key)
	}
	_, err = tx.exec(ctx, "UPDATE flow_group SET settings = ?, updated = ? WHERE id = ?",
		string(settings.with("idempotency_key", value).encode()), tx.stamp(), g.id)
	return "", err
}
