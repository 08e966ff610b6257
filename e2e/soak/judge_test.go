package main

import (
	"testing"
	"time"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

// record makes the samples of half an hour: an agent of 26 MB that warms up for two minutes and whose heap
// goes up and down with the collector.
func record(grow func(sample, time.Duration) sample) []sample {
	const n = 360
	samples := make([]sample, n)
	for i := range samples {
		at := time.Duration(i+1) * 5 * time.Second
		warm := min(1, at.Minutes()/2)
		s := sample{
			At: at, RSS: int64(18e6+8e6*warm) + int64(i*7919%500_000),
			Heap: 6e6 + int64(i*104_729%4_000_000), Goroutines: 60 + int64(i*31%15),
		}
		if grow != nil {
			s = grow(s, at)
		}
		samples[i] = s
	}
	return samples
}

const halfAnHour = 30 * time.Minute

func TestFlatIsNoLeak(t *testing.T) {
	assert.Check(t, is.Len(judge(record(nil), halfAnHour), 0))
}

func TestOneSpikeIsNoLeak(t *testing.T) {
	spike := record(func(s sample, at time.Duration) sample {
		if at > 28*time.Minute && at < 29*time.Minute {
			s.RSS, s.Goroutines = 2*s.RSS, 3*s.Goroutines
		}
		return s
	})
	assert.Check(t, is.Len(judge(spike, halfAnHour), 0))
}

func TestWhatGrowsIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		grow func(sample, time.Duration) sample
		says string
	}{
		"300 bytes of memory a run, 10 runs a second": {
			func(s sample, at time.Duration) sample { s.RSS += int64(at.Seconds() * 3000); return s },
			"RSS grew by more than 3.1 MB: RSS: 27.1 MB in the second tenth, 31.4 MB in the last",
		},
		"100 bytes that are not collected": {
			func(s sample, at time.Duration) sample { s.Heap += int64(at.Seconds() * 1000); return s },
			"heap after collection grew by more than 1.0 MB: heap after collection: 6.3 MB in the second tenth, 7.8 MB in the last",
		},
		"a goroutine every break of the events": {
			func(s sample, at time.Duration) sample { s.Goroutines += int64(at / cutInterval); return s },
			"goroutines grew by more than 96: goroutines: 106 in the second tenth, 311 in the last",
		},
	} {
		faults := judge(record(c.grow), halfAnHour)
		if assert.Check(t, is.Len(faults, 1), name) {
			assert.Check(t, is.Equal(faults[0], c.says), name)
		}
	}
}

func TestShortSoaksHaveWiderMargins(t *testing.T) {
	grown := record(func(s sample, at time.Duration) sample { s.RSS += int64(at.Seconds() * 3000); return s })
	assert.Check(t, is.Len(judge(grown, 20*time.Second), 0))
	grown = record(func(s sample, at time.Duration) sample { s.RSS += int64(at.Seconds() * 30_000); return s })
	assert.Check(t, is.Len(judge(grown, 20*time.Second), 1))
	grown = record(func(s sample, at time.Duration) sample { s.Goroutines += int64(at.Seconds() / 10); return s })
	assert.Check(t, is.Len(judge(grown, 20*time.Second), 1), "goroutines do not warm up")
}

func TestAPoolOfConnectionsThatFillsIsNoLeak(t *testing.T) {
	filling := record(func(s sample, at time.Duration) sample { s.Goroutines += 80 * int64(at) / int64(halfAnHour); return s })
	assert.Check(t, is.Len(judge(filling, halfAnHour), 0))
}

func TestTooFewSamplesAreNoPass(t *testing.T) {
	assert.Check(t, is.DeepEqual(judge(record(nil)[341:], halfAnHour), []string{"19 samples are too few to judge by"}))
	assert.Check(t, is.Len(judge(record(nil)[340:], halfAnHour), 0))
	for _, length := range []time.Duration{minLength, time.Minute, halfAnHour, 10 * time.Hour} {
		assert.Check(t, length/sampleInterval(length) >= fewest, length)
	}
}

func TestResidentSetIsRead(t *testing.T) {
	rss, err := residentSet("Name:\tdocker-prefect\nVmHWM:\t   30000 kB\nVmRSS:\t   26412 kB\nThreads:\t9\n")
	assert.NilError(t, err)
	assert.Equal(t, rss, int64(26412<<10))
	_, err = residentSet("Name:\tdocker-prefect\nState:\tZ (zombie)\n")
	assert.ErrorContains(t, err, "no VmRSS")
}
