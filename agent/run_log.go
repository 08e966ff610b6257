package agent

import (
	"context"
	"sync"
	"time"

	"github.com/docker-prefect/docker-prefect/graphql"
)

const (
	// runLogInterval is how long a line may wait for others to travel with.
	runLogInterval = time.Second
	// runLogBatch and runLogBytes bound one request: Server takes 5 MB, of which escaping may make seven
	// bytes for each of a line's.
	runLogBatch = 500
	runLogBytes = 512 << 10
	// maxLine bounds one log line; what is longer is cut into several.
	maxLine = 64 << 10
)

// runLogWriter turns a container's output into lines of its flow run's log.
type runLogWriter struct {
	send    func([]graphql.RunLog)
	mu      sync.Mutex
	lines   lineSplitter
	pending []graphql.RunLog
	bytes   int // of the pending lines
	timer   *time.Timer
	closed  bool
}

func (a *Agent) newRunLogWriter(ctx context.Context, run graphql.FlowRun) *runLogWriter {
	w := &runLogWriter{}
	w.send = func(lines []graphql.RunLog) {
		if err := a.retry(ctx, func() error { return a.api.WriteRunLogs(ctx, lines...) }); err != nil {
			a.log.Warn("Output of flow run "+run.ID+" could not be written to its log", "lines", len(lines), "reason", err)
		}
	}
	w.lines.emit = func(line []byte) error {
		w.pending = append(w.pending, graphql.RunLog{
			FlowRunID: run.ID, Name: a.cfg.Name, Level: graphql.LevelInfo, Message: string(line), Timestamp: time.Now(),
		})
		w.bytes += len(line)
		if len(w.pending) >= runLogBatch || w.bytes >= runLogBytes {
			w.sendPending()
		}
		return nil
	}
	w.timer = time.AfterFunc(runLogInterval, w.flush)
	return w
}

// Write takes output in chunks of any size.
func (w *runLogWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lines.Write(p)
}

// sendPending holds the lock while it sends: a container that writes faster than the API takes waits.
func (w *runLogWriter) sendPending() {
	if len(w.pending) > 0 {
		w.send(w.pending)
		w.pending, w.bytes = nil, 0
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
	_ = w.lines.flush() // emit does not fail
	w.sendPending()
}
