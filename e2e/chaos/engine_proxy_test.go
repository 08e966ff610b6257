package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

// behindEngineProxy starts a proxy before an engine whose event stream says a line and goes on.
func behindEngineProxy(t *testing.T, list rates) (*engineProxy, *http.Client, *atomic.Int32) {
	t.Helper()
	dir := t.TempDir()
	var reached atomic.Int32
	engine := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached.Add(1)
		if r.URL.Path == "/events" {
			_, _ = io.WriteString(w, "event\n")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			return
		}
		_, _ = io.WriteString(w, r.URL.RawQuery)
	})}
	l, err := net.Listen("unix", filepath.Join(dir, "engine"))
	assert.NilError(t, err)
	go func() { _ = engine.Serve(l) }()
	t.Cleanup(func() { _ = engine.Close() })

	faults := newInjector(newDice(1))
	faults.enable(true)
	p := newEngineProxy("a", filepath.Join(dir, "proxy"), filepath.Join(dir, "engine"), faults, &ambush{}, &sync.RWMutex{}, &journal{to: io.Discard})
	p.rates = list
	assert.NilError(t, p.open())
	t.Cleanup(p.away)
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", p.address)
		},
	}}
	return p, client, &reached
}

func TestEngineFaults(t *testing.T) {
	for f, want := range map[fault]struct{ answered, reached bool }{
		none:    {true, true},
		delayed: {true, true},
		cut:     {false, false},
		lost:    {false, true},
	} {
		for _, path := range []string{"/containers/create?name=n", "/containers/a/start?name=n"} {
			_, client, reached := behindEngineProxy(t, always(f))
			resp, err := client.Post("http://engine"+path, "application/json", nil)
			assert.Equal(t, reached.Load() > 0, want.reached, f)
			if !want.answered {
				assert.Assert(t, err != nil, f)
				continue
			}
			assert.NilError(t, err)
			text, err := io.ReadAll(resp.Body)
			assert.NilError(t, err)
			assert.NilError(t, resp.Body.Close())
			assert.Equal(t, string(text), "name=n")
		}
	}
}

func TestEventsComeAtOnceAndTheStreamIsCut(t *testing.T) {
	p, client, _ := behindEngineProxy(t, always(none))
	p.stream = func() (time.Duration, bool) { return 100 * time.Millisecond, true }
	resp, err := client.Get("http://engine/events")
	assert.NilError(t, err)
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	line, err := lines.ReadString('\n')
	assert.NilError(t, err)
	assert.Equal(t, line, "event\n")
	_, err = lines.ReadString('\n')
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func TestNoStartWhileTheEngineIsKilled(t *testing.T) {
	p, client, reached := behindEngineProxy(t, always(none))
	answered := make(chan error, 1)
	err := restarting(p.starting, func() error {
		go func() {
			resp, err := client.Post("http://engine/containers/a/start", "", nil)
			if err == nil {
				err = resp.Body.Close()
			}
			answered <- err
		}()
		resp, err := client.Post("http://engine/containers/a/stop", "", nil)
		if err == nil {
			err = resp.Body.Close()
		}
		assert.Equal(t, reached.Load(), int32(1))
		return err
	})
	assert.NilError(t, err)
	assert.NilError(t, <-answered)
	assert.Equal(t, reached.Load(), int32(2))
}
