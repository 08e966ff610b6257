package agent

import (
	"context"
	"time"
)

// keepAliveInterval is how often Prefect's own processes say that they live (1.4.1 config.toml, heartbeat_interval).
const keepAliveInterval = 30 * time.Second

// keepAlive says for the runs whose containers cannot that they live, until ctx ends: those that bring their own
// command. Server takes a run for dead that has said nothing for ten minutes; its Lazarus would have it executed again.
func (a *Agent) keepAlive(ctx context.Context) {
	every(ctx, keepAliveInterval, func() {
		for _, c := range a.roster.live(true) {
			if c.isCommand() {
				a.beat(ctx, c.runID())
			}
		}
	})
}

// whileLaunching says that a claimed run lives while its launch takes its time, as when a large image is pulled. The
// caller calls stop when it is over.
func (a *Agent) whileLaunching(work context.Context, runID string) (stop func()) {
	ctx, stop := context.WithCancel(work)
	go every(ctx, keepAliveInterval, func() { a.beat(ctx, runID) })
	return stop
}

// beat is not repeated when it fails: the next comes soon.
func (a *Agent) beat(ctx context.Context, runID string) {
	if err := a.api.UpdateFlowRunHeartbeat(ctx, runID); err != nil && ctx.Err() == nil {
		a.log.Debug("The API was not told that flow run "+runID+" lives", "reason", err)
	}
}

// every calls f again and again until ctx ends, for the first time after the interval.
func every(ctx context.Context, interval time.Duration, f func()) {
	ticks := time.NewTicker(interval)
	defer ticks.Stop()
	for {
		select {
		case <-ticks.C:
			f()
		case <-ctx.Done():
			return
		}
	}
}
