package server

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/docker-prefect/docker-prefect/server/schedule"
)

type setFlowGroupScheduleInput struct {
	FlowGroupID id `json:"flow_group_id"`
	CronClocks  list[struct {
		Cron       string          `json:"cron"`
		Parameters json.RawMessage `json:"parameter_defaults"`
	}] `json:"cron_clocks"`
	IntervalClocks list[struct {
		Interval   int64           `json:"interval"` // seconds
		Parameters json.RawMessage `json:"parameter_defaults"`
	}] `json:"interval_clocks"`
	Timezone *string `json:"timezone"`
}

// setFlowGroupSchedule replaces the schedules of all versions of a flow. With a time zone the clocks start now, in
// that zone. Runs that the schedule before it created and that wait are deleted.
func setFlowGroupSchedule(ctx context.Context, tx *writeTx, input setFlowGroupScheduleInput) (payload, error) {
	start, err := clockStart(input.Timezone, tx.now)
	if err != nil {
		return nil, err
	}
	clocks := []json.RawMessage{}
	for _, clock := range input.CronClocks {
		o := object{{"type", quoteJSON("CronClock")}, {"cron", quoteJSON(clock.Cron)}}
		if clock.Parameters != nil {
			o = append(o, member{"parameter_defaults", clock.Parameters})
		}
		clocks = append(clocks, append(o, member{"start_date", start}).encode())
	}
	for _, clock := range input.IntervalClocks {
		microseconds := clock.Interval * time.Second.Microseconds() // an Int has 32 bits
		o := object{{"type", quoteJSON("IntervalClock")}, {"interval", json.RawMessage(strconv.FormatInt(microseconds, 10))}}
		if !isEmpty(clock.Parameters) {
			o = append(o, member{"parameter_defaults", clock.Parameters})
		}
		clocks = append(clocks, append(o, member{"start_date", start}).encode())
	}
	for _, clock := range clocks {
		alone := object{{"clocks", json.RawMessage("[" + string(clock) + "]")}}.encode()
		if _, err := schedule.Parse(alone); err != nil {
			reason := strings.TrimPrefix(err.Error(), "schedule: clock 1: ")
			return nil, refuse("Invalid clock provided for schedule: %s: %s", clock, reason)
		}
	}
	list, err := encodeJSON(clocks)
	if err != nil {
		return nil, err
	}
	document := object{{"type", quoteJSON("Schedule")}, {"clocks", list}}.encode()
	return replaceSchedule(ctx, tx, input.FlowGroupID, string(document))
}

// clockStart gives the start_date of a clock as Prefect serialises it: the local time in a zone, and the zone.
func clockStart(zone *string, now time.Time) (json.RawMessage, error) {
	if zone == nil || *zone == "" {
		return json.RawMessage("null"), nil
	}
	location, err := time.LoadLocation(*zone)
	if err != nil || *zone == "Local" {
		return nil, refuse("Invalid timezone provided for schedule: %s", *zone)
	}
	local := now.In(location).Format("2006-01-02T15:04:05.000000")
	return object{{"dt", quoteJSON(local)}, {"tz", quoteJSON(*zone)}}.encode(), nil
}

// deleteFlowGroupSchedule gives the versions of a flow their own schedules back.
func deleteFlowGroupSchedule(ctx context.Context, tx *writeTx, input flowGroupInput) (payload, error) {
	return replaceSchedule(ctx, tx, input.FlowGroupID, nil)
}

// replaceSchedule stores the schedule of a flow group, nil for none. Runs of the schedule before it go, and those of
// the new one come.
func replaceSchedule(ctx context.Context, tx *writeTx, group id, document any) (payload, error) {
	changed, err := tx.exec(ctx, "UPDATE flow_group SET schedule = ?, updated = ? WHERE id = ?", document, tx.stamp(), group)
	if err != nil || changed == 0 {
		return success(0), err
	}
	flows, err := texts(ctx, tx, "SELECT id FROM flow WHERE flow_group_id = ?", group)
	if err != nil {
		return nil, err
	}
	for _, flow := range flows {
		if err := deleteScheduledRuns(ctx, tx, flow); err != nil {
			return nil, err
		}
		if err := scheduleRuns(ctx, tx, flow, nil); err != nil {
			return nil, err
		}
	}
	return success(changed), nil
}
