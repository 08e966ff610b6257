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
	// adoptWindow and adoptInterval bound the search for the container of a create whose answer did
	// not come: a flooded engine finishes it some seconds late.
	adoptWindow   = 15 * time.Second
	adoptInterval = 500 * time.Millisecond
)

// foundContainer is what the engine tells of an existing container, as far as it matters here.
type foundContainer struct {
	id     string
	fresh  bool // created and never started
	labels map[string]string
	tty    bool
}

// Create makes the container without starting it.
//
// The engine answers "conflict" for more than taken names, so Create looks for the container that has
// the name. If there is none, one is just being made or removed: Create tries again for some seconds,
// after which the conflict is about something else.
func (d *Docker) Create(ctx context.Context, spec Spec) (string, error) {
	for pause := firstConflictPause; ; pause *= 2 {
		id, err := d.createOnce(ctx, spec)
		if !errdefs.IsConflict(err) || spec.Name == "" {
			return id, err
		}
		if _, missing := d.findContainer(ctx, spec.Name); missing == nil {
			return "", fmt.Errorf("create container %q: %w", spec.Name, ErrNameTaken)
		}
		if pause > maxConflictPause || !sleep(ctx, pause) {
			return "", err
		}
	}
}

// createOnce does not believe a missing answer: the container may have been made all the same.
func (d *Docker) createOnce(ctx context.Context, spec Spec) (string, error) {
	id, err := d.createContainer(ctx, spec)
	if errdefs.IsDeadlineExceeded(err) || errdefs.IsUnavailable(err) {
		if made := d.adopt(ctx, spec); made != "" {
			return made, nil
		}
	}
	return id, err
}

// adopt returns the id of the container that a create of this spec made. It is empty if none comes up
// before the window ends, the name is another run's, or the engine still does not answer.
func (d *Docker) adopt(ctx context.Context, spec Spec) string {
	runID := spec.Labels[labelFlowRunID]
	if spec.Name == "" || runID == "" {
		return ""
	}
	for range adoptWindow / adoptInterval {
		found, err := d.findContainer(ctx, spec.Name)
		switch {
		case err == nil && found.fresh && found.labels[labelFlowRunID] == runID:
			return found.id
		case err == nil, errdefs.IsDeadlineExceeded(err), errdefs.IsUnavailable(err):
			return ""
		}
		if !sleep(ctx, adoptInterval) {
			return ""
		}
	}
	return ""
}
