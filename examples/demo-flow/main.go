// Command prefect is what a flow image needs of Prefect, made small enough to read: it executes one flow
// run, with one task, and reports to the API as `prefect execute flow-run` of the Python package does.
//
// The flow greets. Its parameters, all optional: "name" (whom), "sleep" (how long the work takes, as
// "1.5s") and "fail" (true: the task fails).
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

func main() {
	if !slices.Equal(os.Args[1:], []string{"execute", "flow-run"}) {
		fmt.Fprintln(os.Stderr, "usage: prefect execute flow-run")
		os.Exit(2)
	}
	// Like Prefect, the process succeeds when it could report how the flow ended, be that Failed.
	if err := execute(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "prefect:", err)
		os.Exit(1)
	}
}

// flowRun is one execution of the flow: what the API knows about it and the way to tell it more.
type flowRun struct {
	api *client
	id  string
	log *runLog
}

// parameters of the flow, as given when the flow run was created.
type parameters struct {
	Name  string `json:"name"`
	Sleep string `json:"sleep"`
	Fail  bool   `json:"fail"`
}

// execute plays the part of a flow container: Running, the tasks, and how it ended.
func execute(ctx context.Context) error {
	id := os.Getenv("PREFECT__CONTEXT__FLOW_RUN_ID")
	if id == "" {
		return errors.New("PREFECT__CONTEXT__FLOW_RUN_ID is not set: this program is started by a Prefect agent")
	}
	api, err := newClient()
	if err != nil {
		return err
	}
	info, err := api.flowRun(ctx, id)
	if err != nil {
		return err
	}
	run := &flowRun{api: api, id: id, log: newRunLog(api, id)}

	stopHeartbeat := run.startHeartbeat(ctx)
	defer stopHeartbeat()

	if err := api.setFlowRunState(ctx, id, info.Version, newState("Running", "Running flow.")); err != nil {
		return err
	}
	run.log.info(ctx, "Beginning flow run %q of flow %q", info.Name, info.Flow.Name)

	end := newState("Success", "All reference tasks succeeded.")
	for _, t := range info.TaskRuns {
		ok, err := run.task(ctx, t, info.Parameters)
		if err != nil {
			return err
		}
		if !ok {
			end = newState("Failed", "Some reference tasks failed.")
		}
	}
	run.log.info(ctx, "Flow run ended: %s", end.Message)
	return api.setFlowRunState(ctx, id, 0, end)
}

// task executes one task and reports whether it succeeded.
func (r *flowRun) task(ctx context.Context, t taskRun, params json.RawMessage) (ok bool, err error) {
	info, err := r.api.taskRunInfo(ctx, r.id, t.Task.ID)
	if err != nil {
		return false, err
	}
	if err := r.api.setTaskRunState(ctx, info.ID, info.Version, newState("Running", "Starting task run.")); err != nil {
		return false, err
	}
	r.log.info(ctx, "Task %q: starting", t.Task.Slug)

	end := newState("Success", "Task run succeeded.")
	if err := r.greet(ctx, params); err != nil {
		r.log.error(ctx, "Task %q: %v", t.Task.Slug, err)
		end = newState("Failed", err.Error())
	}
	r.log.info(ctx, "Task %q: ended as %s", t.Task.Slug, end.Type)
	return end.Type == "Success", r.api.setTaskRunState(ctx, info.ID, 0, end)
}

// greet is the work that the flow does.
func (r *flowRun) greet(ctx context.Context, given json.RawMessage) error {
	var params parameters
	if err := json.Unmarshal(given, &params); err != nil {
		return fmt.Errorf("parameters: %w", err)
	}
	if params.Sleep != "" {
		d, err := time.ParseDuration(params.Sleep)
		if err != nil {
			return fmt.Errorf("parameter sleep: %w", err)
		}
		r.log.info(ctx, "Working for %s", d)
		time.Sleep(d)
	}
	if params.Fail {
		return errors.New("failing as the parameter asks")
	}
	name := params.Name
	if name == "" {
		name = "world"
	}
	r.log.info(ctx, "Hello, %s!", name)
	return nil
}

// startHeartbeat tells the API every 30 seconds that this run is alive, as Prefect does. An API that
// misses a beat is no reason to stop working.
func (r *flowRun) startHeartbeat(ctx context.Context) (stop func()) {
	ctx, stop = context.WithCancel(ctx)
	beat := func() {
		if err := r.api.heartbeat(ctx, r.id); err != nil && ctx.Err() == nil {
			fmt.Fprintln(os.Stderr, "prefect: heartbeat:", err)
		}
	}
	beat()
	go func() {
		ticker := time.NewTicker(30 * time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				beat()
			case <-ctx.Done():
				return
			}
		}
	}()
	return stop
}
