package agent

import (
	"fmt"
	"log/slog"
	"math"
	"time"
)

// room is how many more runs may be taken. Live containers of this agent count, by their labels, and runs on
// their way to one; a run that is both counts once.
func (a *Agent) room() int {
	if a.cfg.Limit <= 0 {
		return math.MaxInt
	}
	runs := map[string]bool{}
	for _, c := range a.roster.live(true) {
		runs[c.runID()] = true
	}
	for _, id := range a.inFlight.ids() {
		runs[id] = true
	}
	return max(0, a.cfg.Limit-len(runs))
}

// atLimit says once that runs wait because of the limit, and once that they do not any more.
type atLimit struct{ since time.Time }

func (l *atLimit) begin(limit, waiting int, log *slog.Logger) {
	if l.since.IsZero() {
		l.since = time.Now()
		log.Info(fmt.Sprintf("The limit is reached: %d of %d containers are live; due flow runs stay in the queue", limit, limit), "waiting", waiting)
	}
}

func (l *atLimit) over(log *slog.Logger) {
	if !l.since.IsZero() {
		log.Info("No due flow run waits for the limit any more", "after", time.Since(l.since).Round(100*time.Millisecond))
		l.since = time.Time{}
	}
}
