package agent

import (
	"context"
	"errors"
	"sync"
	"time"
)

// ErrStuck says that the poll loop has not advanced for so long that it never will. A supervisor should start the agent
// again; its containers go on meanwhile.
var ErrStuck = errors.New("the poll loop is stuck; the agent has to be started again")

// watchdogInterval is how often the watchdog looks.
const watchdogInterval = 5 * time.Second

// watchdog barks when the poll loop does not come back. All that the loop waits for has bounds, so this
// happens only by a mistake in this program or below it.
type watchdog struct {
	mu  sync.Mutex
	due time.Time
}

// expect tells that the loop will be back after a wait of d, plus slack.
func (w *watchdog) expect(d, slack time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.due = time.Now().Add(d + slack)
}

func (w *watchdog) overdue() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().After(w.due)
}

// barks returns a channel that is closed when the loop is overdue; ctx ends the watch.
func (w *watchdog) barks(ctx context.Context) <-chan struct{} {
	barked := make(chan struct{})
	go func() {
		for sleep(ctx, watchdogInterval) {
			if w.overdue() {
				close(barked)
				return
			}
		}
	}()
	return barked
}
