package server

import "context"

// archiveFlow keeps a flow and its history but makes it impossible to run.
func archiveFlow(ctx context.Context, tx *writeTx, input flowInput) (payload, error) {
	archived, err := archive(ctx, tx, string(input.FlowID))
	return success(archived), err
}

// archive also deletes the runs of the flow that its schedule created and that have not started, and cancels those
// that somebody created.
func archive(ctx context.Context, tx *writeTx, flow string) (int64, error) {
	archived, err := tx.exec(ctx, "UPDATE flow SET archived = TRUE, updated = ? WHERE id = ?", tx.stamp(), flow)
	if err != nil || archived == 0 {
		return 0, err
	}
	if err := deleteScheduledRuns(ctx, tx, flow); err != nil {
		return 0, err
	}
	waiting, err := texts(ctx, tx, "SELECT id FROM flow_run WHERE flow_id = ? AND state = 'Scheduled' AND NOT auto_scheduled", flow)
	if err != nil {
		return 0, err
	}
	for _, flowRun := range waiting {
		if _, err := cancel(ctx, tx, flowRun, "Flow "+flow+" was archived."); err != nil {
			return 0, err
		}
	}
	return archived, nil
}

// archiveOthers archives all versions in a group but one.
func archiveOthers(ctx context.Context, tx *writeTx, group, current string) error {
	others, err := texts(ctx, tx, "SELECT id FROM flow WHERE flow_group_id = ? AND id <> ? AND NOT archived", group, current)
	if err != nil {
		return err
	}
	for _, flow := range others {
		if _, err := archive(ctx, tx, flow); err != nil {
			return err
		}
	}
	return nil
}

// texts reads a column of text.
func texts(ctx context.Context, tx *writeTx, query string, args ...any) ([]string, error) {
	var values []string
	err := tx.each(ctx, query, args, func(scan func(...any) error) error {
		var value string
		err := scan(&value)
		values = append(values, value)
		return err
	})
	return values, err
}
