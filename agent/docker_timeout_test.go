package agent

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/containerd/errdefs"
	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

// pipes is a network in memory, whose waits a synctest bubble can see.
type pipes struct {
	conns  chan net.Conn
	closed context.Context
	close  context.CancelFunc
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed.Done():
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.close(); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-p.closed.Done():
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// inVirtualTime runs a test with an engine on the real client, where clocks move as soon as all wait.
func inVirtualTime(t *testing.T, opts DockerOptions, handlers map[string]http.HandlerFunc, test func(*testing.T, *Docker, *engineStub)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		network := &pipes{conns: make(chan net.Conn)}
		network.closed, network.close = context.WithCancel(context.Background())
		stub := &engineStub{t: t, handlers: handlers}
		server := &http.Server{Handler: stub}
		go func() { _ = server.Serve(network) }()
		docker, err := NewDockerFromURL("ssh://stub", func(string) (func(context.Context, string, string) (net.Conn, error), error) {
			return network.dial, nil
		}, opts)
		assert.NilError(t, err)
		assert.NilError(t, docker.Ping(t.Context()))
		test(t, docker, stub)
		assert.NilError(t, docker.api.Close())
		assert.NilError(t, server.Close())
	})
}

// hang never answers; the client has to lose patience.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// inTurn answers each request with the next handler, and the last for good.
func inTurn(handlers ...http.HandlerFunc) http.HandlerFunc {
	var n atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) {
		handlers[min(int(n.Add(1)), len(handlers))-1](w, r)
	}
}

func count(lines []string, line string) (n int) {
	for _, l := range lines {
		if l == line {
			n++
		}
	}
	return n
}

func TestEveryVerbGivesUpAfterTheTimeout(t *testing.T) {
	for name, tc := range map[string]struct {
		line, want string
		call       func(context.Context, *Docker) error
	}{
		"ping":    {"HEAD /_ping", "ping the engine", func(ctx context.Context, d *Docker) error { return d.Ping(ctx) }},
		"info":    {"GET /version", "ask the engine for its version", func(ctx context.Context, d *Docker) error { _, err := d.Info(ctx); return err }},
		"volume":  {"GET /volumes/v", `look for volume "v"`, func(ctx context.Context, d *Docker) error { return d.EnsureVolume(ctx, "v") }},
		"create":  {"POST /containers/create", `create container ""`, func(ctx context.Context, d *Docker) error { _, err := d.Create(ctx, anonymousSpec); return err }},
		"connect": {"POST /networks/n/connect", `connect container id to network "n"`, func(ctx context.Context, d *Docker) error { return d.Connect(ctx, "n", "id") }},
		"start":   {"POST /containers/id/start", "start container id", func(ctx context.Context, d *Docker) error { return d.Start(ctx, "id") }},
		"remove":  {"DELETE /containers/id", "remove container id", func(ctx context.Context, d *Docker) error { return d.Remove(ctx, "id") }},
		"gateway": {"GET /networks/bridge", "find the gateway of the engine's default bridge", func(ctx context.Context, d *Docker) error { _, err := d.BridgeGateway(ctx); return err }},
		"list":    {"GET /containers/json", "list the flow containers", func(ctx context.Context, d *Docker) error { _, err := d.List(ctx); return err }},
		"inspect": {"GET /containers/id/json", `look at container "id"`, func(ctx context.Context, d *Docker) error { _, err := d.Inspect(ctx, "id"); return err }},
		"image":   {"GET /images/id/json", "look at image id", func(ctx context.Context, d *Docker) error { _, err := d.ImageDigest(ctx, "id"); return err }},
		"events": {"GET /events", "watch the engine's events", func(ctx context.Context, d *Docker) error {
			_, errs := d.Events(ctx)
			return <-errs
		}},
	} {
		for _, limit := range []struct{ given, effective time.Duration }{{0, 60 * time.Second}, {5 * time.Second, 5 * time.Second}} {
			t.Run(name+" "+limit.effective.String(), func(t *testing.T) {
				inVirtualTime(t, DockerOptions{Timeout: limit.given, Address: "ssh://stub"}, map[string]http.HandlerFunc{}, func(t *testing.T, d *Docker, stub *engineStub) {
					stub.handlers[tc.line] = hang
					begin := time.Now()
					err := tc.call(t.Context(), d)
					assert.Error(t, err, tc.want+": the engine at ssh://stub gave no answer within "+limit.effective.String())
					assert.Check(t, errdefs.IsDeadlineExceeded(err))
					assert.Check(t, errdefs.IsUnavailable(err), "what it did is not known")
					assert.Equal(t, time.Since(begin), limit.effective)
				})
			})
		}
	}
}

func TestAStopWaitsForTheGraceTimeAsWell(t *testing.T) {
	inVirtualTime(t, DockerOptions{Timeout: 5 * time.Second}, map[string]http.HandlerFunc{"POST /containers/id/stop": hang}, func(t *testing.T, d *Docker, _ *engineStub) {
		begin := time.Now()
		assert.ErrorContains(t, d.Stop(t.Context(), "id", 10*time.Second), "gave no answer within 15s")
		assert.Equal(t, time.Since(begin), 15*time.Second)
	})
}

func TestTheCallersOwnDeadlineIsNotTheEnginesFault(t *testing.T) {
	inVirtualTime(t, DockerOptions{}, map[string]http.HandlerFunc{"POST /containers/id/start": hang}, func(t *testing.T, d *Docker, _ *engineStub) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		assert.Error(t, d.Start(ctx, "id"), "start container id: context deadline exceeded")
	})
}

func TestAPullMayTakeHoursButNotBeSilent(t *testing.T) {
	messages := func(n int, every time.Duration) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			for range n {
				select {
				case <-time.After(every):
				case <-r.Context().Done():
					return
				}
				_, _ = io.WriteString(w, `{"status":"Downloading","id":"abc"}`)
				w.(http.Flusher).Flush()
			}
		}
	}
	inVirtualTime(t, DockerOptions{}, map[string]http.HandlerFunc{"POST /images/create": messages(100, pullSilence-time.Second)}, func(t *testing.T, d *Docker, _ *engineStub) {
		begin, seen := time.Now(), 0
		assert.NilError(t, d.Pull(t.Context(), "team/flow", func(PullProgress) { seen++ }))
		assert.Equal(t, seen, 100)
		assert.Check(t, time.Since(begin) > 3*time.Hour)
	})
	for name, handler := range map[string]http.HandlerFunc{
		"before the first message": hang,
		"between messages":         messages(2, pullSilence+time.Second),
		"after a message":          inTurn(messages(1, 0), hang),
	} {
		t.Run(name, func(t *testing.T) {
			inVirtualTime(t, DockerOptions{}, map[string]http.HandlerFunc{"POST /images/create": func(w http.ResponseWriter, r *http.Request) {
				handler(w, r)
				hang(w, r)
			}}, func(t *testing.T, d *Docker, _ *engineStub) {
				begin := time.Now()
				err := d.Pull(t.Context(), "team/flow", nil)
				assert.Error(t, err, `pull image "team/flow": no progress for 2m0s; the registry or the engine is stuck`)
				assert.Check(t, errdefs.IsDeadlineExceeded(err))
				assert.Equal(t, time.Since(begin), pullSilence)
			})
		})
	}
}

func TestLogsAndEventsLastAsLongAsTheContainer(t *testing.T) {
	const day = 24 * time.Hour
	inVirtualTime(t, DockerOptions{}, map[string]http.HandlerFunc{
		"GET /containers/id/json": answer(`{"Id":"id","State":{},"Config":{}}`),
		"GET /containers/id/logs": func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			<-time.After(day)
			_, _ = io.WriteString(w, frame(1, "done\n"))
		},
		"GET /events": func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			<-time.After(day)
			_, _ = io.WriteString(w, `{"Type":"container","Action":"die","Actor":{"ID":"id","Attributes":{"exitCode":"3"}}}`)
		},
	}, func(t *testing.T, d *Docker, _ *engineStub) {
		begin := time.Now()
		events, _ := d.Events(t.Context())
		assert.NilError(t, d.Logs(t.Context(), "id", LogsOptions{Follow: true}, io.Discard))
		assert.Equal(t, (<-events).ExitCode, 3)
		assert.Equal(t, time.Since(begin), day)
	})
}

const (
	createLine = "POST /v1.41/containers/create"
	ours       = `{"Id":"` + fullID + `","State":{"Status":"created"},"Config":{"Labels":{"io.prefect.flow-run-id":"run-1"}}}`
)

var namedSpec = Spec{Name: "my-run", Image: "demo", Labels: map[string]string{labelFlowRunID: "run-1"}}

func TestAConflictIsLookedInto(t *testing.T) {
	missing := refuse(http.StatusNotFound, "No such container: my-run")
	conflict := refuse(http.StatusConflict, "Conflict. Something is already in use")
	for name, tc := range map[string]struct {
		create, inspect http.HandlerFunc
		check           func(t *testing.T, id string, err error)
		creates         int
	}{
		"a container being made has the name": {
			conflict, inTurn(missing, refuse(http.StatusInternalServerError, "not ready"), answer(ours)),
			func(t *testing.T, _ string, err error) { assert.ErrorIs(t, err, ErrNameTaken) }, 3,
		},
		"a container being removed had the name": {
			inTurn(conflict, answer(`{"Id":"`+fullID+`"}`)), missing,
			func(t *testing.T, id string, err error) {
				assert.NilError(t, err)
				assert.Equal(t, id, fullID)
			}, 2,
		},
		"it is not about the name": {
			conflict, missing,
			func(t *testing.T, _ string, err error) {
				assert.Error(t, err, `create container "my-run": Conflict. Something is already in use`)
				assert.Check(t, errdefs.IsConflict(err))
				assert.Check(t, !errors.Is(err, ErrNameTaken))
			}, 5,
		},
	} {
		t.Run(name, func(t *testing.T) {
			inVirtualTime(t, DockerOptions{}, map[string]http.HandlerFunc{
				"POST /containers/create":     tc.create,
				"GET /containers/my-run/json": tc.inspect,
			}, func(t *testing.T, d *Docker, stub *engineStub) {
				begin := time.Now()
				id, err := d.Create(t.Context(), namedSpec)
				tc.check(t, id, err)
				assert.Check(t, is.Equal(count(stub.lines(), createLine), tc.creates))
				assert.Check(t, time.Since(begin) < 5*time.Second)
			})
		})
	}
}

// What a create without an answer did is for the launch to find out, by repeating it.
func TestACreateWithoutAnAnswerIsNotRepeatedBlindly(t *testing.T) {
	abort := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	for name, create := range map[string]http.HandlerFunc{"timeout": hang, "connection lost": abort} {
		t.Run(name, func(t *testing.T) {
			inVirtualTime(t, DockerOptions{}, map[string]http.HandlerFunc{"POST /containers/create": create}, func(t *testing.T, d *Docker, stub *engineStub) {
				_, err := d.Create(t.Context(), namedSpec)
				assert.Check(t, errdefs.IsUnavailable(err), "%v", err)
				assert.Equal(t, count(stub.lines(), createLine), 1)
			})
		})
	}
}

func TestAConflictWithoutANameIsBelieved(t *testing.T) {
	inVirtualTime(t, DockerOptions{}, map[string]http.HandlerFunc{
		"POST /containers/create": refuse(http.StatusConflict, "volume name must be unique"),
	}, func(t *testing.T, d *Docker, _ *engineStub) {
		begin := time.Now()
		_, err := d.Create(t.Context(), anonymousSpec)
		assert.Error(t, err, `create container "": volume name must be unique`)
		assert.Equal(t, time.Since(begin), time.Duration(0))
	})
}
