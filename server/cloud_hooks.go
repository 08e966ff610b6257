package server

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
)

type createCloudHookInput struct {
	TenantID       id              `json:"tenant_id"`
	Type           string          `json:"type"`
	Name           *string         `json:"name"`
	VersionGroupID *string         `json:"version_group_id"`
	States         list[string]    `json:"states"`
	Config         json.RawMessage `json:"config"`
}

// createCloudHook stores a hook that is called when a flow run of the tenant, or of one version group, gets one of the
// states. Names of states are in capitals.
func createCloudHook(ctx context.Context, tx *writeTx, input createCloudHookInput) (payload, error) {
	states, err := hookStates(input.States)
	if err != nil {
		return nil, err
	}
	if err := checkHookConfig(input.Type, input.Config); err != nil {
		return nil, err
	}
	config := json.RawMessage("{}")
	if !isNull(input.Config) {
		config = input.Config
	}
	hook, err := newID()
	if err != nil {
		return nil, err
	}
	now := tx.stamp()
	_, err = tx.exec(ctx, `INSERT INTO cloud_hook (id, created, updated, tenant_id, name, type, states, config, version_group_id)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		hook, now, now, input.TenantID, input.Name, input.Type, string(states), string(config), input.VersionGroupID)
	return payload{"id": hook}, err
}

// hookStates gives the JSON of names of states as they are stored: different ones, in capitals.
func hookStates(given []string) (json.RawMessage, error) {
	var known, states []string
	for _, kind := range kinds() {
		known = append(known, strings.ToUpper(kind))
	}
	for _, kind := range given {
		kind = strings.ToUpper(kind)
		if !slices.Contains(known, kind) {
			return nil, refuse("Invalid states")
		}
		if !slices.Contains(states, kind) {
			states = append(states, kind)
		}
	}
	if len(states) == 0 {
		return nil, refuse("Invalid states")
	}
	return encodeJSON(states)
}

type cloudHookInput struct {
	CloudHookID id `json:"cloud_hook_id"`
}

func deleteCloudHook(ctx context.Context, tx *writeTx, input cloudHookInput) (payload, error) {
	deleted, err := tx.exec(ctx, "DELETE FROM cloud_hook WHERE id = ?", input.CloudHookID)
	return success(deleted), err
}

func setCloudHookActive(ctx context.Context, tx *writeTx, input cloudHookInput) (payload, error) {
	return switchCloudHook(ctx, tx, input, true)
}

func setCloudHookInactive(ctx context.Context, tx *writeTx, input cloudHookInput) (payload, error) {
	return switchCloudHook(ctx, tx, input, false)
}

func switchCloudHook(ctx context.Context, tx *writeTx, input cloudHookInput, active bool) (payload, error) {
	changed, err := tx.exec(ctx, "UPDATE cloud_hook SET active = ?, updated = ? WHERE id = ?", active, tx.stamp(), input.CloudHookID)
	return success(changed), err
}
