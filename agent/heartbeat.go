package agent

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

const (
	// heartbeatInterval and maxFailedHeartbeats are Prefect's (1.4.1 docker/agent.py): the agent gives
	// up five minutes after the first failed check.
	heartbeatInterval   = time.Minute
	maxFailedHeartbeats = 6
	// heartbeatTimeout leaves an overloaded engine time, and a slow ssh connection its handshake.
	heartbeatTimeout = 30 * time.Second
)

// heartbeat watches whether the engine answers. That it does not, and does again, is said by the gate, which
// notices first; here it is told at debug level, in Prefect's words.
type heartbeat struct {
	check func(context.Context) error
	log   *slog.Logger
}

// heartbeats watches the engine until ctx ends (nil), or the engine is given up (an error).
func (a *Agent) heartbeats(ctx context.Context) error {
	h := heartbeat{check: a.Heartbeat, log: a.log}
	return h.run(ctx)
}

// run checks at once and then every minute, until ctx ends (nil) or the sixth failure in a row, which
// the agent must not outlive: each run that it takes would fail. (In 1.4.1 only the heartbeat's own
// thread ends there.)
func (h *heartbeat) run(ctx context.Context) error {
	ticks := time.NewTicker(heartbeatInterval)
	defer ticks.Stop()
	for failures := 0; ; {
		h.log.Debug("Sending agent heartbeat...")
		err := h.beat(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			failures++
			h.log.Debug("Failed heartbeat: " + err.Error())
		case failures > 0:
			failures = 0
			h.log.Debug("Reconnected to Docker daemon")
		}
		if failures == maxFailedHeartbeats {
			h.log.Error("Cannot reconnect to Docker daemon. Agent is shutting down.")
			return fmt.Errorf("the container engine failed %d checks in a row: %w", failures, err)
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (h *heartbeat) beat(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, heartbeatTimeout)
	defer cancel()
	return h.check(limited)
}
