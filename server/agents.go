package server

import (
	"context"
	"database/sql"
	"errors"
)

type registerAgentInput struct {
	TenantID      *id          `json:"tenant_id"`
	Labels        list[string] `json:"labels"`
	AgentConfigID *id          `json:"agent_config_id"`
	Type          string       `json:"type"`
	Name          *string      `json:"name"`
}

// registerAgent gives an agent the id of its earlier registration: one with the same tenant, name, type, version of
// Prefect and labels.
func registerAgent(ctx context.Context, tx *writeTx, input registerAgentInput) (payload, error) {
	var tenant string
	if input.TenantID != nil {
		tenant = string(*input.TenantID)
	} else if err := tx.row(ctx, "SELECT id FROM tenant ORDER BY created, id LIMIT 1", nil, &tenant); err != nil {
		return nil, err
	}
	labels, err := sortedLabels(input.Labels)
	if err != nil {
		return nil, err
	}
	var version *string
	if header := tx.headers.Get("X-PREFECT-CORE-VERSION"); header != "" {
		version = &header
	}
	var agent string
	// The lock keeps two processes from registering the same agent at once.
	var locked string
	if err := tx.row(ctx, "SELECT id FROM tenant WHERE id = ? FOR NO KEY UPDATE", []any{tenant}, &locked); errors.Is(err, sql.ErrNoRows) {
		return nil, refuse(foreignKeyViolation)
	} else if err != nil {
		return nil, err
	}
	err = tx.row(ctx, `SELECT id FROM agent WHERE tenant_id = ? AND name IS NOT DISTINCT FROM ? AND type = ?
		AND core_version IS NOT DISTINCT FROM ? AND labels = ?`,
		[]any{tenant, input.Name, input.Type, version, string(labels)}, &agent)
	if err == nil || !errors.Is(err, sql.ErrNoRows) {
		return payload{"id": agent}, err
	}
	if agent, err = newID(); err != nil {
		return nil, err
	}
	now := tx.stamp()
	_, err = tx.exec(ctx, `INSERT INTO agent (id, created, updated, tenant_id, agent_config_id, name, type, core_version, labels, last_queried)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		agent, now, now, tenant, input.AgentConfigID, input.Name, input.Type, version, string(labels), now)
	return payload{"id": agent}, err
}

type agentInput struct {
	AgentID id `json:"agent_id"`
}

// deleteAgent forgets an agent. Its runs stay; an agent that is still there goes on with an id that nobody knows.
func deleteAgent(ctx context.Context, tx *writeTx, input agentInput) (payload, error) {
	deleted, err := tx.exec(ctx, "DELETE FROM agent WHERE id = ?", input.AgentID)
	return success(deleted), err
}
