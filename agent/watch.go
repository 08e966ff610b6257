package agent

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/containerd/errdefs"
)

const (
	// settleInterval is when the list is read again after the stream of events was opened: an engine confirms
	// a stream just before it begins to feed it.
	settleInterval = 2 * time.Second
	// resyncInterval is how long an end can go unnoticed that no event told, as over a connection that is
	// dead without anybody having said so.
	resyncInterval = time.Minute
	// quietBreaks is how many times in a row the stream may break without a word.
	quietBreaks = 3
)

// watcher follows all flow containers of the engine by one stream of events. Whenever the stream had a gap,
// and once a minute, a list tells what no event did: what ends while the engine is down is never told.
type watcher struct {
	containers Containers
	roster     *roster
	gate       *gate
	log        *slog.Logger

	ended    func(*tracked)  // a container of ours ended
	adopted  func(Container) // one of ours is live, and this process did not start it
	noticed  func(Event)     // anything that the stream tells
	leftover func(Container) // one of ours was created and never started

	ready chan struct{} // closed after the first list
	fatal chan error    // receives why there can be none
}

// run watches until ctx ends.
func (w *watcher) run(ctx context.Context) {
	away := outage{log: w.log, what: "the engine's event stream"}
	pause, breaks := newBackOff(), 0
	for {
		err := w.follow(ctx, func() {
			away.over()
			pause, breaks = newBackOff(), 0
		})
		if ctx.Err() != nil {
			return
		}
		w.log.Debug("The engine's event stream broke", "reason", err)
		if !w.isReady() && !errdefs.IsUnavailable(err) {
			w.fatal <- fmt.Errorf("%w; an agent needs GET /events and GET /containers/json", err)
			return
		}
		w.gate.doubt()
		if !w.gate.wait(ctx) {
			return
		}
		if breaks++; breaks > quietBreaks {
			away.begin(err)
		}
		if !sleep(ctx, pause.next(err)) {
			return
		}
	}
}

// follow returns when the stream breaks or a list cannot be had. It calls ok once it has both.
func (w *watcher) follow(ctx context.Context, ok func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events, broken := w.containers.Events(ctx)
	if err := w.resync(ctx); err != nil {
		return err
	}
	ok()
	again := time.NewTimer(settleInterval)
	defer again.Stop()
	for {
		select {
		case e := <-events:
			w.noticed(e)
			if m := w.roster.take(e); m != nil {
				w.ended(m)
			}
		case err := <-broken:
			return err
		case <-again.C:
			if err := w.resync(ctx); err != nil {
				return err
			}
			again.Reset(resyncInterval)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (w *watcher) resync(ctx context.Context) error {
	asked := time.Now()
	list, err := w.containers.List(ctx)
	if err != nil {
		return err
	}
	s := w.roster.sync(list, asked)
	for _, c := range s.adopted {
		w.adopted(c)
	}
	for _, m := range s.ended {
		w.ended(m)
	}
	for _, c := range s.leftovers {
		w.leftover(c)
	}
	if !w.isReady() {
		close(w.ready)
	}
	return nil
}

func (w *watcher) isReady() bool {
	select {
	case <-w.ready:
		return true
	default:
		return false
	}
}

// awaitReady waits until the containers are known: nothing may be launched before.
func (w *watcher) awaitReady(ctx context.Context) error {
	select {
	case <-w.ready:
		return nil
	case err := <-w.fatal:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
