package agent

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"time"

	"github.com/docker-prefect/docker-prefect/graphql"
)

const (
	// runLogInterval is how long a line may wait for others to travel with.
	runLogInterval = time.Second
	// runLogBatch bounds the lines of one request.
	runLogBatch = 500
	// maxLine bounds one log line; what is longer is cut into several.
	maxLine = 64 << 10
)

// runLogWriter turns a container's output into lines of its flow run's log.
type runLogWriter struct {
	send    func([]graphql.RunLog)
	line    func(message string) graphql.RunLog
	mu      sync.Mutex
	rest    bytes.Buffer // an unfinished line
	pending []graphql.RunLog
	timer   *time.Timer
	closed  bool
}

func (a *Agent) newRunLogWriter(ctx context.Context, run graphql.FlowRun) *runLogWriter {
	w := &runLogWriter{
		send: func(lines []graphql.RunLog) {
			if err := a.retry(ctx, func() error { return a.api.WriteRunLogs(ctx, lines...) }); err != nil {
				a.log.Warn("Output of flow run "+run.ID+" could not be written to its log", "lines", len(lines), "reason", err)
			}
		},
		line: func(message string) graphql.RunLog {
			return graphql.RunLog{
				FlowRunID: run.ID, Name: a.cfg.Name, Level: graphql.LevelInfo, Message: message, Timestamp: time.Now(),
			}
		},
	}
	w.timer = time.AfterFunc(runLogInterval, w.flush)
	return w
}

// Write takes output in chunks of any size.
func (w *runLogWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	total := len(p)
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			w.rest.Write(p)
			p = nil
		} else {
			w.rest.Write(p[:end])
			p = p[end+1:]
		}
		if end >= 0 || w.rest.Len() >= maxLine {
			w.take()
		}
	}
	return total, nil
}

// take moves the unfinished line to the pending ones.
func (w *runLogWriter) take() {
	text := strings.TrimRight(strings.ToValidUTF8(w.rest.String(), "\uFFFD"), "\r")
	w.rest.Reset()
	w.pending = append(w.pending, w.line(text))
	if len(w.pending) >= runLogBatch {
		w.sendPending()
	}
}

// sendPending holds the lock while it sends: a container that writes faster than the API takes waits.
func (w *runLogWriter) sendPending() {
	if len(w.pending) > 0 {
		w.send(w.pending)
		w.pending = nil
	}
}

func (w *runLogWriter) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sendPending()
	if !w.closed {
		w.timer.Reset(runLogInterval)
	}
}

// close sends what is left, an unfinished line included.
func (w *runLogWriter) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	w.timer.Stop()
	if w.rest.Len() > 0 {
		w.take()
	}
	w.sendPending()
}
