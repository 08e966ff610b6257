package agent

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/docker-prefect/docker-prefect/graphql"
)

const (
	// outputLogger is the name of the lines that a container printed.
	outputLogger = "output"
	// runLogInterval is how long a line may wait for others to travel with.
	runLogInterval = time.Second
	// runLogBatch and runLogBytes bound one request: Server takes 5 MB, of which escaping may make seven
	// bytes for each of a line's.
	runLogBatch = 500
	runLogBytes = 512 << 10
	// maxLine bounds one log line; what is longer is cut into several.
	maxLine = 64 << 10
)

// runLogWriter turns a container's output, with timestamps, into lines of its flow run's log. A line has the
// time at which it was printed, so that an agent that is started again knows how far it got.
type runLogWriter struct {
	runID   string
	since   time.Time // lines up to then are there already
	send    func([]graphql.RunLog)
	mu      sync.Mutex
	lines   lineSplitter
	pending []graphql.RunLog
	bytes   int // of the pending lines
	timer   *time.Timer
	closed  bool
}

func (a *Agent) newRunLogWriter(ctx context.Context, runID string, since time.Time) *runLogWriter {
	w := &runLogWriter{runID: runID, since: since}
	w.send = func(lines []graphql.RunLog) {
		err := a.sendOutput(ctx, runID, lines)
		if err != nil && ctx.Err() == nil {
			a.log.Warn("Output of flow run "+runID+" could not be written to its log", "lines", len(lines), "reason", err)
		}
	}
	w.lines.emit = w.add
	w.timer = time.AfterFunc(runLogInterval, w.flush)
	return w
}

// sendOutput writes lines once, also when an answer is lost: the time of the newest line that the API has tells
// whether these are there.
func (a *Agent) sendOutput(ctx context.Context, runID string, lines []graphql.RunLog) error {
	newest, lost := lines[len(lines)-1].Timestamp.Truncate(time.Microsecond), false
	return a.retry(ctx, func() error {
		if lost {
			last, err := a.api.LastLogTime(ctx, runID, outputLogger)
			if err != nil || !last.Before(newest) {
				return err
			}
		}
		err := a.api.WriteRunLogs(ctx, lines...)
		var apiErr *graphql.Error
		lost = lost || errors.As(err, &apiErr) && apiErr.MayApply
		return err
	})
}

// Write takes output in chunks of any size.
func (w *runLogWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lines.Write(p)
}

func (w *runLogWriter) add(line []byte) error {
	printed := time.Now()
	if stamp, text, ok := bytes.Cut(line, []byte{' '}); ok || len(stamp) == len(line) {
		if t, err := time.Parse(time.RFC3339Nano, string(stamp)); err == nil {
			printed, line = t, text
		}
	}
	// The API keeps microseconds, the engine nanoseconds.
	if !printed.Truncate(time.Microsecond).After(w.since) && !w.since.IsZero() {
		return nil
	}
	w.pending = append(w.pending, graphql.RunLog{
		FlowRunID: w.runID, Name: outputLogger, Level: graphql.LevelInfo, Message: string(line), Timestamp: printed,
	})
	w.bytes += len(line)
	if len(w.pending) >= runLogBatch || w.bytes >= runLogBytes {
		w.sendPending()
	}
	return nil
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
