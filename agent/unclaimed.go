package agent

import (
	"sync"
	"time"
)

// unclaimed counts the runs of one answer of the queue that start in the same second and are not claimed
// yet. The queue names 25 runs at a time: once these have left it, it has room for others, which may be
// as late already, so the agent does not wait for its next poll.
type unclaimed struct {
	poke func()

	mu    sync.Mutex
	count int
	won   bool // at least one: runs that cannot be claimed do not make the agent spin
}

func (u *unclaimed) begin() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.count++
}

func (u *unclaimed) end(won bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.count--
	u.won = u.won || won
	if u.count == 0 && u.won {
		u.poke()
	}
}

// second is what a run's unclaimed are found by; the zero time for all that are due.
func second(start, now time.Time) time.Time {
	if !start.After(now) {
		return time.Time{}
	}
	return start.Truncate(time.Second)
}
