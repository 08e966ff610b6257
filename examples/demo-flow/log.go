package main

import (
	"context"
	"fmt"
	"os"
	"time"
)

// logLine is an element of write_run_logs.
type logLine struct {
	FlowRunID string `json:"flow_run_id"`
	Timestamp string `json:"timestamp"`
	Name      string `json:"name"`
	Level     string `json:"level"`
	Message   string `json:"message"`
}

// runLog writes to standard output and to the run's log at the API. Prefect collects lines for some
// seconds; this flow has few and sends each at once.
type runLog struct {
	api   *client
	runID string
	ship  bool
}

// newRunLog heeds the agent's --no-cloud-logs.
func newRunLog(api *client, runID string) *runLog {
	return &runLog{api: api, runID: runID, ship: os.Getenv("PREFECT__CLOUD__SEND_FLOW_RUN_LOGS") != "false"}
}

func (l *runLog) info(ctx context.Context, format string, args ...any) {
	l.write(ctx, "INFO", fmt.Sprintf(format, args...))
}

func (l *runLog) error(ctx context.Context, format string, args ...any) {
	l.write(ctx, "ERROR", fmt.Sprintf(format, args...))
}

// write does not fail: a lost line is no reason to end a flow.
func (l *runLog) write(ctx context.Context, level, message string) {
	line := logLine{
		FlowRunID: l.runID, Name: "prefect.demo", Level: level, Message: message,
		Timestamp: time.Now().UTC().Format("2006-01-02T15:04:05.000000-07:00"),
	}
	fmt.Printf("[%s] %s - %s | %s\n", line.Timestamp, line.Level, line.Name, line.Message)
	if !l.ship {
		return
	}
	if err := l.api.writeLog(ctx, line); err != nil {
		fmt.Fprintln(os.Stderr, "prefect: write the run's log:", err)
	}
}
