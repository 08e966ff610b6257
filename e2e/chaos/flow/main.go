// Command prefect is the flow of the chaos program: it executes one flow run as `prefect execute flow-run` does, and
// plays the script that the run's parameters name.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"syscall"
	"time"

	"github.com/docker-prefect/docker-prefect/e2e/chaos/script"
)

// Statuses that no script asks for: the play went wrong.
const (
	exitUsage = 98
	exitBad   = 99
)

func main() {
	if !slices.Equal(os.Args[1:], []string{"execute", "flow-run"}) {
		fmt.Fprintln(os.Stderr, "usage: prefect execute flow-run")
		os.Exit(exitUsage)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute) // nothing here stays for ever
	defer cancel()
	code, err := execute(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "prefect:", err)
		os.Exit(exitBad)
	}
	os.Exit(code)
}

// player executes one flow run.
type player struct {
	*api
	run    flowRun
	script script.Script
}

// execute plays the script and returns the exit status.
func execute(ctx context.Context) (int, error) {
	a := &api{url: os.Getenv("PREFECT__CLOUD__API"), flowRunID: os.Getenv("PREFECT__CONTEXT__FLOW_RUN_ID")}
	if a.url == "" || a.flowRunID == "" {
		return 0, errors.New("PREFECT__CLOUD__API and PREFECT__CONTEXT__FLOW_RUN_ID are set by an agent")
	}
	if err := a.log(ctx, script.ExecutionLine(rand.Text(), containerID())); err != nil {
		return 0, err
	}
	run, err := a.read(ctx)
	if err != nil {
		return 0, err
	}
	var parameters struct {
		Script script.Script `json:"script"`
	}
	if err := json.Unmarshal(run.Parameters, &parameters); err != nil {
		return 0, fmt.Errorf("parameters: %w", err)
	}
	p := &player{a, run, parameters.Script}
	if p.script.Kind == script.Early {
		time.Sleep(p.script.Work)
		return p.script.Code, nil
	}
	// Ignored from the beginning, whenever the agent comes.
	if p.script.Kind == script.Hang {
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT)
	}
	if err := p.setState(ctx, newState("Running", "Running flow.")); err != nil {
		return 0, err
	}
	return p.play(ctx)
}

// play does what a Running flow does.
func (p *player) play(ctx context.Context) (int, error) {
	switch p.script.Kind {
	case script.Success:
		return 0, p.succeed(ctx)
	case script.Failed:
		time.Sleep(p.script.Work)
		return 0, p.setState(ctx, newState("Failed", script.FailedMessage))
	case script.Crash:
		time.Sleep(p.script.Work)
		fmt.Println("about to crash")
		return p.script.Code, nil
	case script.OOM:
		time.Sleep(p.script.Work)
		return exitBad, eat()
	case script.Hang:
		<-ctx.Done()
		return exitBad, ctx.Err()
	case script.Cancelled:
		return 0, p.awaitCancellation(ctx)
	case script.Retry:
		if task := p.run.TaskRuns[0]; task.State.Type == "Pending" {
			return 0, p.leaveRetry(ctx, task.ID)
		}
		return 0, p.succeed(ctx)
	}
	return 0, fmt.Errorf("script %q is unknown", p.script.Kind)
}

// succeed runs the flow's tasks and ends it.
func (p *player) succeed(ctx context.Context) error {
	for _, task := range p.run.TaskRuns {
		if err := p.setTaskState(ctx, task.ID, newState("Running", "Starting task run.")); err != nil {
			return err
		}
		time.Sleep(p.script.Work)
		if err := p.setTaskState(ctx, task.ID, newState("Success", "Task run succeeded.")); err != nil {
			return err
		}
	}
	return p.setState(ctx, newState("Success", script.SuccessMessage))
}

// leaveRetry ends as Prefect does when a task is to be tried again much later: the run stays Running, the agent
// deploys it again when the task run is due.
func (p *player) leaveRetry(ctx context.Context, taskRunID string) error {
	if err := p.setTaskState(ctx, taskRunID, newState("Running", "Starting task run.")); err != nil {
		return err
	}
	time.Sleep(p.script.Work)
	retrying := newState("Retrying", "Retrying Task (after attempt 1 of 2)")
	retrying["start_time"] = timestamp(time.Now().Add(p.script.RetryIn))
	retrying["run_count"] = 1
	return p.setTaskState(ctx, taskRunID, retrying)
}

// awaitCancellation looks for Cancelling, as Prefect's canceller thread does every 15 seconds.
func (p *player) awaitCancellation(ctx context.Context) error {
	for {
		run, err := p.read(ctx)
		if err != nil {
			return err
		}
		if run.State == "Cancelling" {
			return p.setState(ctx, newState("Cancelled", script.CancelledMessage))
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// eat takes memory until the process is killed, in steps that are not felt by the rest of the machine.
func eat() error {
	const step, most = 1 << 20, 512
	var eaten [][]byte
	for range most {
		piece := make([]byte, step)
		for i := 0; i < len(piece); i += os.Getpagesize() {
			piece[i] = 1
		}
		eaten = append(eaten, piece)
		time.Sleep(2 * time.Millisecond)
	}
	return fmt.Errorf("took %d MB, and nobody minded", len(eaten))
}

// containerID is read from where the engine keeps the container's files: in the host's network, the host name is
// the host's.
func containerID() string {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "unknown"
	}
	found := regexp.MustCompile(`/containers/([0-9a-f]{64})/`).FindSubmatch(mounts)
	if found == nil {
		return "unknown"
	}
	return string(found[1])
}
