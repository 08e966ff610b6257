package agent

import (
	"context"
	"sync"
	"time"
)

// watching is a watcher at work, and with it what looks for cancelled runs.
type watching struct {
	*watcher
	stop func() // ends both and waits for that
}

// startWatching follows the containers on the engine, and their runs, until stop or the end of work.
func (a *Agent) startWatching(work context.Context) watching {
	w := &watcher{
		containers: a.launcher, roster: a.roster, gate: a.gate, log: a.log,
		ended:    func(m *tracked) { a.concludeLater(work, m) },
		adopted:  a.adopt,
		leftover: func(c Container) { a.removeLeftover(work, c) },
		ready:    make(chan struct{}), fatal: make(chan error, 1),
	}
	ctx, cancel := context.WithCancel(work)
	var loops sync.WaitGroup
	loops.Go(func() { w.run(ctx) })
	loops.Go(func() { a.watchCancellations(ctx, work) })
	return watching{w, func() {
		cancel()
		loops.Wait()
	}}
}

// adopt takes over a container that an earlier process of this agent started.
func (a *Agent) adopt(c Container) {
	if a.inFlight.has(c.runID()) {
		return
	}
	a.log.Info("Adopted the container of flow run "+c.runID(), "container", short(c.ID))
	if a.cfg.ShowFlowLogs {
		a.following.Go(func() { a.streamContainerLogs(a.streams, c.ID, LogsOptions{Follow: true, Since: time.Now()}) })
	}
	if c.isCommand() {
		a.superviseAdopted(c)
	}
}
