package agent

import (
	"context"
	"slices"
	"sync"
	"time"
)

// roster is what the agent knows of the flow containers on the engine, its own and others'. Events and lists
// keep it up to date; a launch enters its container itself, so that it counts at once.
type roster struct {
	mu      sync.Mutex
	owner   Owner
	members map[string]*tracked // by container id
	changed chan struct{}       // closed and replaced when a container of ours ends or goes
}

// tracked is one container.
type tracked struct {
	Container
	seen    time.Time // when the agent came to know it
	oom     bool      // the kernel killed a process of it for lack of memory
	exit    *int      // as the event of its end said
	told    bool      // its end has been told, or is being told
	stopped string    // why this agent stopped it
	failed  bool      // its run failed, and it stays for people to look at
}

func newRoster() *roster {
	return &roster{members: map[string]*tracked{}, changed: make(chan struct{})}
}

// belongTo says whose containers are ours.
func (r *roster) belongTo(owner Owner) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.owner = owner
}

func (r *roster) notify() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// enter adds a container that a launch has just started. The event of its start may come later, and that of
// its end may have come before.
func (r *roster) enter(c Container) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.members[c.ID]
	switch {
	case m == nil:
		r.members[c.ID] = &tracked{Container: c, seen: time.Now()}
	case m.neverBegan():
		m.State = c.State
	}
}

// take applies an event, and returns the container if it is one of ours whose end is to be told.
func (r *roster) take(e Event) (ended *tracked) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.members[e.Container.ID]
	if m == nil {
		if e.Kind == EventDestroy {
			return nil
		}
		m = &tracked{Container: e.Container, seen: time.Now()}
		r.members[m.ID] = m
	}
	switch e.Kind {
	case EventOOM:
		m.oom = true
	case EventDie:
		m.State, m.exit = stateExited, &e.ExitCode
		r.notify()
		return r.claimEnd(m)
	case EventDestroy:
		delete(r.members, m.ID)
		r.notify()
		if !m.neverBegan() {
			return r.claimEnd(m)
		}
	case EventStart:
		m.State, m.exit = stateRunning, nil
	case EventCreate:
	}
	return nil
}

// claimEnd returns a copy for the one who is to tell the end of a container; nil if it is not ours, or
// somebody does so already.
func (r *roster) claimEnd(m *tracked) *tracked {
	if !r.owner.owns(m.Container) || m.told {
		return nil
	}
	m.told = true
	claimed := *m
	return &claimed
}

// synced is what a list of the engine revealed.
type synced struct {
	ended     []*tracked  // ours, to be told
	adopted   []Container // ours, live, not known before
	leftovers []Container // ours, created and for a while not started
}

// leftoverAge is how long a container may be between creation and start; a launch that is under way is known
// besides.
const leftoverAge = time.Minute

// sync replaces what is known by a list, which was asked for at the given time.
func (r *roster) sync(list []Container, asked time.Time) synced {
	r.mu.Lock()
	defer r.mu.Unlock()
	var s synced
	listed := make(map[string]bool, len(list))
	for _, c := range list {
		listed[c.ID] = true
		m := r.members[c.ID]
		fresh := m == nil
		if fresh {
			m = &tracked{seen: asked}
			r.members[c.ID] = m
		}
		if m.hasEnded() && !c.hasEnded() && m.exit != nil || m.isLive() && !fresh && c.neverBegan() {
			continue // an event told more after the list was made
		}
		m.Container = c
		switch {
		case !r.owner.owns(c):
		case c.hasEnded():
			if claimed := r.claimEnd(m); claimed != nil {
				s.ended = append(s.ended, claimed)
			}
		case c.neverBegan() && asked.Sub(m.seen) > leftoverAge:
			s.leftovers = append(s.leftovers, c)
		case c.isLive() && fresh:
			s.adopted = append(s.adopted, c)
		}
	}
	for id, m := range r.members {
		if listed[id] || !m.seen.Before(asked) {
			continue
		}
		delete(r.members, id)
		if m.neverBegan() {
			continue
		}
		if claimed := r.claimEnd(m); claimed != nil {
			s.ended = append(s.ended, claimed)
		}
	}
	r.notify()
	return s
}

// goesOn takes back that a container ended: its restart policy has started it again.
func (r *roster) goesOn(c Container) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := r.members[c.ID]; m != nil {
		m.told, m.exit, m.State = false, nil, c.State
	}
}

// live returns the containers in which a run is being executed; only those of ours, or all.
func (r *roster) live(ours bool) []Container {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []Container
	for _, m := range r.members {
		if m.isLive() && (!ours || r.owner.owns(m.Container)) {
			list = append(list, m.Container)
		}
	}
	return list
}

// execution is one attempt at a flow run.
type execution struct{ runID, attempt string }

// begun returns the executions that have a container which was started at some time.
func (r *roster) begun() map[execution]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := map[execution]bool{}
	for _, m := range r.members {
		if !m.neverBegan() {
			list[execution{m.runID(), m.attempt()}] = true
		}
	}
	return list
}

// superseded tells whether the run of a container is executed in another one since.
func (r *roster) superseded(c Container) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.members {
		if m.ID != c.ID && m.runID() == c.runID() && (m.isLive() || m.attempt() != c.attempt() && m.Created.After(c.Created)) {
			return true
		}
	}
	return false
}

// markStopped remembers why this agent ends a container, and returns false if it does so already.
func (r *roster) markStopped(id, why string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.members[id]
	if m == nil || m.stopped != "" {
		return false
	}
	m.stopped = why
	return true
}

// unmarkStopped lets another attempt follow one that did not reach the engine.
func (r *roster) unmarkStopped(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := r.members[id]; m != nil {
		m.stopped = ""
	}
}

// whyStopped is what markStopped was told; empty: this agent did not end the container.
func (r *roster) whyStopped(id string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := r.members[id]; m != nil {
		return m.stopped
	}
	return ""
}

// forget drops a container that was removed.
func (r *roster) forget(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.members, id)
}

// keepFailed marks the container of a failed run as one that stays, and returns those beyond the newest n.
func (r *roster) keepFailed(c Container, n int) (surplus []Container) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := r.members[c.ID]; m != nil {
		m.failed, m.Created = true, c.Created
	}
	var failed []Container
	for _, m := range r.members {
		if m.failed {
			failed = append(failed, m.Container)
		}
	}
	slices.SortFunc(failed, func(x, y Container) int { return y.Created.Compare(x.Created) })
	return failed[min(n, len(failed)):]
}

// waitNoneLive waits until none of our containers is live, or ctx ends.
func (r *roster) waitNoneLive(ctx context.Context) {
	for {
		r.mu.Lock()
		changed := r.changed
		r.mu.Unlock()
		if len(r.live(true)) == 0 {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}
