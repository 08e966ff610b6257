package agent

import (
	"context"
	"sync"
	"time"
)

// watching is a watcher at work, and with it what looks for cancelled runs.
type watching struct {
	*watcher
	stop func() // ends both and waits for that, though not for ever
}

// startWatching follows the containers on the engine, and their runs, until stop or the end of work.
func (a *Agent) startWatching(work context.Context) watching {
	w := &watcher{
		containers: a.launcher, roster: a.roster, gate: a.gate, log: a.log,
		ended:   func(m *tracked) { a.concludeLater(work, m) },
		adopted: a.adopt,
		noticed: func(e Event) {
			switch e.Kind {
			case EventCreate:
				a.lookForTwin(e.Container)
			case EventDestroy:
				a.followers.forget(e.Container.ID)
			}
		},
		leftover: func(c Container) { a.removeLeftover(work, c) },
		ready:    make(chan struct{}), fatal: make(chan error, 1),
	}
	ctx, cancel := context.WithCancel(work)
	var loops sync.WaitGroup
	loops.Go(func() { w.run(ctx) })
	loops.Go(func() { a.watchCancellations(ctx, work) })
	loops.Go(func() { a.keepAlive(ctx) })
	return watching{w, func() {
		cancel()
		waitAtMost(shutdownTimeout, loops.Wait)
	}}
}

// adopt takes over a container that an earlier process of this agent started.
func (a *Agent) adopt(c Container) {
	if a.inFlight.has(c.runID()) {
		return
	}
	a.log.Info("Adopted the container of flow run "+c.runID(), "container", short(c.ID))
	if a.cfg.ShowFlowLogs {
		a.follow(c.ID, func(ctx context.Context) {
			a.streamContainerLogs(ctx, c.ID, LogsOptions{Follow: true, Since: time.Now()})
		})
	}
	if c.isCommand() {
		a.follow(c.ID, func(ctx context.Context) { a.supervise(ctx, c, true) })
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
