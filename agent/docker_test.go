package agent

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

// engineStub answers like an Engine of API 1.41. Handlers are found by "METHOD /path" without the
// version; what has none is unknown.
type engineStub struct {
	t        *testing.T
	mu       sync.Mutex
	requests []engineRequest
	handlers map[string]http.HandlerFunc
}

type engineRequest struct {
	line string // "POST /v1.41/containers/create"
	query,
	header map[string][]string
	body string
}

func (s *engineStub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	assert.Check(s.t, err)
	s.mu.Lock()
	s.requests = append(s.requests, engineRequest{r.Method + " " + r.URL.Path, r.URL.Query(), r.Header, string(body)})
	s.mu.Unlock()
	w.Header().Set("Api-Version", "1.41")
	if handler := s.handlers[r.Method+" "+strings.TrimPrefix(r.URL.Path, "/v1.41")]; handler != nil {
		handler(w, r)
		return
	}
	if r.URL.Path != "/_ping" {
		refuse(http.StatusNotFound, "page not found")(w, r)
	}
}

// sent returns the requests since the negotiation of the version.
func (s *engineStub) sent() []engineRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	assert.Assert(s.t, len(s.requests) > 0)
	assert.Equal(s.t, s.requests[0].line, "HEAD /_ping")
	return s.requests[1:]
}

func (s *engineStub) lines() []string {
	lines := []string{}
	for _, r := range s.sent() {
		lines = append(lines, r.line)
	}
	return lines
}

func answer(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
	}
}

func refuse(status int, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]string{"message": message})
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// newStubbedDocker returns an engine on the real client, over a unix socket.
func newStubbedDocker(t *testing.T, opts DockerOptions, handlers map[string]http.HandlerFunc) (*Docker, *engineStub) {
	t.Helper()
	dir, err := os.MkdirTemp("", "stub") // t.TempDir can be longer than a socket's path may be
	assert.NilError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	stub := &engineStub{t: t, handlers: handlers}
	server := httptest.NewUnstartedServer(stub)
	server.Listener, err = net.Listen("unix", socket)
	assert.NilError(t, err)
	server.Start()
	t.Cleanup(server.Close)
	docker, err := NewDockerFromURL("unix://"+socket, nil, opts)
	assert.NilError(t, err)
	return docker, stub
}

const fullID = "3f1e9c0a7b5d4e2f8a6c1b0d9e7f5a3c2b4d6e8f0a1c3e5b7d9f1a3c5e7b9d0f"

var anonymousSpec = Spec{Image: "demo", Labels: map[string]string{labelFlowRunID: "run-1"}}

func TestCreateSendsTheWholeSpec(t *testing.T) {
	docker, stub := newStubbedDocker(t, DockerOptions{}, map[string]http.HandlerFunc{
		"POST /containers/create": answer(`{"Id":"` + fullID + `","Warnings":["swap is not limited"]}`),
	})
	id, err := docker.Create(t.Context(), Spec{
		Name:         "my-run",
		Image:        "demo:1",
		Command:      []string{"prefect", "execute", "flow-run"},
		Env:          []string{"B=2", "A=1", "GONE"},
		Labels:       map[string]string{labelFlowRunID: "run-1"},
		MountPoints:  []string{"/data", "/cache"},
		ExposedPorts: []string{"8080/tcp", "53/udp"},
		HostConfig: map[string]any{
			"AutoRemove": true, "Memory": 1 << 30, "NetworkMode": "default", "Binds": []string{"/a:/data:rw"},
			"ExtraHosts": []any{"host.docker.internal:host-gateway"}, "CpuRealtimePeriod": 5, "NanoCpus": float64(1.5e9),
			"PortBindings": map[string]any{"8080/tcp": []any{map[string]any{"HostIp": "", "HostPort": "80"}}},
		},
		Networks: []string{"first", "second"},
	})
	assert.NilError(t, err)
	assert.Equal(t, id, fullID)

	sent := stub.sent()
	assert.Equal(t, len(sent), 1)
	assert.Equal(t, sent[0].line, "POST /v1.41/containers/create")
	assert.DeepEqual(t, sent[0].query, map[string][]string{"name": {"my-run"}})

	body := unmarshal(t, sent[0].body)
	host := withoutZeros(body["HostConfig"].(map[string]any))
	delete(body, "HostConfig")
	assert.DeepEqual(t, host, unmarshal(t, `{
		"AutoRemove": true, "Memory": 1073741824, "NetworkMode": "default", "Binds": ["/a:/data:rw"],
		"ExtraHosts": ["host.docker.internal:host-gateway"], "CpuRealtimePeriod": 5, "NanoCpus": 1500000000,
		"PortBindings": {"8080/tcp": [{"HostIp": "", "HostPort": "80"}]}
	}`))
	endpoints := body["NetworkingConfig"].(map[string]any)["EndpointsConfig"].(map[string]any)
	assert.DeepEqual(t, withoutZeros(endpoints["first"].(map[string]any)), map[string]any{})
	assert.Equal(t, len(endpoints), 1, "only the first network is attached at creation")
	delete(body, "NetworkingConfig")
	assert.DeepEqual(t, body, unmarshal(t, `{
		"Image": "demo:1", "Cmd": ["prefect", "execute", "flow-run"], "Env": ["B=2", "A=1", "GONE"],
		"Labels": {"io.prefect.flow-run-id": "run-1"}, "Volumes": {"/data": {}, "/cache": {}},
		"ExposedPorts": {"8080/tcp": {}, "53/udp": {}},
		"AttachStdin": false, "AttachStdout": true, "AttachStderr": true, "Tty": false, "OpenStdin": false, "StdinOnce": false,
		"Hostname": "", "Domainname": "", "User": "", "WorkingDir": "", "Entrypoint": null, "OnBuild": null
	}`))
}

func unmarshal(t *testing.T, text string) map[string]any {
	t.Helper()
	var object map[string]any
	assert.NilError(t, json.Unmarshal([]byte(text), &object), text)
	return object
}

// withoutZeros drops what stands for "not set" in the API client's structs.
func withoutZeros(object map[string]any) map[string]any {
	maps.DeleteFunc(object, func(_ string, v any) bool {
		switch v := v.(type) {
		case []any:
			return len(v) == 0 || fmt.Sprint(v) == "[0 0]"
		case map[string]any:
			return len(withoutZeros(maps.Clone(v))) == 0
		}
		return v == nil || v == "" || v == 0.0 || v == false
	})
	return object
}

func TestCreateWithoutNetworksLeavesThemToTheEngine(t *testing.T) {
	docker, stub := newStubbedDocker(t, DockerOptions{}, map[string]http.HandlerFunc{
		"POST /containers/create": answer(`{"Id":"` + fullID + `"}`),
	})
	_, err := docker.Create(t.Context(), anonymousSpec)
	assert.NilError(t, err)
	body := unmarshal(t, stub.sent()[0].body)
	_, there := body["NetworkingConfig"]
	assert.Check(t, !there)
	assert.Check(t, is.DeepEqual(body["Volumes"], map[string]any{}))
	assert.Check(t, is.Len(stub.sent()[0].query, 0), "an empty name lets the engine choose")
}

func TestCreateRefusesAHostConfigThatTheEngineWouldMisread(t *testing.T) {
	for reason, members := range map[string]map[string]any{
		`unknown field "LxcConf"`:             {"LxcConf": []any{}},
		`unknown field "Sauce"`:               {"Mounts": []any{map[string]any{"Sauce": "/x"}}},
		`Memory cannot be a string`:           {"Memory": "1g"},
		`Memory cannot be a number 1.5`:       {"Memory": 1.5},
		`PidsLimit cannot be a bool`:          {"PidsLimit": true},
		`json: unsupported type: func()`:      {"Memory": func() {}},
		`RestartPolicy.Name cannot be a bool`: {"RestartPolicy": map[string]any{"Name": true}},
	} {
		docker, stub := newStubbedDocker(t, DockerOptions{}, nil)
		_, err := docker.Create(t.Context(), Spec{Name: "my-run", Image: "demo", HostConfig: members})
		assert.Check(t, is.Error(err, `create container "my-run": host_config: `+reason))
		assert.Check(t, is.Len(stub.requests, 0))
	}
}

func TestATakenNameIsToldFromOtherConflicts(t *testing.T) {
	docker, stub := newStubbedDocker(t, DockerOptions{}, map[string]http.HandlerFunc{
		"POST /containers/create":     refuse(http.StatusConflict, `Any text at all`),
		"GET /containers/my-run/json": answer(`{"Id":"other","State":{"Status":"exited"},"Config":{}}`),
	})
	_, err := docker.Create(t.Context(), Spec{Name: "my-run", Image: "demo"})
	assert.ErrorIs(t, err, ErrNameTaken)
	assert.Error(t, err, `create container "my-run": container name is taken`)
	assert.DeepEqual(t, stub.lines(), []string{"POST /v1.41/containers/create", "GET /v1.41/containers/my-run/json"})
}

func TestErrorsOfCreateKeepTheirKindAndTheEnginesReason(t *testing.T) {
	for code, kind := range map[int]error{
		http.StatusNotFound:            errdefs.ErrNotFound,
		http.StatusBadRequest:          errdefs.ErrInvalidArgument,
		http.StatusInternalServerError: errdefs.ErrInternal,
	} {
		docker, stub := newStubbedDocker(t, DockerOptions{}, map[string]http.HandlerFunc{
			"POST /containers/create": refuse(code, "No such image:\n\tdemo:1\n"),
		})
		_, err := docker.Create(t.Context(), Spec{Name: "my-run", Image: "demo:1", Labels: anonymousSpec.Labels})
		assert.Check(t, is.Error(err, `create container "my-run": No such image:; 	demo:1`))
		assert.Check(t, is.ErrorIs(err, kind))
		assert.Check(t, is.Len(stub.sent(), 1), "an answer is believed")
	}
}

func TestErrorsQuoteNoWholePages(t *testing.T) {
	docker, _ := newStubbedDocker(t, DockerOptions{}, map[string]http.HandlerFunc{
		"POST /containers/id/start": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			_, _ = io.WriteString(w, "<html> "+strings.Repeat("é", 1<<15))
		},
	})
	err := docker.Start(t.Context(), "id")
	assert.ErrorContains(t, err, "start container id: <html> éé")
	assert.Check(t, len(err.Error()) < maxReason+100, len(err.Error()))
	assert.Check(t, strings.HasSuffix(err.Error(), "é…"))
}

func TestVerbsSendOneRequestEach(t *testing.T) {
	for _, tc := range []struct {
		name  string
		call  func(context.Context, *Docker) error
		line  string
		query url.Values
		body  string
		code  int
	}{
		{
			"connect", func(ctx context.Context, d *Docker) error { return d.Connect(ctx, "second", fullID) },
			"POST /networks/second/connect",
			url.Values{},
			`{"Container":"` + fullID + `"}`, http.StatusOK,
		},
		{
			"start", func(ctx context.Context, d *Docker) error { return d.Start(ctx, fullID) },
			"POST /containers/" + fullID + "/start",
			url.Values{},
			"", http.StatusNoContent,
		},
		{
			"start a started one", func(ctx context.Context, d *Docker) error { return d.Start(ctx, fullID) },
			"POST /containers/" + fullID + "/start",
			url.Values{},
			"", http.StatusNotModified,
		},
		{
			"connect a connected one", func(ctx context.Context, d *Docker) error { return d.Connect(ctx, "second", fullID) },
			"POST /networks/second/connect",
			url.Values{},
			`{"Container":"` + fullID + `"}`, http.StatusForbidden,
		},
		{
			"stop", func(ctx context.Context, d *Docker) error { return d.Stop(ctx, fullID, 7*time.Second) },
			"POST /containers/" + fullID + "/stop",
			url.Values{"t": {"7"}},
			"", http.StatusNoContent,
		},
		{
			"stop one that has ended", func(ctx context.Context, d *Docker) error { return d.Stop(ctx, fullID, 7*time.Second) },
			"POST /containers/" + fullID + "/stop",
			url.Values{"t": {"7"}},
			"", http.StatusNotModified,
		},
		{
			"stop a missing one", func(ctx context.Context, d *Docker) error { return d.Stop(ctx, fullID, 7*time.Second) },
			"POST /containers/" + fullID + "/stop",
			url.Values{"t": {"7"}},
			"", http.StatusNotFound,
		},
		{
			"remove", func(ctx context.Context, d *Docker) error { return d.Remove(ctx, fullID) },
			"DELETE /containers/" + fullID,
			url.Values{"force": {"1"}, "v": {"1"}},
			"", http.StatusNoContent,
		},
		{
			"remove a missing one", func(ctx context.Context, d *Docker) error { return d.Remove(ctx, fullID) },
			"DELETE /containers/" + fullID,
			url.Values{"force": {"1"}, "v": {"1"}},
			"", http.StatusNotFound,
		},
		{
			"remove one that is being removed", func(ctx context.Context, d *Docker) error { return d.Remove(ctx, fullID) },
			"DELETE /containers/" + fullID,
			url.Values{"force": {"1"}, "v": {"1"}},
			"", http.StatusConflict,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			docker, stub := newStubbedDocker(t, DockerOptions{}, map[string]http.HandlerFunc{tc.line: status(tc.code)})
			if tc.code == http.StatusForbidden {
				stub.handlers[tc.line] = refuse(tc.code, "endpoint with name run already exists in network second")
			}
			assert.NilError(t, tc.call(t.Context(), docker))
			sent := stub.sent()
			assert.Equal(t, len(sent), 1)
			assert.Equal(t, sent[0].line, strings.Replace(tc.line, " ", " /v1.41", 1))
			assert.DeepEqual(t, url.Values(sent[0].query), tc.query)
			assert.Equal(t, strings.TrimSpace(sent[0].body), tc.body)
		})
	}
}

func TestVerbsSayWhatFailed(t *testing.T) {
	docker, _ := newStubbedDocker(t, DockerOptions{}, map[string]http.HandlerFunc{
		"POST /networks/second/connect": refuse(http.StatusNotFound, "network second not found"),
		"POST /containers/" + fullID + "/start": refuse(http.StatusInternalServerError,
			"OCI runtime create failed: exec: \"prefect\": executable file not found in $PATH: unknown"),
		"DELETE /containers/" + fullID: refuse(http.StatusInternalServerError, "driver \"overlay2\" failed to remove root filesystem"),
		"GET /volumes/data":            refuse(http.StatusInternalServerError, "get data: plugin is gone"),
		"GET /networks/bridge":         refuse(http.StatusNotFound, "network bridge not found"),
		"GET /version":                 refuse(http.StatusForbidden, "no"),
	})
	_, bridgeErr := docker.BridgeGateway(t.Context())
	_, infoErr := docker.Info(t.Context())
	for want, err := range map[string]error{
		`connect container 3f1e9c0a7b5d to network "second": network second not found`:                                          docker.Connect(t.Context(), "second", fullID),
		`start container 3f1e9c0a7b5d: OCI runtime create failed: exec: "prefect": executable file not found in $PATH: unknown`: docker.Start(t.Context(), fullID),
		`remove container 3f1e9c0a7b5d: driver "overlay2" failed to remove root filesystem`:                                     docker.Remove(t.Context(), fullID),
		`look for volume "data": get data: plugin is gone`:                                                                      docker.EnsureVolume(t.Context(), "data"),
		`copy the output of container 3f1e9c0a7b5d: page not found`:                                                             docker.Logs(t.Context(), fullID, LogsOptions{}, io.Discard),
		`find the gateway of the engine's default bridge: network bridge not found`:                                             bridgeErr,
		`ask the engine for its version: no`:                                                                                    infoErr,
	} {
		assert.Check(t, is.Error(err, want))
	}
}

func TestEnsureVolumeCreatesOnlyWhatIsMissing(t *testing.T) {
	docker, stub := newStubbedDocker(t, DockerOptions{}, map[string]http.HandlerFunc{
		"GET /volumes/there":   answer(`{"Name":"there"}`),
		"GET /volumes/missing": refuse(http.StatusNotFound, "no such volume"),
		"POST /volumes/create": answer(`{"Name":"missing"}`),
	})
	assert.NilError(t, docker.EnsureVolume(t.Context(), "there"))
	assert.NilError(t, docker.EnsureVolume(t.Context(), "missing"))
	assert.DeepEqual(t, stub.lines(), []string{
		"GET /v1.41/volumes/there", "GET /v1.41/volumes/missing", "POST /v1.41/volumes/create",
	})
	assert.DeepEqual(t, unmarshal(t, stub.sent()[2].body), unmarshal(t,
		`{"Name":"missing","Driver":"local","Labels":{"prefect_created":"true"}}`))
}

func TestPingWantsAnEngine(t *testing.T) {
	docker, stub := newStubbedDocker(t, DockerOptions{}, nil)
	assert.NilError(t, docker.Ping(t.Context()))
	assert.Equal(t, stub.requests[0].line, "HEAD /_ping")

	stub.handlers = map[string]http.HandlerFunc{"HEAD /_ping": refuse(http.StatusInternalServerError, "containerd is gone")}
	assert.ErrorContains(t, docker.Ping(t.Context()), "ping the engine: ")

	web := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer web.Close()
	docker, err := NewDockerFromURL(web.URL, nil, DockerOptions{})
	assert.NilError(t, err)
	address := strings.Replace(web.URL, "http://", "tcp://", 1)
	assert.Error(t, docker.Ping(t.Context()), "ping the engine: what answers at "+address+" is not a container engine")
}

func TestInfoIsAskedForOnceItWorks(t *testing.T) {
	docker, stub := newStubbedDocker(t, DockerOptions{}, map[string]http.HandlerFunc{
		"GET /version": refuse(http.StatusServiceUnavailable, "starting"),
	})
	_, err := docker.Info(t.Context())
	assert.Error(t, err, "ask the engine for its version: starting")

	stub.handlers["GET /version"] = answer(`{"Version":"20.10.24","ApiVersion":"1.41","Os":"linux"}`)
	stub.handlers["GET /info"] = answer(`{"Name":"box","ServerVersion":"20.10.24","NCPU":4}`)
	for range 2 {
		info, err := docker.Info(t.Context())
		assert.NilError(t, err)
		assert.DeepEqual(t, info, EngineInfo{Name: "box", Version: "20.10.24", APIVersion: "1.41", OSType: "linux", CPUs: 4})
	}
	assert.DeepEqual(t, stub.lines(), []string{"GET /v1.41/version", "GET /v1.41/version", "GET /v1.41/info"})
}

func TestInfoGoesWithoutANameBehindAGuardedSocket(t *testing.T) {
	docker, _ := newStubbedDocker(t, DockerOptions{}, map[string]http.HandlerFunc{
		"GET /version": answer(`{"Version":"28.5.2","Os":"windows"}`),
		"GET /info":    refuse(http.StatusForbidden, "not allowed"),
	})
	info, err := docker.Info(t.Context())
	assert.NilError(t, err)
	assert.DeepEqual(t, info, EngineInfo{Version: "28.5.2", APIVersion: "1.41", OSType: "windows"})
}

func TestPullAsksForTheReferenceWithFreshCredentials(t *testing.T) {
	const digest = "sha256:4bcff63911fcb4448bd4fdacec207030997caf25e9bea4045fa6c8c44de311d1"
	for ref, want := range map[string][2]string{
		"prefecthq/prefect":                   {"docker.io/prefecthq/prefect", "latest"},
		"prefecthq/prefect:1.4.1":             {"docker.io/prefecthq/prefect", "1.4.1"},
		"localhost:5000/team/flow:x":          {"localhost:5000/team/flow", "x"},
		"localhost:5000/team/flow":            {"localhost:5000/team/flow", "latest"},
		"ghcr.io/team/flow@" + digest:         {"ghcr.io/team/flow", digest},
		"ghcr.io/team/flow:ignored@" + digest: {"ghcr.io/team/flow", digest},
	} {
		var asked []string
		docker, stub := newStubbedDocker(t, DockerOptions{RegistryAuth: func(image string) (string, error) {
			asked = append(asked, image)
			return fmt.Sprintf("auth-%d", len(asked)), nil
		}}, map[string]http.HandlerFunc{"POST /images/create": answer(`{"status":"Pulling"}`)})
		assert.NilError(t, docker.Pull(t.Context(), ref, nil))
		assert.NilError(t, docker.Pull(t.Context(), ref, nil))
		for n, r := range stub.sent() {
			assert.Check(t, is.Equal(r.line, "POST /v1.41/images/create"))
			assert.Check(t, is.DeepEqual(r.query, map[string][]string{"fromImage": {want[0]}, "tag": {want[1]}}))
			assert.Check(t, is.DeepEqual(r.header["X-Registry-Auth"], []string{fmt.Sprintf("auth-%d", n+1)}))
		}
		assert.Check(t, is.DeepEqual(asked, []string{ref, ref}))
	}
}

func TestPullReportsEachMessage(t *testing.T) {
	docker, _ := newStubbedDocker(t, DockerOptions{}, map[string]http.HandlerFunc{"POST /images/create": answer(`
		{"status":"Pulling from team/flow","id":"1.0"}
		{"status":"Downloading","progressDetail":{"current":1200000,"total":3000000},"progress":"[==> ]","id":"abc"}
		{"status":"Extracting","progressDetail":{"current":2,"units":"s"},"id":"abc"}
		{"status":"Status: Downloaded newer image for team/flow:1.0"}`)})
	var seen []PullProgress
	assert.NilError(t, docker.Pull(t.Context(), "team/flow:1.0", func(p PullProgress) { seen = append(seen, p) }))
	assert.DeepEqual(t, seen, []PullProgress{
		{Layer: "1.0", Status: "Pulling from team/flow"},
		{Layer: "abc", Status: "Downloading", Detail: "1.2MB/3MB"},
		{Layer: "abc", Status: "Extracting", Detail: "2 s"},
		{Status: "Status: Downloaded newer image for team/flow:1.0"},
	})
}

func TestPullFailsWhereverTheErrorComes(t *testing.T) {
	for want, handler := range map[string]http.HandlerFunc{
		`pull image "team/flow": manifest unknown`: answer(
			`{"status":"Pulling"}{"errorDetail":{"message":"manifest unknown"},"error":"manifest unknown"}`),
		`pull image "team/flow": denied: you shall not pull`: answer(
			`{"status":"Pulling"}{"error":"denied: you shall not pull"}`),
		`pull image "team/flow": no space left on device`: answer(
			`{"errorDetail":{"code":500,"message":"no space left on device"}}{"status":"later"}`),
		`pull image "team/flow": read the progress stream: unexpected EOF`: answer(`{"status":"Pulling"}{"stat`),
		`pull image "team/flow": pull access denied`:                       refuse(http.StatusNotFound, "pull access denied"),
	} {
		docker, _ := newStubbedDocker(t, DockerOptions{}, map[string]http.HandlerFunc{"POST /images/create": handler})
		assert.Check(t, is.Error(docker.Pull(t.Context(), "team/flow", nil), want))
	}
}

func TestPullNeedsAReferenceAndCredentials(t *testing.T) {
	noHelper := DockerOptions{RegistryAuth: func(string) (string, error) { return "", fmt.Errorf("docker-credential-ecr: not found") }}
	docker, stub := newStubbedDocker(t, noHelper, nil)
	assert.Error(t, docker.Pull(t.Context(), "team/flow", nil),
		`pull image "team/flow": find credentials for its registry: docker-credential-ecr: not found`)
	docker, _ = newStubbedDocker(t, DockerOptions{}, nil)
	assert.ErrorContains(t, docker.Pull(t.Context(), "team/Flow", nil), `pull image "team/Flow": invalid reference format`)
	assert.Equal(t, len(stub.requests), 0)
}

// frame is output as an engine sends it for a container without a terminal.
func frame(stream byte, text string) string {
	header := []byte{stream, 0, 0, 0, 0, 0, 0, 0}
	binary.BigEndian.PutUint32(header[4:], uint32(len(text)))
	return string(header) + text
}

func TestLogsJoinsTheStreamsOfAContainer(t *testing.T) {
	for name, tc := range map[string]struct{ inspect, stream, want string }{
		"no terminal":    {`{"Id":"x","State":{},"Config":{"Tty":false}}`, frame(1, "out\n") + frame(2, "err\n") + frame(1, "end"), "out\nerr\nend"},
		"terminal":       {`{"Id":"x","State":{},"Config":{"Tty":true}}`, "plain\r\n", "plain\r\n"},
		"gone meanwhile": {"", frame(1, "short-lived\n"), "short-lived\n"},
	} {
		t.Run(name, func(t *testing.T) {
			docker, stub := newStubbedDocker(t, DockerOptions{}, map[string]http.HandlerFunc{
				"GET /containers/" + fullID + "/logs": answer(tc.stream),
			})
			if tc.inspect != "" {
				stub.handlers["GET /containers/"+fullID+"/json"] = answer(tc.inspect)
			}
			var out bytes.Buffer
			assert.NilError(t, docker.Logs(t.Context(), fullID, LogsOptions{Follow: true}, &out))
			assert.Equal(t, out.String(), tc.want)
			assert.Equal(t, stub.sent()[0].line, "GET /v1.41/containers/"+fullID+"/logs", "the log is opened first")
			assert.DeepEqual(t, stub.sent()[0].query, map[string][]string{
				"stdout": {"1"}, "stderr": {"1"}, "follow": {"1"}, "tail": {"all"},
			})
		})
	}
}

func TestPartsOfTheOutputCanBeAskedFor(t *testing.T) {
	docker, stub := newStubbedDocker(t, DockerOptions{}, map[string]http.HandlerFunc{
		"GET /containers/" + fullID + "/logs": answer(frame(1, "end\n")),
	})
	since := time.Date(2026, 1, 2, 3, 4, 5, 60, time.UTC)
	assert.NilError(t, docker.Logs(t.Context(), fullID, LogsOptions{Tail: 7, Since: since, Timestamps: true}, io.Discard))
	assert.DeepEqual(t, stub.sent()[0].query, map[string][]string{
		"stdout": {"1"}, "stderr": {"1"}, "tail": {"7"}, "timestamps": {"1"}, "since": {"1767323045.000000060"},
	})
}

func TestEventsAreThoseOfFlowContainers(t *testing.T) {
	docker, stub := newStubbedDocker(t, DockerOptions{}, map[string]http.HandlerFunc{
		"GET /events": answer(`{"Type":"container","Action":"create","Actor":{"ID":"c1","Attributes":{"name":"n","io.prefect.flow-run-id":"r1"}}}
			{"Type":"container","Action":"start","Actor":{"ID":"c1","Attributes":{"name":"n","io.prefect.flow-run-id":"r1"}}}
			{"Type":"container","Action":"die","Actor":{"ID":"c1","Attributes":{"name":"n","io.prefect.flow-run-id":"r1","exitCode":"137"}}}
			{"Type":"container","Action":"destroy","Actor":{"ID":"c1","Attributes":{"name":"n","io.prefect.flow-run-id":"r1"}}}`),
	})
	events, broken := docker.Events(t.Context())
	want := []struct {
		kind  EventKind
		state string
		code  int
	}{{EventCreate, stateCreated, 0}, {EventStart, stateRunning, 0}, {EventDie, stateExited, 137}, {EventDestroy, stateDead, 0}}
	for _, w := range want {
		e := <-events
		assert.Equal(t, e.Kind, w.kind)
		assert.Equal(t, e.Container.State, w.state)
		assert.Equal(t, e.ExitCode, w.code)
		assert.Equal(t, e.Container.ID, "c1")
		assert.Equal(t, e.Container.Name, "n")
		assert.Equal(t, e.Container.runID(), "r1")
	}
	err := <-broken
	assert.Error(t, err, "watch the engine's events: EOF")
	assert.Assert(t, errdefs.IsUnavailable(err), "a stream that ends is a reason to look again")
	var filters map[string]map[string]bool
	assert.NilError(t, json.Unmarshal([]byte(stub.sent()[0].query["filters"][0]), &filters))
	assert.DeepEqual(t, filters, map[string]map[string]bool{
		"type": {"container": true}, "label": {"io.prefect.flow-run-id": true},
		"event": {"create": true, "start": true, "oom": true, "die": true, "destroy": true},
	})
}

func TestAListHasTheStatesAndLabelsOfContainers(t *testing.T) {
	docker, stub := newStubbedDocker(t, DockerOptions{}, map[string]http.HandlerFunc{
		"GET /containers/json": answer(`[{"Id":"c1","Names":["/n1"],"State":"exited","Created":1767323045,"Labels":{"io.prefect.flow-run-id":"r1"}},{"Id":"c2","Names":[],"State":"running"}]`),
	})
	list, err := docker.List(t.Context())
	assert.NilError(t, err)
	assert.DeepEqual(t, list, []Container{
		{ID: "c1", Name: "n1", State: "exited", Created: time.Unix(1767323045, 0), Labels: map[string]string{"io.prefect.flow-run-id": "r1"}},
		{ID: "c2", State: "running", Created: time.Unix(0, 0)},
	})
	assert.DeepEqual(t, stub.sent()[0].query, map[string][]string{"all": {"1"}, "filters": {`{"label":{"io.prefect.flow-run-id":true}}`}})
}

func TestAnInspectionTellsHowAContainerEnded(t *testing.T) {
	docker, _ := newStubbedDocker(t, DockerOptions{}, map[string]http.HandlerFunc{
		"GET /containers/n1/json": answer(`{"Id":"c1","Name":"/n1","Image":"sha256:1","Created":"2026-01-02T03:04:05.6Z",
			"State":{"Status":"exited","ExitCode":137,"OOMKilled":true,"StartedAt":"2026-01-02T03:04:06Z","FinishedAt":"0001-01-01T00:00:00Z"},
			"HostConfig":{"Memory":1024},"Config":{"Image":"flow:1","Labels":{"a":"b"}}}`),
		"GET /containers/odd/json": answer(`{"Id":"c1"}`),
	})
	found, err := docker.Inspect(t.Context(), "n1")
	assert.NilError(t, err)
	assert.DeepEqual(t, found, ContainerDetails{
		Container: Container{ID: "c1", Name: "n1", State: "exited", Created: time.Date(2026, 1, 2, 3, 4, 5, 600_000_000, time.UTC), Labels: map[string]string{"a": "b"}},
		ExitCode:  137, OOMKilled: true, Image: "flow:1", ImageID: "sha256:1", Memory: 1024,
	})
	_, err = docker.Inspect(t.Context(), "odd")
	assert.ErrorContains(t, err, "tells no state of it")
}

func TestImagesAreNamedByTheirDigestInARepository(t *testing.T) {
	docker, _ := newStubbedDocker(t, DockerOptions{}, map[string]http.HandlerFunc{
		"GET /images/sha256:1/json": answer(`{"Id":"sha256:1","RepoDigests":["reg.io/flow@sha256:9"]}`),
		"GET /images/sha256:2/json": answer(`{"Id":"sha256:2"}`),
	})
	for id, want := range map[string]string{"sha256:1": "reg.io/flow@sha256:9", "sha256:2": "sha256:2"} {
		digest, err := docker.ImageDigest(t.Context(), id)
		assert.NilError(t, err)
		assert.Equal(t, digest, want)
	}
}

func TestBridgeGatewayIsTheHostsAddressOnTheBridge(t *testing.T) {
	for want, config := range map[string]string{
		"172.17.0.1":   `[{"Subnet":"172.17.0.0/16"}]`,
		"10.200.0.254": `[{"Subnet":"10.200.0.0/24","Gateway":"10.200.0.254"}]`,
		"192.168.7.1":  `[{"Subnet":"2001:db8::/64","Gateway":"2001:db8::1"},{"Subnet":"192.168.7.5/24"}]`,
	} {
		docker, _ := newStubbedDocker(t, DockerOptions{}, map[string]http.HandlerFunc{
			"GET /networks/bridge": answer(`{"Name":"bridge","IPAM":{"Config":` + config + `}}`),
		})
		gateway, err := docker.BridgeGateway(t.Context())
		assert.NilError(t, err)
		assert.Check(t, is.Equal(gateway, want))
	}
	docker, _ := newStubbedDocker(t, DockerOptions{}, map[string]http.HandlerFunc{"GET /networks/bridge": answer(`{"Name":"bridge"}`)})
	_, err := docker.BridgeGateway(t.Context())
	assert.ErrorContains(t, err, "the bridge has no IPv4 subnet")
}

func TestAnUnreachableEngineIsNamed(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	refused := strings.TrimPrefix(closed.URL, "http://")
	broken := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer broken.Close()
	dropped := strings.TrimPrefix(broken.URL, "http://")
	for address, want := range map[string]string{
		"unix:///nowhere/docker.sock": "start container id: Cannot connect to the Docker daemon at unix:///nowhere/docker.sock. Is the docker daemon running?",
		refused:                       "start container id: Cannot connect to the Docker daemon at tcp://" + refused + ". Is the docker daemon running?",
		dropped:                       "start container id: the connection to the engine at tcp://" + dropped + " failed: EOF",
	} {
		docker, err := NewDockerFromURL(address, nil, DockerOptions{})
		assert.NilError(t, err)
		err = docker.Start(t.Context(), "id")
		assert.Check(t, is.Error(err, want))
		assert.Check(t, errdefs.IsUnavailable(err))
	}
}

func TestHTTPSAddressesAreVerified(t *testing.T) {
	server := httptest.NewUnstartedServer(nil)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	server.StartTLS()
	defer server.Close()
	docker, err := NewDockerFromURL(server.URL, nil, DockerOptions{})
	assert.NilError(t, err)
	assert.ErrorContains(t, docker.Ping(t.Context()), "certificate")
}

func TestACancelledCallSaysSo(t *testing.T) {
	docker, _ := newStubbedDocker(t, DockerOptions{}, nil)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(fmt.Errorf("enough"))
	for _, err := range []error{docker.Start(ctx, "id"), docker.Pull(ctx, "x/y", nil), docker.Logs(ctx, "id", LogsOptions{}, io.Discard)} {
		assert.Check(t, is.ErrorIs(err, context.Canceled))
	}
}
