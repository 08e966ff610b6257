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
	"os/exec"
	"strings"
)

// rawEngine speaks to a real engine with as little as possible in between: it is the floor.
type rawEngine struct{ http *http.Client }

// findEngine returns the engine of the docker CLI's active context and its address.
func findEngine(ctx context.Context) (*rawEngine, string, error) {
	out, err := exec.CommandContext(ctx, "docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}").Output()
	if err != nil {
		return nil, "", fmt.Errorf("ask docker for its engine: %w", err)
	}
	address := strings.TrimSpace(string(out))
	socket, ok := strings.CutPrefix(address, "unix://")
	if !ok {
		return nil, "", fmt.Errorf("the engine is at %s; the benchmark needs one behind a unix socket", address)
	}
	return &rawEngine{&http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: 16,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}}, address, nil
}

// ask sends a request to the API in the version of Docker 20.10 and decodes the answer, if any.
func (e *rawEngine) ask(ctx context.Context, method, path string, body, answer any) error {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://engine/v1.41"+path, content)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := e.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s %s: %s", method, path, bytes.TrimSpace(text))
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}

// run creates a container and starts it.
func (e *rawEngine) run(ctx context.Context, name string, body any) error {
	var made struct{ ID string }
	if err := e.ask(ctx, http.MethodPost, "/containers/create?name="+url.QueryEscape(name), body, &made); err != nil {
		return err
	}
	return e.ask(ctx, http.MethodPost, "/containers/"+made.ID+"/start", nil, nil)
}

// clear removes the benchmark's containers.
func (e *rawEngine) clear(ctx context.Context) error {
	var found []struct{ ID string }
	filter := url.QueryEscape(`{"label":["io.prefect.flow-id=` + flowID + `"]}`)
	if err := e.ask(ctx, http.MethodGet, "/containers/json?all=1&filters="+filter, nil, &found); err != nil {
		return err
	}
	return inParallel(ctx, 4, len(found), func(ctx context.Context, i int) error {
		return e.ask(ctx, http.MethodDelete, "/containers/"+found[i].ID+"?force=1", nil, nil)
	})
}
