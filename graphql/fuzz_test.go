package graphql

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"

	"gotest.tools/v3/assert"
)

// answers is a transport that gives every request the same answer.
type answers struct {
	status                        int
	contentType, retryAfter, body string
}

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	header := http.Header{"Content-Type": {a.contentType}}
	if a.retryAfter != "" {
		header.Set("Retry-After", a.retryAfter)
	}
	return &http.Response{StatusCode: a.status, Header: header, Body: io.NopCloser(strings.NewReader(a.body)), Request: r}, nil
}

// FuzzAnswers gives every call the same answer: it ends in a result, or in an error of one line.
func FuzzAnswers(f *testing.F) {
	for _, body := range []string{
		`{"data": {"hello": "👋"}}`, `{"data": null}`, `{}`, `[]`, `null`, ``, `<html>`, `{"data": {"hello": 1, "flow_run": {}}}`,
		`{"data": {"get_runs_in_queue": {"flow_run_ids": ["a", null]}}}`, `{"data": {"get_runs_in_queue": null, "flow_run": null}}`,
		`{"data": {"flow_run": [{"id": "a", "version": 1, "state": null, "serialized_state": null, "run_config": "x", "name": null,
			"flow": {"id": "f", "name": "n", "environment": null, "storage": [], "core_version": null}, "task_runs": [{"id": "t", "version": 2}],
			"states": [{"version": 1, "timestamp": "2021-03-04T05:06:07+00:00", "state": "Running"}],
			"logs": [{"id": "l", "timestamp": "2021-03-04T05:06:07.123456+00:00"}]}]}}`,
		`{"data": {"flow_run": [{"id": "a", "version": 2, "state": "Submitted", "agent_id": "x", "heartbeat": null, "labels": ["a", 1],
			"serialized_state": {"type": "Submitted", "context": {"docker_prefect": {"agent": "a", "engine": "e", "attempt": "3"}}}}]}}`,
		`{"data": {"flow_run": [{"labels": {"a": "b"}, "heartbeat": "2021-03-04T05:06:07Z", "serialized_state": {"context": {"docker_prefect": []}}}]}}`,
		`{"data": {"flow_run": [{"serialized_state": {"type": "Running"}, "states": [{"timestamp": {"a":` + "\n" + `1}}]}]}}`,
		`{"data": {"flow_run": [{"logs": [{"timestamp": "` + strings.Repeat("9", 5000) + `"}]}]}}`,
		`{"data": {"tenant": [], "auth_info": null, "agent_config": [{}], "write_run_logs": {"success": false}}}`,
		`{"data": {"tenant": [{"id": "t"}], "register_agent": {"id": ""}, "create_flow_run": {"id": null}}}`,
		`{"errors": [{"message": "a\nb", "extensions": {"code": "VERSION_LOCKING_ERROR\r\nx"}}], "data": null}`,
		`{"errors": [{"message": "API_ERROR"}, {}, null]}`, `{"errors": ["text"]}`, `{"errors": [{"message": {}}]}`, `{"errors": {"message": "x"}}`,
		`{"errors": [{"message": "` + strings.Repeat("long ", 20_000) + `"}]}`,
		`{"errors": [{"message": "State update failed", "extensions": null}]}`,
	} {
		for _, status := range []int{200, 400, 401, 429, 500, 503} {
			f.Add(status, "application/json", "", body)
		}
	}
	for _, wait := range []string{"3", "0.5", "-1", "1e9", "NaN", "Inf", "99999999999999999999", "1h", "Fri, 31 Dec 9999 23:59:59 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", "soon"} {
		f.Add(429, "text/html", wait, "slow down")
	}
	f.Add(999, strings.Repeat("x", 10_000)+"\n", "", "")
	f.Fuzz(func(t *testing.T, status int, contentType, retryAfter, body string) {
		given := answers{status, contentType, retryAfter, body}
		for name, call := range calls() {
			c, err := New(Options{URL: "http://user:secret@api.invalid:4200", Backend: "server", TenantID: "t"})
			assert.NilError(t, err)
			c.t.http.Transport = given
			if name == "tenant" || name == "tenant of a key" {
				c.t.tenantID.Store(nil)
			}
			if name == "tenant of a key" {
				c.t.backend, c.t.key = "cloud", "secret"
			}
			err = call(t.Context(), c)
			if err == nil {
				assert.Check(t, status < 400, "%s takes status %d for a result", name, status)
				continue
			}
			checkText(t, name, err)
			var apiErr *Error
			if !errors.As(err, &apiErr) {
				continue
			}
			assert.Check(t, apiErr.Kind == nil || errors.Is(err, apiErr.Kind), name)
			assert.Check(t, apiErr.RetryAfter >= 0, "%s: wait %v", name, apiErr.RetryAfter)
		}
	})
}

// calls are the client's, one for each kind of answer.
func calls() map[string]func(context.Context, *Client) error {
	ids := []string{"a", "b"}
	return map[string]func(context.Context, *Client) error{
		"hello":           func(ctx context.Context, c *Client) error { return c.Hello(ctx) },
		"tenant":          func(ctx context.Context, c *Client) error { _, err := c.DefaultTenant(ctx); return err },
		"tenant of a key": func(ctx context.Context, c *Client) error { _, err := c.DefaultTenant(ctx); return err },
		"register": func(ctx context.Context, c *Client) error {
			_, err := c.RegisterAgent(ctx, "n", nil, "config")
			return err
		},
		"settings": func(ctx context.Context, c *Client) error { _, err := c.AgentConfig(ctx, "config"); return err },
		"queue":    func(ctx context.Context, c *Client) error { _, err := c.RunsInQueue(ctx, time.Now(), nil); return err },
		"runs": func(ctx context.Context, c *Client) error {
			runs, err := c.DueFlowRuns(ctx, ids, time.Now())
			for _, run := range runs {
				for _, document := range []json.RawMessage{run.SerializedState, run.RunConfig, run.Flow.Storage, run.Flow.Environment} {
					if document != nil && (!json.Valid(document) || string(document) == "null") {
						panic("a document is JSON, or nil")
					}
				}
			}
			return err
		},
		"claimed": func(ctx context.Context, c *Client) error { _, err := c.ClaimedRuns(ctx); return err },
		"status":  func(ctx context.Context, c *Client) error { _, err := c.FlowRunStatus(ctx, "a"); return err },
		"states":  func(ctx context.Context, c *Client) error { _, err := c.FlowRunStates(ctx, ids); return err },
		"running": func(ctx context.Context, c *Client) error { _, err := c.RunningTaskRuns(ctx, "a"); return err },
		"newest":  func(ctx context.Context, c *Client) error { _, err := c.LastLogTime(ctx, "a", "output"); return err },
		"due": func(ctx context.Context, c *Client) error {
			_, err := c.DueOfTenant(ctx, time.Now(), 10)
			return err
		},
		"task runs": func(ctx context.Context, c *Client) error { _, err := c.TaskRuns(ctx, "a"); return err },
		"history":   func(ctx context.Context, c *Client) error { _, err := c.History(ctx, "a", time.Time{}); return err },
		"set state": func(ctx context.Context, c *Client) error {
			return c.SetFlowRunState(ctx, "a", 1, NewState("Running", ""))
		},
		"set task state": func(ctx context.Context, c *Client) error {
			return c.SetTaskRunState(ctx, "a", 1, NewState("Running", ""))
		},
		"logs":    func(ctx context.Context, c *Client) error { return c.WriteRunLogs(ctx, RunLog{FlowRunID: "a"}) },
		"project": func(ctx context.Context, c *Client) error { _, err := c.EnsureProject(ctx, "p"); return err },
		"flow":    func(ctx context.Context, c *Client) error { _, err := c.RegisterFlow(ctx, "p", nil, "k"); return err },
		"run":     func(ctx context.Context, c *Client) error { _, err := c.CreateFlowRun(ctx, NewRun{}); return err },
	}
}

// checkText checks an error that people are shown: short, in one line, and without secrets.
func checkText(t *testing.T, name string, err error) {
	t.Helper()
	text := err.Error()
	assert.Check(t, text != "" && len(text) < 3000, "%s: %d bytes", name, len(text))
	assert.Check(t, !strings.ContainsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), "%s: %q", name, text)
	assert.Check(t, !strings.ContainsFunc(text, unicode.IsControl), "%s: %q", name, text)
	assert.Check(t, !strings.Contains(text, "secret"), "%s: %q", name, text)
}

func FuzzTimestamp(f *testing.F) {
	for _, text := range []string{
		"2021-03-04T05:06:07.123456+00:00", "2021-03-04T05:06:07", "2021-03-04 05:06:07.1Z", "2021-03-04", "2021-03-04T05:06+0530", "0001-01-01T00:00:00Z",
		"9999-12-31T23:59:59.999999999-23:59", "2021-02-30", "now", "", "2021-03-04T05:06:60Z",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		read, err := ParseTimestamp(text)
		if err != nil {
			return
		}
		if year := read.UTC().Year(); year < 1 || year > 9999 {
			return // by its zone only
		}
		again, err := ParseTimestamp(FormatTimestamp(read))
		assert.NilError(t, err)
		assert.Check(t, again.Equal(read.Truncate(time.Microsecond)), "%q is %v, written as %s", text, read, FormatTimestamp(read))
	})
}
