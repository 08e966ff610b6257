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
		created:  a.lookForTwin,
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
		a.supervise(c, true)
	}
}

// lookForTwin says once that another process has this agent's identity: both would see to each other's
// containers. No run is executed twice for that, but their logs may have lines twice.
func (a *Agent) lookForTwin(c Container) {
	if a.owner.owns(c) && !a.inFlight.has(c.runID()) && !a.sawTwin {
		a.sawTwin = true
		a.log.Warn("Another agent of this name and these labels works on this engine; give each a --name of its own", "container", short(c.ID))
	}
}
