package agent

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/pkg/stdcopy"
)

// Events returns once the engine has confirmed that it tells, within the timeout.
func (d *Docker) Events(ctx context.Context) (<-chan Event, <-chan error) {
	const action = "watch the engine's events"
	stream, cancel := context.WithCancel(ctx)
	confirmed := time.AfterFunc(d.opts.Timeout, cancel)
	messages, fails := d.api.Events(stream, events.ListOptions{Filters: filters.NewArgs(
		filters.Arg("type", string(events.ContainerEventType)),
		filters.Arg("label", labelFlowRunID),
		filters.Arg("event", string(EventCreate)), filters.Arg("event", string(EventStart)), filters.Arg("event", string(EventOOM)),
		filters.Arg("event", string(EventDie)), filters.Arg("event", string(EventDestroy)),
	)})
	inTime := confirmed.Stop()
	told, errs := make(chan Event), make(chan error, 1)
	go func() {
		defer cancel()
		for {
			select {
			case m := <-messages:
				select {
				case told <- event(m):
				case <-ctx.Done():
				}
			case err := <-fails:
				if !inTime && ctx.Err() == nil {
					err = d.noAnswer(action, d.opts.Timeout)
				}
				errs <- d.explain(ctx, action, err)
				return
			}
		}
	}()
	return told, errs
}

// event reads the attributes of an event, among which the engine puts the container's labels.
func event(m events.Message) Event {
	state := map[EventKind]string{EventCreate: stateCreated, EventDie: stateExited, EventDestroy: stateDead}
	kind := EventKind(m.Action)
	e := Event{Kind: kind, Container: Container{
		ID: m.Actor.ID, Name: m.Actor.Attributes["name"], State: state[kind], Labels: m.Actor.Attributes,
	}}
	if e.Container.State == "" {
		e.Container.State = stateRunning
	}
	e.ExitCode, _ = strconv.Atoi(m.Actor.Attributes["exitCode"]) // absent in other events
	return e
}

// List returns all flow containers, in whatever state.
func (d *Docker) List(ctx context.Context) ([]Container, error) {
	var list []Container
	err := d.do(ctx, "list the flow containers", func(ctx context.Context) error {
		found, err := d.api.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", labelFlowRunID))})
		for _, c := range found {
			listed := Container{ID: c.ID, State: c.State, Created: time.Unix(c.Created, 0), Labels: c.Labels}
			if len(c.Names) > 0 {
				listed.Name = strings.TrimPrefix(c.Names[0], "/")
			}
			list = append(list, listed)
		}
		return err
	})
	return list, err
}

// Inspect looks at one container, by id or name.
func (d *Docker) Inspect(ctx context.Context, id string) (ContainerDetails, error) {
	found, err := d.inspect(ctx, id)
	if err != nil {
		return ContainerDetails{}, err
	}
	details := ContainerDetails{
		Container: Container{
			ID: found.ID, Name: strings.TrimPrefix(found.Name, "/"), State: found.State.Status, Created: engineTime(found.Created),
			Labels: found.Config.Labels,
		},
		ExitCode: found.State.ExitCode, OOMKilled: found.State.OOMKilled,
		FinishedAt: engineTime(found.State.FinishedAt),
		Image:      found.Config.Image, ImageID: found.Image,
	}
	if found.HostConfig != nil {
		details.Memory = found.HostConfig.Memory
	}
	return details, nil
}

func (d *Docker) inspect(ctx context.Context, id string) (container.InspectResponse, error) {
	var found container.InspectResponse
	err := d.do(ctx, fmt.Sprintf("look at container %q", id), func(ctx context.Context) (err error) {
		found, err = d.api.ContainerInspect(ctx, id)
		if err == nil && (found.ContainerJSONBase == nil || found.State == nil || found.Config == nil) {
			err = fmt.Errorf("what answers at %s tells no state of it", d.opts.Address)
		}
		return err
	})
	return found, err
}

// engineTime reads a time of the engine, which writes year 1 for "never".
func engineTime(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.Year() <= 1 {
		return time.Time{}
	}
	return t
}

// ImageDigest returns the repository digest of an image id, or the id itself where it has none.
func (d *Docker) ImageDigest(ctx context.Context, imageID string) (string, error) {
	digest := imageID
	err := d.do(ctx, "look at image "+imageID, func(ctx context.Context) error {
		found, err := d.api.ImageInspect(ctx, imageID)
		if err == nil && len(found.RepoDigests) > 0 {
			digest = found.RepoDigests[0]
		}
		return err
	})
	return digest, err
}

// Stop asks a running container to end, and kills it after the grace time.
func (d *Docker) Stop(ctx context.Context, id string, grace time.Duration) error {
	seconds := int(grace.Round(time.Second).Seconds())
	// The engine answers when the container has ended.
	err := d.doWithin(ctx, d.opts.Timeout+grace, "stop container "+short(id), func(ctx context.Context) error {
		return d.api.ContainerStop(ctx, id, container.StopOptions{Timeout: &seconds})
	})
	if errdefs.IsNotFound(err) {
		return nil
	}
	return err
}

// Remove deletes a container with its anonymous volumes, as auto-remove does. One that is missing, or
// that the engine is removing already, is not an error.
func (d *Docker) Remove(ctx context.Context, id string) error {
	err := d.do(ctx, "remove container "+short(id), func(ctx context.Context) error {
		return d.api.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true})
	})
	if errdefs.IsNotFound(err) || errdefs.IsConflict(err) {
		return nil
	}
	return err
}

// Logs copies stdout and stderr of a container to w, in the order of the engine's log.
func (d *Docker) Logs(ctx context.Context, id string, opts LogsOptions, w io.Writer) error {
	asked := container.LogsOptions{
		ShowStdout: true, ShowStderr: true, Follow: opts.Follow, Timestamps: opts.Timestamps, Tail: "all",
	}
	if opts.Tail > 0 {
		asked.Tail = strconv.Itoa(opts.Tail)
	}
	if !opts.Since.IsZero() {
		asked.Since = fmt.Sprintf("%d.%09d", opts.Since.Unix(), opts.Since.Nanosecond())
	}
	stream, err := d.api.ContainerLogs(ctx, id, asked)
	if err == nil {
		defer stream.Close()
		err = d.copyLogs(ctx, id, stream, w)
	}
	return d.explain(ctx, "copy the output of container "+short(id), err)
}

// copyLogs asks for the container once its log is open: a short-lived one may be gone by then.
func (d *Docker) copyLogs(ctx context.Context, id string, stream io.Reader, w io.Writer) error {
	found, err := d.inspect(ctx, id)
	switch {
	case err == nil && found.Config.Tty:
		_, err = io.Copy(w, stream)
	case err == nil, errdefs.IsNotFound(err):
		_, err = stdcopy.StdCopy(w, w, stream)
	}
	return err
}
