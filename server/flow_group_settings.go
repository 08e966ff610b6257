package server

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
)

type flowGroupInput struct {
	FlowGroupID id `json:"flow_group_id"`
}

// deleteFlowGroup deletes a flow group with all versions of the flow and their runs.
func deleteFlowGroup(ctx context.Context, tx *writeTx, input flowGroupInput) (payload, error) {
	deleted, err := tx.exec(ctx, "DELETE FROM flow_group WHERE id = ?", input.FlowGroupID)
	return success(deleted), err
}

type setFlowGroupDescriptionInput struct {
	FlowGroupID id      `json:"flow_group_id"`
	Description *string `json:"description"`
}

func setFlowGroupDescription(ctx context.Context, tx *writeTx, input setFlowGroupDescriptionInput) (payload, error) {
	changed, err := tx.exec(ctx, "UPDATE flow_group SET description = ?, updated = ? WHERE id = ?", input.Description, tx.stamp(), input.FlowGroupID)
	return success(changed), err
}

type setFlowGroupLabelsInput struct {
	FlowGroupID id           `json:"flow_group_id"`
	Labels      list[string] `json:"labels"`
}

// setFlowGroupLabels sets the labels of new runs. An empty list means runs without labels; null leaves the choice to
// the run configs.
func setFlowGroupLabels(ctx context.Context, tx *writeTx, input setFlowGroupLabelsInput) (payload, error) {
	var labels any
	if input.Labels != nil {
		different := []string{}
		for _, label := range input.Labels {
			if !slices.Contains(different, label) {
				different = append(different, label)
			}
		}
		raw, err := encodeJSON(different)
		if err != nil {
			return nil, err
		}
		labels = string(raw)
	}
	changed, err := tx.exec(ctx, "UPDATE flow_group SET labels = ?, updated = ? WHERE id = ?", labels, tx.stamp(), input.FlowGroupID)
	return success(changed), err
}

type setFlowGroupParametersInput struct {
	FlowGroupID id              `json:"flow_group_id"`
	Parameters  json.RawMessage `json:"parameters"`
}

// setFlowGroupParameters replaces the defaults that overlay those of the flow. Server takes any JSON here and fails
// later, when a run is created.
func setFlowGroupParameters(ctx context.Context, tx *writeTx, input setFlowGroupParametersInput) (payload, error) {
	if _, err := decodeObject(input.Parameters); err != nil {
		return nil, refuse("Parameters must be an object.")
	}
	changed, err := tx.exec(ctx, "UPDATE flow_group SET default_parameters = ?, updated = ? WHERE id = ?",
		string(input.Parameters), tx.stamp(), input.FlowGroupID)
	return success(changed), err
}

type setFlowGroupRunConfigInput struct {
	FlowGroupID id              `json:"flow_group_id"`
	RunConfig   json.RawMessage `json:"run_config"`
}

// setFlowGroupRunConfig sets the run config of new runs; null leaves it to the flow.
func setFlowGroupRunConfig(ctx context.Context, tx *writeTx, input setFlowGroupRunConfigInput) (payload, error) {
	if !isNull(input.RunConfig) {
		if _, err := decodeObject(input.RunConfig); err != nil {
			return nil, refuse("The run config is not an object.")
		}
	}
	changed, err := tx.exec(ctx, "UPDATE flow_group SET run_config = ?, updated = ? WHERE id = ?",
		orNull(input.RunConfig), tx.stamp(), input.FlowGroupID)
	return success(changed), err
}

// switchHeartbeat makes the mutation that says whether runs of a flow may be taken for dead for want of heartbeats.
// Clients and loops of different ages read one name or the other; Server writes both.
func switchHeartbeat(on bool) func(context.Context, *writeTx, flowInput) (payload, error) {
	return setFlowSettings(map[string]bool{"disable_heartbeat": !on, "heartbeat_enabled": on})
}

// switchLazarus makes the mutation that says whether lost runs of a flow are put back into the queue.
func switchLazarus(on bool) func(context.Context, *writeTx, flowInput) (payload, error) {
	return setFlowSettings(map[string]bool{"lazarus_enabled": on})
}

// setFlowSettings makes a mutation that changes settings of the group of a flow, so that they hold for all versions.
func setFlowSettings(values map[string]bool) func(context.Context, *writeTx, flowInput) (payload, error) {
	return func(ctx context.Context, tx *writeTx, input flowInput) (payload, error) {
		var group string
		var raw json.RawMessage
		err := tx.row(ctx, `SELECT flow_group.id, coalesce(flow_group.settings, '{}') FROM flow_group JOIN flow ON flow.flow_group_id = flow_group.id
			WHERE flow.id = ? FOR UPDATE OF flow_group`, []any{input.FlowID}, &group, (*[]byte)(&raw))
		if errors.Is(err, sql.ErrNoRows) {
			return nil, refuse("Invalid flow ID.")
		} else if err != nil {
			return nil, err
		}
		settings, err := decodeObject(raw)
		if err != nil {
			return nil, err
		}
		for _, name := range slices.Sorted(maps.Keys(values)) {
			settings = settings.with(name, json.RawMessage(strconv.FormatBool(values[name])))
		}
		changed, err := tx.exec(ctx, "UPDATE flow_group SET settings = ?, updated = ? WHERE id = ?", string(settings.encode()), tx.stamp(), group)
		return success(changed), err
	}
}
