package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/docker-prefect/docker-prefect/graphql"
)

const (
	// watchInterval is short because a watched run is what somebody waits for.
	watchInterval = 500 * time.Millisecond
	// pickUpPatience is how long a run may stay Scheduled before the watcher says what may be wrong; an
	// idle agent looks every 10 s.
	pickUpPatience = 15 * time.Second
)

// historian is what watching needs of the API.
type historian interface {
	History(ctx context.Context, runID string, since time.Time) (graphql.History, error)
}

// watch prints a flow run's states and log lines as they come, and returns an error unless it ends
// successfully. The run goes on when ctx ends.
func watch(ctx context.Context, api historian, runID string, labels []string, out, stderr io.Writer) error {
	w := watcher{out: out, seen: map[string]bool{}}
	started, warned := time.Now(), false
	for {
		history, err := api.History(ctx, runID, w.since)
		switch {
		case ctx.Err() != nil:
			return withStatus(fmt.Errorf("stopped watching; flow run %s goes on", runID), exitAborted)
		case errors.Is(err, graphql.ErrTemporary):
			_, _ = fmt.Fprintf(stderr, "%v; still trying\n", err)
		case err != nil:
			return err
		default:
			w.print(history)
			if history.State.IsFinished() {
				return finalError(history)
			}
			if !warned && history.State.IsScheduled() && time.Since(started) > pickUpPatience {
				warned = true
				_, _ = fmt.Fprintf(stderr, "No agent has taken the run within %s; one must be running with the labels %q\n", pickUpPatience, labels)
			}
		}
		select {
		case <-time.After(watchInterval):
		case <-ctx.Done():
		}
	}
}

// finalError returns nil for a successful end.
func finalError(h graphql.History) error {
	if h.State.IsSuccessful() {
		return nil
	}
	return fmt.Errorf("flow run %s ended as %s: %s", h.Name, h.State.Type, h.State.Message)
}

// watcher remembers what was printed.
type watcher struct {
	out    io.Writer
	states int
	since  time.Time
	seen   map[string]bool // log lines at or after since
}

// print writes what is new, in the order of time; of two at the same time, the state first.
func (w *watcher) print(h graphql.History) {
	states, logs := h.States[min(w.states, len(h.States)):], h.Logs
	w.states = len(h.States)
	for len(states) > 0 || len(logs) > 0 {
		if len(logs) == 0 || (len(states) > 0 && !states[0].At.After(logs[0].At)) {
			w.line(states[0].At, "STATE", "flow run", fmt.Sprintf("%s: %s", states[0].State, states[0].Message))
			states = states[1:]
			continue
		}
		l := logs[0]
		logs = logs[1:]
		if w.seen[l.ID] {
			continue
		}
		w.seen[l.ID] = true
		w.since = l.At
		w.line(l.At, l.Level, l.Name, l.Message)
	}
}

func (w *watcher) line(at time.Time, level, name, message string) {
	_, _ = fmt.Fprintf(w.out, "[%s] %s - %s | %s\n", pythonTime(at), level, name, message)
}
