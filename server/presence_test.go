package server

import (
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

func TestHeartbeatsAreNotJudgedAfterAnAbsence(t *testing.T) {
	now := time.Date(2022, 1, 31, 9, 0, 0, 0, time.UTC)
	p := newPresence(now, 10*time.Minute)
	known := func() bool {
		cutoff, known := p.cutoff(now)
		assert.Equal(t, cutoff, now.Add(-10*time.Minute))
		return known
	}
	stay := func(d time.Duration) {
		for end := now.Add(d); now.Before(end); now = now.Add(presenceInterval) {
			p.note(now)
		}
	}
	assert.Assert(t, !known(), "at the start")
	stay(timeToBeHeard - time.Second)
	assert.Assert(t, known())
	now = now.Add(longestBreak)
	assert.Assert(t, known(), "a pause of the scheduler of the operating system is no absence")
	now = now.Add(8 * time.Hour)
	assert.Assert(t, !known(), "after a night asleep")
	stay(timeToBeHeard - 2*presenceInterval)
	assert.Assert(t, !known())
	stay(2 * presenceInterval)
	assert.Assert(t, known())

	quick := newPresence(now, time.Second)
	_, judges := quick.cutoff(now.Add(time.Second))
	assert.Assert(t, judges, "whoever wants dead runs found in a second gets them")
}
