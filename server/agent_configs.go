package server

import (
	"context"
	"encoding/json"
)

type createAgentConfigInput struct {
	TenantID id              `json:"tenant_id"`
	Name     *string         `json:"name"`
	Settings json.RawMessage `json:"settings"`
}

func createAgentConfig(ctx context.Context, tx *writeTx, input createAgentConfigInput) (payload, error) {
	settings := json.RawMessage("{}")
	if !isEmpty(input.Settings) {
		settings = input.Settings
	}
	config, err := newID()
	if err != nil {
		return nil, err
	}
	now := tx.stamp()
	_, err = tx.exec(ctx, "INSERT INTO agent_config (id, created, updated, tenant_id, name, settings) VALUES (?, ?, ?, ?, ?, ?)",
		config, now, now, input.TenantID, input.Name, string(settings))
	return payload{"id": config}, err
}

type agentConfigInput struct {
	AgentConfigID id              `json:"agent_config_id"`
	Name          *string         `json:"name"`
	Settings      json.RawMessage `json:"settings"`
}

// updateAgentConfig replaces what is given and not null.
func updateAgentConfig(ctx context.Context, tx *writeTx, input agentConfigInput) (payload, error) {
	changed, err := tx.exec(ctx, "UPDATE agent_config SET name = coalesce(?, name), settings = coalesce(?, settings), updated = ? WHERE id = ?",
		input.Name, orNull(input.Settings), tx.stamp(), input.AgentConfigID)
	return success(changed), err
}

// deleteAgentConfig deletes a configuration; agents that refer to it stay without one.
func deleteAgentConfig(ctx context.Context, tx *writeTx, input agentConfigInput) (payload, error) {
	deleted, err := tx.exec(ctx, "DELETE FROM agent_config WHERE id = ?", input.AgentConfigID)
	return success(deleted), err
}
