package agent

import (
	"context"
	"fmt"
	"time"

	"github.com/containerd/errdefs"
)

const (
	// firstConflictPause doubles up to maxConflictPause, some four seconds in all: longer than an
	// engine takes from reserving a name to showing its container.
	firstConflictPause = 250 * time.Millisecond
	maxConflictPause   = 2 * time.Second
)

// Create makes the container without starting it.
//
// The engine answers "conflict" for more than taken names, so Create looks for the container that has
// the name. If there is none, one is just being made or removed: Create tries again for some seconds,
// after which the conflict is about something else.
func (d *Docker) Create(ctx context.Context, spec Spec) (string, error) {
	for pause := firstConflictPause; ; pause *= 2 {
		id, err := d.createContainer(ctx, spec)
		if !errdefs.IsConflict(err) || spec.Name == "" {
			return id, err
		}
		if _, missing := d.inspect(ctx, spec.Name); missing == nil {
			return "", fmt.Errorf("create container %q: %w", spec.Name, ErrNameTaken)
		}
		if pause > maxConflictPause || !sleep(ctx, pause) {
			return "", err
		}
	}
}
