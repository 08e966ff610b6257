package server

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
)

// setScheduleActive marks the schedule of a flow as active and creates its next runs. It answers whether there is a
// schedule to use, the flow's own or its group's.
func setScheduleActive(ctx context.Context, tx *writeTx, input flowInput) (payload, error) {
	active, err := activateSchedule(ctx, tx, string(input.FlowID))
	return payload{"success": active}, err
}

func activateSchedule(ctx context.Context, tx *writeTx, flow string) (bool, error) {
	var schedule, groupSchedule, parameters, groupDefaults json.RawMessage
	err := tx.row(ctx, `SELECT flow.schedule, flow_group.schedule, flow.parameters, flow_group.default_parameters
		FROM flow JOIN flow_group ON flow_group.id = flow.flow_group_id WHERE flow.id = ?`, []any{flow},
		(*[]byte)(&schedule), (*[]byte)(&groupSchedule), (*[]byte)(&parameters), (*[]byte)(&groupDefaults))
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	if isNull(schedule) && isNull(groupSchedule) {
		return false, nil
	}
	if !isNull(schedule) {
		if err := checkScheduleParameters(schedule, parameters, groupDefaults); err != nil {
			return false, err
		}
	}
	if _, err = tx.exec(ctx, "UPDATE flow SET is_schedule_active = TRUE, updated = ? WHERE id = ?", tx.stamp(), flow); err != nil {
		return false, err
	}
	return true, scheduleRuns(ctx, tx, flow, nil)
}

// checkScheduleParameters refuses a schedule whose runs could not be created: every required parameter needs a default
// in the flow group or in each clock.
func checkScheduleParameters(schedule, parameters, groupDefaults json.RawMessage) error {
	var declared []struct {
		Name     string `json:"name"`
		Required bool   `json:"required"`
	}
	var defaults map[string]json.RawMessage
	var clocks struct {
		Clocks []struct {
			Defaults map[string]json.RawMessage `json:"parameter_defaults"`
		} `json:"clocks"`
	}
	for raw, target := range map[*json.RawMessage]any{&parameters: &declared, &groupDefaults: &defaults, &schedule: &clocks} {
		if isNull(*raw) {
			continue
		}
		if err := json.Unmarshal(*raw, target); err != nil {
			return refuse("The schedule of the flow cannot be read.")
		}
	}
	for _, parameter := range declared {
		if _, ok := defaults[parameter.Name]; ok || !parameter.Required {
			continue
		}
		for _, clock := range clocks.Clocks {
			if _, ok := clock.Defaults[parameter.Name]; !ok {
				return refuse("Can not schedule a flow that has required parameters.")
			}
		}
	}
	return nil
}

// setScheduleInactive marks the schedule of a flow as inactive and deletes the runs that it created and that wait.
func setScheduleInactive(ctx context.Context, tx *writeTx, input flowInput) (payload, error) {
	changed, err := tx.exec(ctx, "UPDATE flow SET is_schedule_active = FALSE, updated = ? WHERE id = ?", tx.stamp(), input.FlowID)
	if err != nil || changed == 0 {
		return success(0), err
	}
	return success(changed), deleteScheduledRuns(ctx, tx, string(input.FlowID))
}

func deleteScheduledRuns(ctx context.Context, tx *writeTx, flow string) error {
	_, err := tx.exec(ctx, "DELETE FROM flow_run WHERE flow_id = ? AND state = 'Scheduled' AND auto_scheduled", flow)
	return err
}
