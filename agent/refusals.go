package agent

import (
	"sync"
	"time"
)

const (
	// refusalPause is how long a run is left alone whose claim was refused. It may stay in the queue: for 30 s
	// after a claim, Server refuses the next one, also that of a run that was scheduled again.
	refusalPause = 3 * time.Second
	// elsewherePause is how long one is left alone whose container another agent made. If that agent died
	// before it started the container, the run waits for it.
	elsewherePause = 30 * time.Second
)

// refusals are the runs that were refused lately.
type refusals struct {
	mu    sync.Mutex
	until map[string]time.Time
}

func (r *refusals) add(id string, pause time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if r.until == nil {
		r.until = map[string]time.Time{}
	}
	for other, until := range r.until {
		if !now.Before(until) {
			delete(r.until, other)
		}
	}
	r.until[id] = now.Add(pause)
}

func (r *refusals) has(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Now().Before(r.until[id])
}
