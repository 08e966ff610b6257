package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gotest.tools/v3/assert"
)

// textLog returns a logger and what it was given, as "LEVEL message" lines.
func textLog(level slog.Level) (*slog.Logger, func() []string) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	return log, func() []string {
		var lines []string
		for line := range strings.Lines(out.String()) {
			level, message, _ := strings.Cut(strings.TrimSpace(line), " msg=")
			lines = append(lines, strings.TrimPrefix(level, "level=")+" "+strings.Trim(message, `"`))
		}
		return lines
	}
}

var errDown = errors.New("no engine")

// answers plays one result after the other, and the last for good.
func answers(results ...error) (check func(context.Context) error, times *[]time.Duration) {
	begin, n := time.Now(), 0
	times = new([]time.Duration)
	return func(context.Context) error {
		*times = append(*times, time.Since(begin))
		n++
		return results[min(n, len(results))-1]
	}, times
}

func TestHeartbeatChecksAtOnceAndEveryMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, lines := textLog(slog.LevelDebug)
		check, times := answers(nil)
		ctx, cancel := context.WithTimeout(t.Context(), 150*time.Second)
		defer cancel()
		h := heartbeat{check: check, log: log}
		begin := time.Now()
		assert.NilError(t, h.run(ctx))
		assert.DeepEqual(t, *times, []time.Duration{0, time.Minute, 2 * time.Minute})
		assert.Equal(t, time.Since(begin), 150*time.Second)
		assert.DeepEqual(t, lines(), []string{
			"DEBUG Sending agent heartbeat...", "DEBUG Sending agent heartbeat...", "DEBUG Sending agent heartbeat...",
		})
	})
}

func TestHeartbeatGivesUpAfterSixFailuresInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, lines := textLog(slog.LevelDebug)
		check, times := answers(errDown)
		begin := time.Now()
		h := heartbeat{check: check, log: log}
		err := h.run(t.Context())
		assert.ErrorIs(t, err, errDown)
		assert.Error(t, err, "the container engine failed 6 checks in a row: no engine")
		assert.Equal(t, len(*times), 6)
		assert.Equal(t, time.Since(begin), 5*time.Minute)
		warning := "DEBUG Failed heartbeat: no engine"
		assert.DeepEqual(t, withoutBeats(lines()), []string{
			warning, warning, warning, warning, warning, warning,
			"ERROR Cannot reconnect to Docker daemon. Agent is shutting down.",
		})
	})
}

func TestHeartbeatForgivesFailuresOnceTheEngineAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, lines := textLog(slog.LevelDebug)
		check, times := answers(errDown, errDown, errDown, errDown, errDown, nil, nil, errDown, errDown, errDown, errDown, errDown, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 19*time.Minute+time.Second)
		defer cancel()
		h := heartbeat{check: check, log: log}
		assert.NilError(t, h.run(ctx))
		assert.Equal(t, len(*times), 20)
		warning, back := "DEBUG Failed heartbeat: no engine", "DEBUG Reconnected to Docker daemon"
		assert.DeepEqual(t, withoutBeats(lines()), []string{
			warning, warning, warning, warning, warning, back, warning, warning, warning, warning, warning, back,
		})
	})
}

// withoutBeats leaves out that a heartbeat was sent.
func withoutBeats(lines []string) []string {
	return slices.DeleteFunc(lines, func(line string) bool { return line == "DEBUG Sending agent heartbeat..." })
}

// One line when an outage begins and one when it is over, however long it takes.
func TestAnOutageOfTheEngineIsTwoLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		launcher := &fakeLauncher{checkErr: func() error {
			if since := time.Since(begin); since > 50*time.Second && since < 5*time.Minute {
				return errDown
			}
			return nil
		}}
		log, stop := running(t, Config{}, newFakeAPI(), launcher)
		after(45 * time.Second)
		said := log.count("level=INFO") + log.count("level=WARN") + log.count("level=ERROR")
		after(10 * time.Minute)
		assert.Equal(t, log.count("level=INFO")+log.count("level=WARN")+log.count("level=ERROR"), said+2, "%s", log)
		assert.Equal(t, log.count("the container engine is unavailable"), 1)
		assert.Equal(t, log.count("the container engine answers again"), 1)
		assert.NilError(t, stop())
	})
}

func TestHeartbeatDoesNotWaitForAHungEngine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, _ := textLog(slog.LevelInfo)
		var asked []time.Duration
		begin := time.Now()
		h := heartbeat{log: log, check: func(ctx context.Context) error {
			asked = append(asked, time.Since(begin))
			<-ctx.Done()
			return fmt.Errorf("ping the engine: %w", ctx.Err())
		}}
		assert.ErrorIs(t, h.run(t.Context()), context.DeadlineExceeded)
		assert.DeepEqual(t, asked, []time.Duration{0, time.Minute, 2 * time.Minute, 3 * time.Minute, 4 * time.Minute, 5 * time.Minute})
		assert.Equal(t, time.Since(begin), 5*time.Minute+heartbeatTimeout)
	})
}

func TestHeartbeatEndsQuietlyWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, lines := textLog(slog.LevelInfo)
		ctx, cancel := context.WithCancel(t.Context())
		h := heartbeat{log: log, check: func(ctx context.Context) error {
			cancel()
			<-ctx.Done()
			return ctx.Err()
		}}
		assert.NilError(t, h.run(ctx))
		assert.Equal(t, len(lines()), 0)
	})
}
