package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"

	"github.com/docker-prefect/docker-prefect/graphql"
)

// checkText checks an error that people are shown.
func checkText(t *testing.T, err error) {
	t.Helper()
	assert.Check(t, err.Error() != "" && !strings.ContainsAny(err.Error(), "\r\n"), "%q", err.Error())
}

// ownEnv are variables that a run config cannot set.
var ownEnv = map[string]string{
	"PREFECT__BACKEND": "server", "PREFECT__CLOUD__API_KEY": "key", "PREFECT__CLOUD__AUTH_TOKEN": "key", "PREFECT__CLOUD__TENANT_ID": "tenant",
	"PREFECT__CONTEXT__FLOW_RUN_ID": someRunID, "PREFECT__CONTEXT__IMAGE": "etl:7", "PREFECT__CLOUD__USE_LOCAL_SECRETS": "false",
}

func FuzzRunConfig(f *testing.F) {
	for _, members := range []string{
		`"env": {"A": 1, "B": null, "PREFECT__CLOUD__API_KEY": "mine", "PREFECT__BACKEND": null}`, `"env": {"": "", "A=B": [1, {"c": 1e400}], "A": -0.0}`,
		`"env": []`, `"image": ""`, `"image": null`, `"image": 7`, `"ports": [80, "443", 1.0, 70000]`, `"ports": "80"`, `"labels": ["a", 1]`,
		`"command": ["sh", "-c", "x"]`, `"command": [null]`, `"host_config": {"network_mode": "host"}`, `"host_config": [], "env": {"` + "é\xff" + `": "\ud800"}`,
		`"env": {"PREFECT__CLOUD__SEND_FLOW_RUN_LOGS": "false"}`,
	} {
		f.Add(`{"type": "DockerRun", ` + members + `}`)
		f.Add(`{"type": "UniversalRun", ` + members + `}`)
	}
	for _, doc := range []string{``, `null`, `[]`, `{}`, `{"type": "LocalRun"}`, `{"type": ["x\ny"]}`, `{"type": "a", "type": "DockerRun"}`} {
		f.Add(doc)
	}
	f.Fuzz(func(t *testing.T, doc string) {
		run := graphql.FlowRun{ID: someRunID, RunConfig: json.RawMessage(doc)}
		rc, err := parseRunConfig(run)
		if err != nil {
			checkText(t, err)
			assert.Check(t, !rc.given)
			return
		}
		for _, port := range rc.ports {
			assert.Check(t, port >= 0 && port <= 65535)
		}
		cfg := Config{APIURL: "http://localhost:4200", APIKey: "key", TenantID: "tenant", Backend: "server", SendFlowRunLogs: true, ServerPort: 4200}
		env := populateEnvVars(cfg, run, rc, "etl:7")
		seen := map[string]string{}
		for _, entry := range env {
			key, value, _ := strings.Cut(entry, "=")
			if _, twice := seen[key]; twice && !slices.ContainsFunc(rc.env, func(v EnvVar) bool { return strings.HasPrefix(v.Key, key+"=") }) {
				t.Errorf("%q is there twice", key)
			}
			seen[key] = value // of two, the engine takes the last
		}
		for key, value := range ownEnv {
			assert.Check(t, is.Equal(seen[key], value), key)
		}
	})
}

func FuzzImage(f *testing.F) {
	docker := `{"type": "Docker", "registry_url": "reg.example.com/team/", "image_name": "etl", "image_tag": "7"}`
	for _, environment := range []string{``, `null`, `{}`, `[]`, `{"metadata": {"image": "old:1"}}`, `{"metadata": {"image": 1}}`, `{"metadata": []}`} {
		for _, storage := range []string{``, `null`, docker, `{"type": "Local"}`, `{"type": ["x\n"]}`, `{"type": "Docker", "image_name": "/../x", "image_tag": ""}`, `{"type": "Docker", "registry_url": "//a", "image_name": ".", "image_tag": "t"}`, `[`} {
			f.Add(environment, storage, ``, "1.4.1")
		}
		f.Add(environment, docker, `{"type": "DockerRun", "image": "mine:2"}`, "0.13.0+2.gabc")
		f.Add(environment, ``, `{"type": "DockerRun", "image": "", "command": ["x"]}`, "+")
	}
	f.Fuzz(func(t *testing.T, environment, storage, config, version string) {
		run := graphql.FlowRun{ID: someRunID, RunConfig: json.RawMessage(config), Flow: graphql.Flow{
			Name: "etl", CoreVersion: version, Environment: json.RawMessage(environment), Storage: json.RawMessage(storage),
		}}
		rc, err := parseRunConfig(run)
		if err != nil {
			return
		}
		command := flowRunCommand(version)
		assert.Check(t, len(command) == 3 && command[0] == "prefect")
		image, err := resolveImage(run, rc)
		if err != nil {
			checkText(t, err)
			assert.Check(t, image == "")
			return
		}
		assert.Check(t, image != "")
		// What it is given is judged, not believed.
		for _, err := range []error{checkRegistry(image, []string{"docker.io"}), Policy{images: []string{"docker.io/**"}}.checkImage(image)} {
			if err != nil {
				checkText(t, err)
			}
		}
	})
}

func FuzzPullStream(f *testing.F) {
	for _, stream := range []string{
		`{"status":"Pulling from etl","id":"7"}` + "\r\n" + `{"status":"Downloading","progressDetail":{"current":1,"total":2},"id":"a"}`,
		`{"status":"Extracting","progressDetail":{"current":9223372036854775807,"total":-1,"units":"s"}}{"error":"denied"}`,
		`{"errorDetail":{"message":"manifest unknown` + `\n\r` + `x"},"error":"y"}`, `{"progressDetail":"half"}`, `null`, `[]`, `<html>`, `{"status":`, "",
	} {
		f.Add(stream)
	}
	f.Fuzz(func(t *testing.T, stream string) {
		var whole, pieces []PullProgress
		err := readPullStream(strings.NewReader(stream), func(p PullProgress) { whole = append(whole, p) })
		again := readPullStream(iotest.OneByteReader(strings.NewReader(stream)), func(p PullProgress) { pieces = append(pieces, p) })
		assert.Check(t, is.DeepEqual(whole, pieces))
		assert.Check(t, is.Equal(fmt.Sprint(err), fmt.Sprint(again)))
		assert.Check(t, len(whole) <= len(stream), "no message without text")
		if err != nil {
			checkText(t, newEngineError("pull", "address", false, err))
		}
	})
}

func FuzzEngineError(f *testing.F) {
	for _, text := range []string{"", "Error response from daemon: no space\r\nleft", "\n\n", strings.Repeat("é", 2*maxReason), "\xff\xfe", "a\x00b"} {
		f.Add("create container \"x\"", text)
	}
	f.Fuzz(func(t *testing.T, action, text string) {
		if strings.ContainsAny(action, "\r\n") {
			return // ours
		}
		cause := errors.New(text)
		err := newEngineError(action, "unix:///x", false, cause)
		checkText(t, err)
		assert.Check(t, is.ErrorContains(err, action+": "))
		assert.Check(t, len(err.Error()) <= len(action)+len(": ")+3*maxReason)
		assert.Check(t, errors.Is(err, cause))
	})
}

// FuzzEngineAnswers gives the requests of the engine's client any answer: create the first, all others the second.
func FuzzEngineAnswers(f *testing.F) {
	for _, body := range []string{
		`{}`, `null`, `[]`, ``, `"x"`, `<html>`, `{"message": "a\nb"}`, `{"message": 1}`, `{"Id": "a", "State": null, "Config": null}`, `{"Id": "a", "State": {}}`,
		`{"Id": "abc", "Name": "/x", "State": {"Status": "created"}, "Config": {"Labels": {"io.prefect.flow-run-id": "r"}}}`, `{"ID": "abc", "Version": "20.10"}`,
		`{"IPAM": {"Config": [{"Subnet": "172.17.0.0/16"}, {"Gateway": "x", "Subnet": "::/0"}]}}`, `{"IPAM": {"Config": [{"Gateway": "172.17.0.1"}]}}`,
		`{"Type":"container","Action":"die","Actor":{"ID":"c","Attributes":{"exitCode":"x","name":"n"}}}{"Action":1}`,
		`[{"Id":"a","Names":[],"State":"exited","Labels":null},{"Names":["/"]}]`, `{"Id":"a","State":{"StartedAt":"x"},"Config":{},"HostConfig":null}`,
		`{"status": "x"}{"error": "y"}`, strings.Repeat("long\n", 10_000),
	} {
		f.Add(201, `{"Id": "abc"}`, 200, body)
		f.Add(409, `{"message": "Conflict. The name is in use"}`, 200, body)
		f.Add(500, body, 404, body)
	}
	var createStatus, status int
	var created, body string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		w.Header().Set("Content-Type", "application/json")
		answer, code := body, status
		if strings.HasSuffix(r.URL.Path, "/containers/create") {
			answer, code = created, createStatus
		}
		if r.URL.Path == "/_ping" {
			answer, code = "OK", http.StatusOK // else each request would negotiate anew
		}
		w.WriteHeader(code)
		_, _ = w.Write([]byte(answer))
	}))
	f.Cleanup(server.Close)
	engine, err := NewDockerFromURL("tcp://"+server.Listener.Addr().String(), nil, DockerOptions{})
	assert.NilError(f, err)
	f.Fuzz(func(t *testing.T, code1 int, body1 string, code2 int, body2 string) {
		for _, code := range []int{code1, code2} {
			if code < 200 || code > 599 || code >= 300 && code < 400 {
				return // no final answer
			}
		}
		createStatus, created, status, body = code1, body1, code2, body2
		ctx := t.Context()
		engine.info = nil
		info, infoErr := engine.Info(ctx)
		gateway, gatewayErr := engine.BridgeGateway(ctx)
		// How long it waits for what a conflict or a lost answer may mean is another test's.
		impatient, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		_, createErr := engine.Create(impatient, Spec{Name: "x", Image: "etl:7", Labels: map[string]string{labelFlowRunID: "r"}})
		cancel()
		_, listErr := engine.List(ctx)
		_, inspectErr := engine.Inspect(ctx, "abc")
		_, imageErr := engine.ImageDigest(ctx, "abc")
		for _, err := range []error{
			infoErr, gatewayErr, createErr, listErr, inspectErr, imageErr, firstError(engine.Events(ctx)), engine.Stop(ctx, "abc", time.Second), engine.EnsureVolume(ctx, "v"), engine.Connect(ctx, "n", "abc"), engine.Start(ctx, "abc"), engine.Remove(ctx, "abc"),
			engine.Pull(ctx, "etl:7", nil),
		} {
			if err != nil {
				checkText(t, err)
				assert.Check(t, len(err.Error()) < 2*maxReason)
			}
		}
		assert.Check(t, gatewayErr != nil || strings.Count(gateway, ".") == 3, gateway)
		assert.Check(t, infoErr == nil || info == EngineInfo{})
	})
}

// firstError takes events until their stream breaks.
func firstError(events <-chan Event, broken <-chan error) error {
	for {
		select {
		case <-events:
		case err := <-broken:
			return err
		}
	}
}
