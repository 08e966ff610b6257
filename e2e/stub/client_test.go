package stub_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"
	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"

	"github.com/docker-prefect/docker-prefect/e2e/stub"
)

// dial serves the engine to Docker's own client.
func dial(t *testing.T, engine *stub.Engine) *client.Client {
	t.Helper()
	server := httptest.NewServer(engine)
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	c, err := client.NewClientWithOpts(client.WithHost("tcp://"+server.Listener.Addr().String()), client.WithAPIVersionNegotiation())
	assert.NilError(t, err)
	return c
}

// create creates a container with the label "run" of its name's value, and starts it where told to.
func create(t *testing.T, c *client.Client, name string, start bool, host *container.HostConfig) string {
	t.Helper()
	config := &container.Config{Image: "etl:7", Cmd: []string{"prefect", "execute"}, Labels: map[string]string{"run": name, "ours": ""}}
	made, err := c.ContainerCreate(t.Context(), config, host, nil, nil, name)
	assert.NilError(t, err)
	if start {
		assert.NilError(t, c.ContainerStart(t.Context(), made.ID, container.StartOptions{}))
	}
	return made.ID
}

// end waits for the end of a container and returns its exit code.
func end(t *testing.T, c *client.Client, id string, condition container.WaitCondition) int64 {
	t.Helper()
	codes, errs := c.ContainerWait(t.Context(), id, condition)
	select {
	case answer := <-codes:
		return answer.StatusCode
	case err := <-errs:
		assert.NilError(t, err)
	}
	return -1
}

func inspect(t *testing.T, c *client.Client, id string) container.InspectResponse {
	t.Helper()
	found, err := c.ContainerInspect(t.Context(), id)
	assert.NilError(t, err)
	return found
}

func labelled(labels ...string) container.ListOptions {
	args := filters.NewArgs()
	for _, l := range labels {
		args.Add("label", l)
	}
	return container.ListOptions{All: true, Filters: args}
}

func TestContainerStaysAsItEnded(t *testing.T) {
	finished := false
	engine := &stub.Engine{Life: func(name string, config map[string]any) stub.Life {
		return stub.Life{
			For: time.Millisecond, ExitCode: 137, OOMKilled: true, Output: name + " " + fmt.Sprint(config["Image"]) + "\nout of memory\n",
			Ending: func() { finished = true },
		}
	}}
	c := dial(t, engine)
	id := create(t, c, "a", false, nil)
	before := inspect(t, c, id)
	assert.Check(t, is.Equal(before.State.Status, container.StateCreated))
	assert.Check(t, is.Equal(before.State.FinishedAt, "0001-01-01T00:00:00Z"))
	assert.Check(t, is.Equal(before.Name, "/a"))
	assert.Check(t, is.Equal(before.Path+" "+strings.Join(before.Args, " "), "prefect execute"))

	codes, errs := c.ContainerWait(t.Context(), id, container.WaitConditionNextExit)
	assert.NilError(t, c.ContainerStart(t.Context(), id, container.StartOptions{}))
	select {
	case answer := <-codes:
		assert.Equal(t, answer.StatusCode, int64(137))
	case err := <-errs:
		assert.NilError(t, err)
	}
	assert.Check(t, finished, "its flow run is set before it ends")
	after := inspect(t, c, id)
	assert.Check(t, is.Equal(after.State.Status, container.StateExited))
	assert.Check(t, !after.State.Running)
	assert.Check(t, is.Equal(after.State.ExitCode, 137))
	assert.Check(t, after.State.OOMKilled)
	started, err := time.Parse(time.RFC3339Nano, after.State.StartedAt)
	assert.NilError(t, err)
	ended, err := time.Parse(time.RFC3339Nano, after.State.FinishedAt)
	assert.NilError(t, err)
	assert.Check(t, ended.After(started))
	assert.Check(t, is.Regexp("^sha256:[0-9a-f]{64}$", after.Image))
	assert.Check(t, is.Equal(after.Config.Image, "etl:7"))
	assert.Check(t, is.Equal(after.Config.Labels["run"], "a"))
	assert.Check(t, is.Equal(engine.Containers(), 1))
	assert.Check(t, is.Equal(engine.Running(), 0))
	// One that has ended is not waited for, and ends anew once it is started anew.
	assert.Check(t, is.Equal(end(t, c, id, container.WaitConditionNotRunning), int64(137)))
	assert.NilError(t, c.ContainerStart(t.Context(), id, container.StartOptions{}))
	assert.Check(t, is.Equal(end(t, c, id, container.WaitConditionNotRunning), int64(137)))

	for tail, want := range map[string]string{"all": "a etl:7\nout of memory\n", "1": "out of memory\n", "5": "a etl:7\nout of memory\n", "0": ""} {
		logs, err := c.ContainerLogs(t.Context(), id, container.LogsOptions{ShowStdout: true, ShowStderr: true, Tail: tail})
		assert.NilError(t, err)
		var out bytes.Buffer
		_, err = stdcopy.StdCopy(&out, &out, logs)
		assert.NilError(t, err)
		assert.Check(t, is.Equal(out.String(), want), tail)
	}
	logs, err := c.ContainerLogs(t.Context(), id, container.LogsOptions{ShowStdout: true, Timestamps: true, Tail: "1"})
	assert.NilError(t, err)
	var stamped bytes.Buffer
	_, err = stdcopy.StdCopy(&stamped, &stamped, logs)
	assert.NilError(t, err)
	stamp, line, _ := strings.Cut(stamped.String(), " ")
	assert.Check(t, is.Equal(line, "out of memory\n"))
	_, err = time.Parse(time.RFC3339Nano, stamp)
	assert.NilError(t, err)
	logs, err = c.ContainerLogs(t.Context(), id, container.LogsOptions{ShowStdout: true, Since: fmt.Sprint(time.Now().Add(time.Minute).Unix())})
	assert.NilError(t, err)
	rest, err := io.ReadAll(logs)
	assert.NilError(t, err)
	assert.Check(t, is.Len(rest, 0), "written before")
	_, err = c.ContainerLogs(t.Context(), id, container.LogsOptions{})
	assert.Check(t, is.ErrorContains(err, "choose at least one stream"))
}

func TestContainerIsEndedByStopKillAndForce(t *testing.T) {
	engine := &stub.Engine{}
	c := dial(t, engine)
	a, b := create(t, c, "a", true, nil), create(t, c, "b", true, nil)
	assert.NilError(t, c.ContainerStart(t.Context(), a, container.StartOptions{}), "started already")
	assert.Check(t, is.Equal(engine.Running(), 2))

	err := c.ContainerRemove(t.Context(), a, container.RemoveOptions{})
	assert.Check(t, errdefs.IsConflict(err), err)
	assert.Check(t, is.ErrorContains(err, "cannot remove a running container"))
	assert.NilError(t, c.ContainerStop(t.Context(), a, container.StopOptions{}))
	assert.NilError(t, c.ContainerStop(t.Context(), a, container.StopOptions{}), "stopped already")
	assert.Check(t, is.Equal(inspect(t, c, a).State.ExitCode, 143))
	assert.Check(t, is.ErrorContains(c.ContainerKill(t.Context(), a, "KILL"), "is not running"))

	assert.Check(t, is.ErrorContains(c.ContainerKill(t.Context(), b, "SIGNONSENSE"), "Invalid signal"))
	assert.NilError(t, c.ContainerKill(t.Context(), b, "SIGKILL"))
	assert.Check(t, is.Equal(inspect(t, c, "b").State.ExitCode, 137))
	assert.NilError(t, c.ContainerRemove(t.Context(), a, container.RemoveOptions{}))
	assert.NilError(t, c.ContainerStart(t.Context(), b, container.StartOptions{}))
	assert.NilError(t, c.ContainerRemove(t.Context(), b[:12], container.RemoveOptions{Force: true}))
	assert.Check(t, errdefs.IsNotFound(c.ContainerRemove(t.Context(), b, container.RemoveOptions{})))
	assert.Check(t, is.Equal(engine.Containers(), 0))

	create(t, c, "a", false, nil) // the name is free again
}

func TestAutoRemoveIsTheEngines(t *testing.T) {
	engine := &stub.Engine{}
	c := dial(t, engine)
	id := create(t, c, "a", true, &container.HostConfig{AutoRemove: true})
	codes, _ := c.ContainerWait(t.Context(), id, container.WaitConditionRemoved)
	assert.NilError(t, c.ContainerStop(t.Context(), id, container.StopOptions{}))
	assert.Check(t, is.Equal((<-codes).StatusCode, int64(143)))
	assert.Check(t, is.Equal(engine.Containers(), 0))
}

func TestListFiltersByLabelAndState(t *testing.T) {
	engine := &stub.Engine{}
	c := dial(t, engine)
	up, down := create(t, c, "up", true, nil), create(t, c, "down", true, nil)
	fresh := create(t, c, "fresh", false, nil)
	assert.NilError(t, c.ContainerKill(t.Context(), down, "KILL"))
	for what, want := range map[string]struct {
		options container.ListOptions
		ids     []string
	}{
		"key":           {labelled("ours"), []string{fresh, down, up}},
		"both":          {labelled("ours", "run=down"), []string{down}},
		"value":         {labelled("run=d"), nil},
		"no such key":   {labelled("theirs"), nil},
		"running":       {container.ListOptions{}, []string{up}},
		"by state":      {container.ListOptions{Filters: filters.NewArgs(filters.Arg("status", "exited"), filters.Arg("status", "created"))}, []string{fresh, down}},
		"by name":       {container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("name", "^/(up|fresh)$"))}, []string{fresh, up}},
		"by id":         {container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("id", up[:12]))}, []string{up}},
		"all and empty": {container.ListOptions{All: true}, []string{fresh, down, up}},
	} {
		list, err := c.ContainerList(t.Context(), want.options)
		assert.NilError(t, err, what)
		var ids []string
		for _, found := range list {
			ids = append(ids, found.ID)
		}
		assert.Check(t, is.DeepEqual(ids, want.ids), what)
	}
	list, err := c.ContainerList(t.Context(), container.ListOptions{All: true})
	assert.NilError(t, err)
	assert.Check(t, is.Equal(list[0].Names[0]+" "+list[0].State+" "+list[0].Status, "/fresh created Created"))
	assert.Check(t, is.Equal(list[1].State+" "+list[1].Status, "exited Exited (137) Less than a second ago"))
	assert.Check(t, is.Equal(list[2].State+" "+list[2].Status, "running Up Less than a second"))
	_, err = c.ContainerList(t.Context(), container.ListOptions{Filters: filters.NewArgs(filters.Arg("moon", "full"))})
	assert.Check(t, is.ErrorContains(err, "Invalid filter 'moon'"))
}

// story reads n events and tells each in a line.
func story(t *testing.T, messages <-chan events.Message, errs <-chan error, n int) []string {
	t.Helper()
	var lines []string
	for len(lines) < n {
		select {
		case m := <-messages:
			line := fmt.Sprintf("%s %s %s", m.Actor.Attributes["name"], m.Action, m.Actor.Attributes["run"])
			for _, key := range []string{"signal", "exitCode"} {
				if value, there := m.Actor.Attributes[key]; there {
					line += " " + key + "=" + value
				}
			}
			lines = append(lines, line)
			assert.Check(t, m.Type == events.ContainerEventType && m.Actor.ID != "" && m.TimeNano > 0)
		case err := <-errs:
			assert.NilError(t, err)
		}
	}
	return lines
}

func TestEventsTellWhatHappensToContainers(t *testing.T) {
	engine := &stub.Engine{Life: func(name string, _ map[string]any) stub.Life {
		if name == "crash" {
			return stub.Life{For: time.Millisecond, ExitCode: 1, OOMKilled: true}
		}
		return stub.Life{}
	}}
	c := dial(t, engine)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	args := filters.NewArgs(filters.Arg("type", "container"), filters.Arg("label", "run"), filters.Arg("label", "ours"))
	messages, errs := c.Events(ctx, events.ListOptions{Filters: args})
	dies, dieErrs := c.Events(ctx, events.ListOptions{Filters: filters.NewArgs(filters.Arg("event", "die"), filters.Arg("label", "run=b"))})
	began := time.Now()

	id := create(t, c, "crash", true, nil)
	assert.Check(t, is.DeepEqual(story(t, messages, errs, 4), []string{"crash create crash", "crash start crash", "crash oom crash", "crash die crash exitCode=1"}))
	assert.NilError(t, c.ContainerRemove(t.Context(), id, container.RemoveOptions{}))
	create(t, c, "b", true, nil)
	assert.NilError(t, c.ContainerStop(t.Context(), "b", container.StopOptions{}))
	assert.NilError(t, c.ContainerStart(t.Context(), "b", container.StartOptions{}))
	assert.NilError(t, c.ContainerRemove(t.Context(), "b", container.RemoveOptions{Force: true}))
	want := []string{
		"crash destroy crash", "b create b", "b start b", "b kill b signal=15", "b die b exitCode=143", "b stop b",
		"b start b", "b kill b signal=9", "b die b exitCode=137", "b destroy b",
	}
	assert.Check(t, is.DeepEqual(story(t, messages, errs, len(want)), want))
	assert.Check(t, is.DeepEqual(story(t, dies, dieErrs, 2), []string{"b die b exitCode=143", "b die b exitCode=137"}))

	// What was missed is told again.
	since := events.ListOptions{Since: fmt.Sprintf("%d.%09d", began.Unix(), began.Nanosecond()), Filters: args}
	again, againErrs := c.Events(ctx, since)
	assert.Check(t, is.DeepEqual(story(t, again, againErrs, 14)[4:], want))
	// Until a time that has passed, the stream ends by itself.
	over := events.ListOptions{Since: since.Since, Until: fmt.Sprintf("%d.%09d", began.Unix(), began.Nanosecond())}
	_, overErrs := c.Events(ctx, over)
	assert.Check(t, is.ErrorContains(<-overErrs, "EOF"))

	engine.CutEvents()
	assert.Check(t, is.ErrorContains(<-errs, "EOF"))
	afresh, afreshErrs := c.Events(ctx, events.ListOptions{})
	create(t, c, "c", false, nil)
	assert.Check(t, is.DeepEqual(story(t, afresh, afreshErrs, 1), []string{"c create c"}), "without since, nothing of before")
}

func TestEngineKeepsAsManyEventsAsDockers(t *testing.T) {
	const keeps = 256
	c := dial(t, &stub.Engine{})
	for i := range keeps {
		create(t, c, fmt.Sprintf("n-%d", i), i > 0, nil)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	messages, errs := c.Events(ctx, events.ListOptions{Since: "1"})
	assert.Check(t, is.Equal(story(t, messages, errs, keeps)[0], "n-128 create n-128"))
}
