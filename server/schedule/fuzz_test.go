package schedule

import (
	"bufio"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

// FuzzSchedules reads schedules of any kind. Errors are one line; events are not before the time they are asked after,
// ascend as far as the wall clock does (see Next), and are soon found.
func FuzzSchedules(f *testing.F) {
	lines := bufio.NewScanner(recording(f))
	lines.Buffer(nil, 1<<20)
	for n := 0; lines.Scan(); n++ {
		var c pythonCase
		assert.NilError(f, json.Unmarshal(lines.Bytes(), &c))
		if n%5 == 0 {
			f.Add([]byte(c.Schedule), c.After.UnixMicro(), uint8(c.N))
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte, micro int64, n uint8) {
		begin := time.Now()
		s, err := Parse(raw)
		if err != nil {
			assert.Check(t, !strings.ContainsRune(err.Error(), '\n'), "%q", err)
			return
		}
		after := time.UnixMicro(micro)
		events := s.Next(after, int(n))
		assert.Check(t, time.Since(begin) < 20*time.Second, "took %s", time.Since(begin))
		assert.Check(t, len(events) <= int(n))
		if len(s.adjustments) > 0 {
			return
		}
		last := after
		for _, e := range events {
			assert.Check(t, !e.Time.Before(after), "%s is before %s", e.Time, after)
			assert.Check(t, !e.Time.Before(last.Add(-25*time.Hour)), "%s comes after %s", e.Time, last)
			last = e.Time
		}
	})
}
