package server

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"github.com/docker-prefect/docker-prefect/server/schedule"
)

// runsAhead is how many events of a schedule have a run at a time.
const runsAhead = 10

// scheduleFlows is a pass of the scheduler: it creates the next runs of every flow that has an active schedule. A flow
// whose runs cannot be created does not keep others from theirs.
func (s *store) scheduleFlows(ctx context.Context) error {
	rows, err := s.query(ctx, `SELECT flow.id, coalesce(flow_group.schedule, flow.schedule, '')
		FROM flow JOIN flow_group ON flow_group.id = flow.flow_group_id
		WHERE flow.is_schedule_active AND NOT flow.archived ORDER BY flow.id`, nil)
	if err != nil {
		return err
	}
	var flows []string
	var schedules []json.RawMessage
	err = eachRow(rows, func(scan func(...any) error) error {
		var flow, raw string
		err := scan(&flow, &raw)
		flows, schedules = append(flows, flow), append(schedules, json.RawMessage(raw))
		return err
	})
	if err != nil {
		return err
	}
	for i, flow := range flows {
		// Before the transaction: the events of an odd rule take their time, and others want to write.
		planned, err := planRuns(schedules[i], s.now())
		if err == nil {
			err = s.write(ctx, func(ctx context.Context, tx *writeTx) error { return scheduleRuns(ctx, tx, flow, planned) })
		}
		if err != nil {
			s.log.Error("The runs of a flow could not be created from its schedule", "flow", flow, "error", err)
		}
	}
	return nil
}

// plan is the events of a schedule that come next after a time.
type plan struct {
	raw    json.RawMessage
	after  time.Time
	events []schedule.Event
}

func planRuns(raw json.RawMessage, now time.Time) (*plan, error) {
	if isNull(raw) {
		return &plan{}, nil
	}
	parsed, err := schedule.Parse(raw)
	if err != nil {
		return nil, refuse("The schedule cannot be read: %v", err)
	}
	return &plan{raw, now, parsed.Next(now, runsAhead)}, nil
}

// scheduleRuns creates runs for the next events of a flow's schedule, for which the schedule of its flow group stands
// in (Server, api/flows.py). It does nothing for a flow that is archived or whose schedule is not active. planned, if
// not nil, is used unless the schedule has been changed since.
//
// Events without parameters and labels of their own get a run only if they are later than the last run that was created
// so; the others count by their idempotency key, since many may be due at the same time. The keys also keep several
// servers on one database from creating a run twice.
func scheduleRuns(ctx context.Context, tx *writeTx, flow string, planned *plan) error {
	var own, ofGroup json.RawMessage
	err := tx.row(ctx, `SELECT flow.schedule, flow_group.schedule FROM flow JOIN flow_group ON flow_group.id = flow.flow_group_id
		WHERE flow.id = ? AND flow.is_schedule_active AND NOT flow.archived FOR NO KEY UPDATE OF flow`,
		[]any{flow}, (*[]byte)(&own), (*[]byte)(&ofGroup))
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	} else if err != nil {
		return err
	}
	raw := firstPresent(ofGroup, own)
	if raw == nil {
		return nil
	}
	if planned == nil || string(planned.raw) != string(raw) {
		if planned, err = planRuns(raw, tx.now); err != nil {
			return err
		}
	}
	var last sql.NullString
	err = tx.row(ctx, "SELECT max(scheduled_start_time) FROM flow_run WHERE flow_id = ? AND auto_scheduled", []any{flow}, &last)
	if err != nil {
		return err
	}
	for _, event := range planned.events {
		special := !isEmpty(event.Parameters) || event.Labels != nil
		if !special && (!event.Time.After(planned.after) || last.Valid && formatTime(event.Time) <= last.String) {
			continue
		}
		if err := scheduleRun(ctx, tx, flow, event, special); err != nil {
			return err
		}
	}
	return nil
}

func scheduleRun(ctx context.Context, tx *writeTx, flow string, event schedule.Event, special bool) error {
	key := "auto-scheduled:" + event.Time.UTC().Format(time.RFC3339Nano)
	if special {
		labels, err := encodeJSON(event.Labels)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(append(append([]byte(event.Parameters), '\n'), labels...))
		key += ":" + hex.EncodeToString(sum[:16])
	}
	flowID := id(flow)
	run, err := createFlowRun(ctx, tx, createFlowRunInput{
		FlowID:             &flowID,
		Parameters:         event.Parameters,
		Labels:             event.Labels,
		ScheduledStartTime: &moment{event.Time},
		IdempotencyKey:     &key,
	})
	if err != nil {
		return err
	}
	_, err = tx.exec(ctx, "UPDATE flow_run SET auto_scheduled = TRUE WHERE id = ? AND NOT auto_scheduled", run["id"])
	return err
}
