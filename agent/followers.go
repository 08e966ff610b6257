package agent

import (
	"context"
	"sync"
)

// follow runs work, which reads a container's output, until the output or the agent ends.
func (a *Agent) follow(containerID string, work func(context.Context)) {
	done := a.followers.begin(containerID)
	a.following.Go(func() {
		defer close(done)
		work(a.streams)
	})
}

// followers are those who read the output of containers. A container stays until they are through with it.
type followers struct {
	mu   sync.Mutex
	done map[string][]chan struct{} // by container
}

func (f *followers) begin(id string) chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.done == nil {
		f.done = map[string][]chan struct{}{}
	}
	done := make(chan struct{})
	f.done[id] = append(f.done[id], done)
	return done
}

// had tells whether somebody reads, or has read, the output.
func (f *followers) had(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.done[id]) > 0
}

// wait waits until all are through, and reports false if ctx ended first.
func (f *followers) wait(ctx context.Context, id string) bool {
	f.mu.Lock()
	all := f.done[id]
	f.mu.Unlock()
	for _, done := range all {
		select {
		case <-done:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// forget drops what is known of a container that is gone.
func (f *followers) forget(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.done, id)
}
