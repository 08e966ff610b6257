package server

import (
	"context"
	"database/sql"
	"encoding/json"
)

// mappedChildren sums up the children of a mapped task: when the first started, when the last ended, and how many are
// in each state. Of a task run that is no parent it says nothing, as Server does.
func mappedChildren(ctx context.Context, c *call) (any, error) {
	var taskRun id
	if err := c.decode("task_run_id", &taskRun); err != nil {
		return nil, err
	}
	rows, err := c.store.query(ctx, c.store.db.statement(`SELECT coalesce(child.state, ''), min(child.start_time), max(child.end_time), count(*)
		FROM task_run AS parent JOIN task_run AS child ON child.flow_run_id = parent.flow_run_id AND child.task_id = parent.task_id
		WHERE parent.id = ?1 AND parent.map_index < 0 AND child.map_index >= 0
		GROUP BY child.state ORDER BY child.state`), []any{taskRun})
	if err != nil {
		return nil, err
	}
	var started, ended sql.NullString
	counts := object{}
	err = eachRow(rows, func(scan func(...any) error) error {
		var kind string
		var first, last sql.NullString
		var count json.RawMessage
		if err := scan(&kind, &first, &last, (*[]byte)(&count)); err != nil {
			return err
		}
		if first.Valid && (!started.Valid || first.String < started.String) {
			started = first
		}
		if last.Valid && last.String > ended.String {
			ended = last
		}
		counts = append(counts, member{kind, count})
		return nil
	})
	return payload{"min_start_time": orNil(started), "max_end_time": orNil(ended), "state_counts": counts.encode()}, err
}

func orNil(text sql.NullString) any {
	if !text.Valid {
		return nil
	}
	return text.String
}
