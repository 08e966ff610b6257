package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// runLabel marks every container of a flow run, with the run's id; agentLabel has the agent's identity.
const (
	runLabel   = "io.prefect.flow-run-id"
	agentLabel = "org.docker-prefect.agent"
)

// engineClient speaks to an engine, past all proxies.
type engineClient struct{ http *http.Client }

func newEngineClient(socket string) *engineClient {
	return &engineClient{&http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}}
}

// request sends one in the API version of Docker 20.10. The caller closes the body.
func (e *engineClient) request(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://engine/v1.41"+path, body)
	if err != nil {
		return nil, err
	}
	resp, err := e.http.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= http.StatusBadRequest {
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		return nil, fmt.Errorf("%s %s: %s", method, path, bytes.TrimSpace(text))
	}
	return resp, nil
}

// ask sends a request and decodes its answer, if any is wanted.
func (e *engineClient) ask(ctx context.Context, method, path string, body io.Reader, answer any) error {
	resp, err := e.request(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || answer == nil {
		return err
	}
	return json.Unmarshal(text, answer)
}

func (e *engineClient) answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return e.ask(ctx, http.MethodGet, "/_ping", nil, nil) == nil
}

// engineInfo is what the report says about the engine.
type engineInfo struct {
	ServerVersion, Driver, CgroupVersion string
}

func (e *engineClient) info(ctx context.Context) (engineInfo, error) {
	var info engineInfo
	return info, e.ask(ctx, http.MethodGet, "/info", nil, &info)
}

// listed is a container of a flow run in a list.
type listed struct {
	ID      string `json:"Id"`
	Names   []string
	State   string
	Created int64
	Labels  map[string]string
}

// live tells whether a container has a process.
func (l *listed) live() bool {
	return l.State == "running" || l.State == "paused" || l.State == "restarting"
}

// list gives the containers of flow runs, also those that do not run.
func (e *engineClient) list(ctx context.Context) ([]listed, error) {
	var found []listed
	filter := url.QueryEscape(`{"label":["` + runLabel + `"]}`)
	return found, e.ask(ctx, http.MethodGet, "/containers/json?all=1&filters="+filter, nil, &found)
}

// inspected is what the engine knows about a container's process.
type inspected struct {
	State struct {
		Status                string
		ExitCode              int
		StartedAt, FinishedAt time.Time
	}
}

func (e *engineClient) inspect(ctx context.Context, id string) (inspected, error) {
	var found inspected
	return found, e.ask(ctx, http.MethodGet, "/containers/"+id+"/json", nil, &found)
}

// event is one about a container.
type event struct {
	Action string
	Actor  struct {
		ID         string
		Attributes map[string]string
	}
	TimeNano int64 `json:"timeNano"`
}

// events tells about each event of containers of flow runs, until the connection ends.
func (e *engineClient) events(ctx context.Context, tell func(event)) error {
	filter := url.QueryEscape(`{"type":["container"],"label":["` + runLabel + `"]}`)
	resp, err := e.request(ctx, http.MethodGet, "/events?filters="+filter, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	decoder := json.NewDecoder(resp.Body)
	for {
		var next event
		if err := decoder.Decode(&next); err != nil {
			return err
		}
		tell(next)
	}
}

// removeAll removes every container of flow runs.
func (e *engineClient) removeAll(ctx context.Context) error {
	all, err := e.list(ctx)
	if err != nil {
		return err
	}
	for _, c := range all {
		if err := e.ask(ctx, http.MethodDelete, "/containers/"+c.ID+"?force=1", nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// importImage makes an image of one layer.
func (e *engineClient) importImage(ctx context.Context, name string, layer io.Reader) error {
	query := url.Values{"fromSrc": {"-"}, "repo": {name}, "tag": {"latest"}, "changes": {"ENV PATH=/bin"}}
	return e.ask(ctx, http.MethodPost, "/images/create?"+query.Encode(), layer, nil)
}
