package plugin

import (
	"bytes"
	"log/slog"
	"regexp"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

func TestLogLinesHavePrefectsForm(t *testing.T) {
	var b bytes.Buffer
	log := newLogger(&b, slog.LevelInfo, "", "agent")
	log.Debug("not shown")
	log.With("run", "r 1").Warn("Failed heartbeat", "reason", "gone", "empty", "")
	form := regexp.MustCompile(`^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\] WARNING - agent \| Failed heartbeat run="r 1" reason=gone\n$`)
	assert.Assert(t, form.MatchString(b.String()), "%q", b.String())
}

func TestTheConfiguredFormatIsUsed(t *testing.T) {
	for _, tc := range []struct{ format, want string }{
		{"%(levelname)s:%(name)s:%(message)s", "ERROR:agent:m\n"},
		{"no message here", "] ERROR - agent | m\n"},
		{"%(message)s %(process)d", "m %(process)d\n"},
		{"%(levelname)-8s|%(name)7s|%(message)s", "ERROR   |  agent|m\n"},
	} {
		var b bytes.Buffer
		newLogger(&b, slog.LevelInfo, tc.format, "agent").Error("m")
		assert.Assert(t, bytes.HasSuffix(b.Bytes(), []byte(tc.want)), "%q", b.String())
	}
}

func TestTimesAreUTCWithMilliseconds(t *testing.T) {
	at := time.Date(2021, 3, 4, 6, 6, 7, 123999999, time.FixedZone("", 3600))
	assert.Equal(t, pythonTime(at), "2021-03-04 05:06:07,123")
}

func TestLevelNamesArePythons(t *testing.T) {
	for level, want := range map[slog.Level]string{
		slog.LevelDebug: "DEBUG", slog.LevelInfo: "INFO", slog.LevelWarn: "WARNING", slog.LevelError: "ERROR", levelCritical: "CRITICAL",
	} {
		assert.Equal(t, levelName(level), want)
	}
}
