package server

import "context"

// updateFlowRunHeartbeat always succeeds, as on Server, which writes heartbeats after it has answered.
func updateFlowRunHeartbeat(ctx context.Context, tx *writeTx, input flowRunInput) (payload, error) {
	_, err := tx.exec(ctx, "UPDATE flow_run SET heartbeat = ?1, updated = ?1 WHERE id = ?2", tx.stamp(), input.FlowRunID)
	return payload{"success": true}, err
}

type taskRunInput struct {
	TaskRunID id `json:"task_run_id"`
}

// updateTaskRunHeartbeat always succeeds, like updateFlowRunHeartbeat. Clients before 0.15.4 send it.
func updateTaskRunHeartbeat(ctx context.Context, tx *writeTx, input taskRunInput) (payload, error) {
	_, err := tx.exec(ctx, "UPDATE task_run SET heartbeat = ?1, updated = ?1 WHERE id = ?2", tx.stamp(), input.TaskRunID)
	return payload{"success": true}, err
}
