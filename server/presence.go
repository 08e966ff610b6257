package server

import (
	"sync"
	"time"
)

const (
	presenceInterval = 10 * time.Second
	longestBreak     = time.Minute     // between two notes, before it counts as an absence
	timeToBeHeard    = 2 * time.Minute // a process beats each 30 s, and its client repeats a failed request for a minute
)

// presence knows since when this server has been there without a break. An old heartbeat says nothing about a process
// while nobody could receive a new one: because the server was down, or the whole machine asleep. Prefect Server does
// not make this difference, and fails what runs after each such absence.
type presence struct {
	staleAfter time.Duration

	lock        sync.Mutex
	since, last time.Time
}

func newPresence(now time.Time, staleAfter time.Duration) *presence {
	return &presence{staleAfter: staleAfter, since: now, last: now}
}

// note says that the server is there.
func (p *presence) note(now time.Time) {
	now = now.Round(0) // the monotonic clock stands still while a machine sleeps
	p.lock.Lock()
	defer p.lock.Unlock()
	if now.Sub(p.last) > longestBreak {
		p.since = now
	}
	p.last = now
}

// cutoff gives the time before which a heartbeat is stale; not known until live processes have had time to be heard.
func (p *presence) cutoff(now time.Time) (time.Time, bool) {
	p.note(now)
	p.lock.Lock()
	defer p.lock.Unlock()
	return now.Add(-p.staleAfter), now.Sub(p.since) >= min(timeToBeHeard, p.staleAfter)
}
