package agent

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrNotDrained says that the time for a drain was over before everything was finished. What is left is taken up when
// the agent is started again.
var ErrNotDrained = errors.New("the drain was not finished")

// drain finishes what began: launches, and the reports of containers that ended. Containers go on, to be
// adopted by the next process of this agent, unless they are to be stopped.
func (a *Agent) drain(work context.Context, abandon func(), stopWatching func()) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.launches.Wait()
		if a.cfg.KillOnStop {
			a.stopAll(work)
		}
		stopWatching() // from here on no reports are added
		a.reports.Wait()
	}()
	if a.cfg.DrainTimeout <= 0 {
		<-done
		return nil
	}
	timer := time.NewTimer(a.cfg.DrainTimeout)
	defer timer.Stop()
	select {
	case <-done:
		if left := len(a.roster.live(true)); left > 0 {
			a.log.Info("Flow containers go on; this agent adopts them when it is started again", "containers", left)
		}
		return nil
	case <-timer.C:
	}
	launches := a.inFlight.count()
	abandon()
	waitAtMost(shutdownTimeout, func() { <-done })
	return fmt.Errorf("%w within %v, with %d launches under way; they are taken up when the agent is started again", ErrNotDrained, a.cfg.DrainTimeout, launches)
}

// stopAll stops the containers of this agent and waits until their ends have been seen.
func (a *Agent) stopAll(ctx context.Context) {
	for _, c := range a.roster.live(true) {
		if a.roster.markStopped(c.ID, stoppedOnStop) {
			a.reports.Go(func() { a.stop(ctx, c, stoppedOnStop) })
		}
	}
	a.roster.waitNoneLive(ctx)
}
