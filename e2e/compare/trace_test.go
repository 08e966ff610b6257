//go:build e2e

package compare

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gotest.tools/v3/assert"

	"github.com/docker-prefect/docker-prefect/e2e/stub"
)

// TestMain lets many agents run at a time: most of their time they wait.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "6"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	os.Exit(m.Run())
}

// trace is all that an agent asked of the API, and all that it asked the engine to do, in order, in a form
// that is the same for equal behaviour: times stand for what they are relative to now, ports and members
// that say nothing are left out.
type trace []event

type event struct {
	Ask    string            `json:"ask"` // "api set_flow_run_states", "engine POST /containers/create"
	Header map[string]string `json:"header,omitempty"`
	Select []string          `json:"select,omitempty"` // what an answer of the API shall hold
	With   map[string]any    `json:"with,omitempty"`   // arguments; query and body
}

// recorder collects events from both stubs.
type recorder struct {
	mu     sync.Mutex
	now    func() time.Time
	events trace
}

func (r *recorder) add(e event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

func (r *recorder) call(c stub.Call) {
	e := event{Ask: "api " + c.Field, Header: map[string]string{}, Select: c.Selection}
	for name := range c.Header {
		if name == "Authorization" || strings.HasPrefix(name, "X-Prefect-") {
			e.Header[name] = c.Header.Get(name)
		}
	}
	e.With, _ = relative(c.Arguments, r.now()).(map[string]any)
	r.add(e)
}

// request leaves questions out: how often an agent asks the engine for its version changes nothing.
func (r *recorder) request(req stub.Request) {
	if !req.Changes() {
		return
	}
	e := event{Ask: "engine " + req.Method + " " + req.Path, With: map[string]any{}}
	for name, values := range req.Query {
		e.With["?"+name] = strings.Join(values, ",")
	}
	if auth := req.Header.Get("X-Registry-Auth"); auth != "" {
		e.Header = map[string]string{"X-Registry-Auth": auth}
	}
	if body, ok := withoutZeros(req.Body).(map[string]any); ok {
		maps.Copy(e.With, body)
	}
	r.add(e)
}

// relative replaces the times that an agent reckons from now, within what a slow machine adds.
func relative(v any, now time.Time) any {
	switch v := v.(type) {
	case map[string]any:
		object := map[string]any{}
		for key, member := range v {
			object[key] = relative(member, now)
		}
		return object
	case []any:
		list := make([]any, 0, len(v))
		for _, element := range v {
			list = append(list, relative(element, now))
		}
		return list
	case string:
		t, err := time.Parse(time.RFC3339, v)
		if err != nil {
			return v
		}
		switch ahead := t.Sub(now); {
		case ahead > 0 && ahead <= 10*time.Second:
			return "<now + 10 s>"
		case ahead > -13*time.Second && ahead <= -3*time.Second:
			return "<now - 3 s>"
		}
	}
	return v
}

// withoutZeros drops members that the engine reads like absent ones.
func withoutZeros(v any) any {
	switch v := v.(type) {
	case map[string]any:
		object := map[string]any{}
		for key, member := range v {
			if member = withoutZeros(member); member != nil {
				object[key] = member
			}
		}
		// An endpoint or a port is there by its name, though nothing is said about it.
		for _, names := range []string{"EndpointsConfig", "ExposedPorts", "Volumes"} {
			if set, ok := v[names].(map[string]any); ok && len(set) > 0 {
				object[names] = slices.Sorted(maps.Keys(set))
			}
		}
		if len(object) == 0 {
			return nil
		}
		return object
	case []any:
		if !slices.ContainsFunc(v, func(element any) bool { return !isZero(element) }) {
			return nil
		}
		list := make([]any, 0, len(v))
		for _, element := range v {
			if cleaned := withoutZeros(element); cleaned != nil {
				element = cleaned
			} else if _, isObject := element.(map[string]any); isObject {
				element = map[string]any{}
			}
			list = append(list, element)
		}
		return list
	}
	if isZero(v) {
		return nil
	}
	return v
}

func isZero(v any) bool { return v == nil || reflect.ValueOf(v).IsZero() }

// record runs an agent against fresh stubs until it ends and returns what it asked.
func record(t *testing.T, c testCase, program string, before ...string) trace {
	t.Helper()
	rec := &recorder{now: time.Now}
	api := &stub.API{OnCall: rec.call}
	engine := &stub.Engine{OnRequest: rec.request, Refuse: c.refuse, PullError: c.pullError}
	if c.run != nil {
		api.Add(c.run())
	}

	server := httptest.NewServer(api)
	defer server.Close()
	// Not t.TempDir, whose path is too long for a socket's.
	home, err := os.MkdirTemp("", "compare")
	assert.NilError(t, err)
	defer func() { _ = os.RemoveAll(home) }()
	socket := filepath.Join(home, "engine.sock")
	listener, err := engine.Listen(socket)
	assert.NilError(t, err)
	defer listener.Close()
	for _, name := range c.taken {
		takeName(t, engine, name)
	}
	rec.events = nil

	address, err := url.Parse(server.URL)
	assert.NilError(t, err)
	// Far above what an agent needs for one poll, so that only a hang is cut short.
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	args := slices.Concat(before, []string{"agent", "docker", "start", "--base-url", "unix://" + socket, "--max-polls", "1"}, c.args)
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = []string{
		"HOME=" + home, "DOCKER_CONFIG=" + home, "PATH=/usr/bin:/bin",
		// Containers are told "localhost" under another name, with this port.
		"PREFECT__SERVER__PORT=" + address.Port(), "PREFECT__SERVER__HOST=http://localhost", "PREFECT__CLOUD__ENDPOINT=" + server.URL,
		"PREFECT__BACKEND=server", "GORACE=" + os.Getenv("GORACE"),
	}
	for _, v := range c.env {
		cmd.Env = append(cmd.Env, strings.ReplaceAll(v, "$API", server.URL))
	}
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, output)
	}
	return withoutPort(t, rec.events, address.Port())
}

// takeName has a container of the name in the engine before the agent comes.
func takeName(t *testing.T, engine *stub.Engine, name string) {
	t.Helper()
	w := httptest.NewRecorder()
	engine.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/containers/create?name="+name, strings.NewReader("{}")))
	assert.Equal(t, w.Code, http.StatusCreated)
}

// anIdentity is what an agent of ours calls itself, a hash.
var anIdentity = regexp.MustCompile(`("agent"|"org\.docker-prefect\.agent"):"[0-9a-f]{16}"`)

// withoutPort replaces the port that the stub happened to get, and hashes.
func withoutPort(t *testing.T, events trace, port string) trace {
	t.Helper()
	text := strings.ReplaceAll(string(encode(t, events)), ":"+port, ":PORT")
	text = anIdentity.ReplaceAllString(text, `$1:"IDENTITY"`)
	return decode(t, []byte(text))
}

// encode writes an event a line.
func encode(t *testing.T, events trace) []byte {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, e := range events {
		assert.NilError(t, enc.Encode(e))
	}
	return b.Bytes()
}

func decode(t *testing.T, text []byte) trace {
	t.Helper()
	var events trace
	for dec := json.NewDecoder(bytes.NewReader(text)); dec.More(); {
		var e event
		assert.NilError(t, dec.Decode(&e))
		events = append(events, e)
	}
	return events
}

// recordingOf is the file with what Python's agent asked.
func recordingOf(c testCase) string {
	return fmt.Sprintf("%s.jsonl", strings.ReplaceAll(c.name, " ", "-"))
}
