package server

import (
	"context"
)

// coreVersion is the version of Prefect whose API this is.
const coreVersion = "1.4.1"

// queryResolvers are the root fields of Query that are no tables.
func queryResolvers() map[string]resolver {
	return map[string]resolver{
		"hello":             hello,
		"api":               apiInfo,
		"auth_info":         authInfo,
		"reference_data":    referenceData,
		"get_task_run_info": taskRunInfo,
		"mapped_children":   mappedChildren,
	}
}

// mutationResolvers are the root fields of Mutation.
func mutationResolvers() map[string]resolver {
	return map[string]resolver{
		"create_tenant":          mutation(createTenant),
		"delete_tenant":          mutation(deleteTenant),
		"update_tenant_name":     mutation(updateTenantName),
		"update_tenant_slug":     mutation(updateTenantSlug),
		"update_tenant_settings": mutation(updateTenantSettings),

		"create_project":          mutation(createProject),
		"delete_project":          mutation(deleteProject),
		"set_project_name":        mutation(setProjectName),
		"set_project_description": mutation(setProjectDescription),

		"create_flow":                        mutation(createFlow),
		"create_flow_from_compressed_string": mutation(createCompressedFlow),
		"register_tasks":                     mutation(registerTasks),
		"register_edges":                     mutation(registerEdges),
		"archive_flow":                       mutation(archiveFlow),
		"delete_flow":                        mutation(deleteFlow),
		"update_flow_project":                mutation(updateFlowProject),
		"set_schedule_active":                mutation(setScheduleActive),
		"set_schedule_inactive":              mutation(setScheduleInactive),
		"enable_flow_heartbeat":              mutation(switchHeartbeat(true)),
		"disable_flow_heartbeat":             mutation(switchHeartbeat(false)),
		"enable_flow_lazarus_process":        mutation(switchLazarus(true)),
		"disable_flow_lazarus_process":       mutation(switchLazarus(false)),

		"delete_flow_group":                 mutation(deleteFlowGroup),
		"set_flow_group_description":        mutation(setFlowGroupDescription),
		"set_flow_group_labels":             mutation(setFlowGroupLabels),
		"set_flow_group_default_parameters": mutation(setFlowGroupParameters),
		"set_flow_group_run_config":         mutation(setFlowGroupRunConfig),
		"set_flow_group_schedule":           mutation(setFlowGroupSchedule),
		"delete_flow_group_schedule":        mutation(deleteFlowGroupSchedule),

		"create_flow_run":             mutation(createFlowRun),
		"delete_flow_run":             mutation(deleteFlowRun),
		"set_flow_run_name":           mutation(setFlowRunName),
		"set_flow_run_labels":         mutation(setFlowRunLabels),
		"set_task_run_name":           mutation(setTaskRunName),
		"get_or_create_task_run":      getOrCreateTaskRun,
		"get_or_create_task_run_info": getOrCreateTaskRun,
		"update_flow_run_heartbeat":   mutation(updateFlowRunHeartbeat),
		"update_task_run_heartbeat":   mutation(updateTaskRunHeartbeat),

		"set_flow_run_states": mutation(setFlowRunStates),
		"set_task_run_states": mutation(setTaskRunStates),
		"cancel_flow_run":     mutation(cancelFlowRun),

		"register_agent":      mutation(registerAgent),
		"delete_agent":        mutation(deleteAgent),
		"create_agent_config": mutation(createAgentConfig),
		"update_agent_config": mutation(updateAgentConfig),
		"delete_agent_config": mutation(deleteAgentConfig),
		"get_runs_in_queue":   getRunsInQueue,

		"write_run_logs":           mutation(writeRunLogs),
		"create_task_run_artifact": mutation(createArtifact),
		"update_task_run_artifact": mutation(updateArtifact),
		"delete_task_run_artifact": mutation(deleteArtifact),

		"create_cloud_hook":       mutation(createCloudHook),
		"test_cloud_hook":         testCloudHook,
		"delete_cloud_hook":       mutation(deleteCloudHook),
		"set_cloud_hook_active":   mutation(setCloudHookActive),
		"set_cloud_hook_inactive": mutation(setCloudHookInactive),
		"mark_message_as_read":    mutation(markMessageAsRead),
		"mark_message_as_unread":  mutation(markMessageAsUnread),
		"delete_message":          mutation(deleteMessage),
	}
}

// mutation makes a resolver of a function that runs in a transaction with the decoded input.
func mutation[I any](f func(context.Context, *writeTx, I) (payload, error)) resolver {
	return func(ctx context.Context, c *call) (any, error) {
		var input I
		if err := c.decode("input", &input); err != nil {
			return nil, err
		}
		var result payload
		err := c.store.write(ctx, func(ctx context.Context, tx *writeTx) (err error) {
			tx.headers = c.headers
			result, err = f(ctx, tx, input)
			return err
		})
		return result, err
	}
}

// success is the answer of most mutations: whether there was a row to change.
func success(changed int64) payload { return payload{"success": changed > 0} }

func hello(context.Context, *call) (any, error) { return "👋", nil }

func apiInfo(context.Context, *call) (any, error) {
	return payload{"backend": "SERVER", "mode": "normal", "version": coreVersion, "core_version": coreVersion}, nil
}

// authInfo answers as if every key were one of the first tenant. There are no keys here and no users; a client that
// is set up for Prefect Cloud wants to know its tenant all the same. RUNNER is the scope that 0.13 agents insist on.
func authInfo(ctx context.Context, c *call) (any, error) {
	tenant, err := firstTenant(ctx, c.store)
	if err != nil {
		return nil, err
	}
	return payload{"tenant_id": tenant, "api_token_scope": "RUNNER"}, nil
}
