package agent

import (
	"context"
	"maps"
	"slices"
	"sync"
)

// inFlight holds the runs between the poll that found them and their launch, so that no later poll
// takes them again.
type inFlight struct {
	mu   sync.Mutex
	runs map[string]chan struct{} // by id; closed when the run has landed
}

// add reports false if the run is in flight already.
func (f *inFlight) add(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.runs[id] != nil {
		return false
	}
	f.runs[id] = make(chan struct{})
	return true
}

func (f *inFlight) has(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.runs[id] != nil
}

func (f *inFlight) remove(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.runs[id])
	delete(f.runs, id)
}

func (f *inFlight) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.runs)
}

func (f *inFlight) ids() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Collect(maps.Keys(f.runs))
}

// wait waits until the run is not in flight, and reports false if ctx ended first.
func (f *inFlight) wait(ctx context.Context, id string) bool {
	f.mu.Lock()
	landed := f.runs[id]
	f.mu.Unlock()
	if landed == nil {
		return true
	}
	select {
	case <-landed:
		return true
	case <-ctx.Done():
		return false
	}
}
