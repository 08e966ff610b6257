package server

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

// received is what somebody else's server got.
type received struct {
	header http.Header
	body   m
}

// receiver starts a server that takes what hooks post, and answers with a status.
func receiver(t *testing.T, status int) (url string, calls <-chan received) {
	t.Helper()
	got := make(chan received, 100)
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		assert.Check(t, err)
		var body m
		assert.Check(t, json.Unmarshal(raw, &body))
		got <- received{r.Header, body}
		w.WriteHeader(status)
	}))
	t.Cleanup(listener.Close)
	return listener.URL, got
}

// next waits for a call.
func next(t *testing.T, calls <-chan received) received {
	t.Helper()
	select {
	case call := <-calls:
		return call
	case <-time.After(10 * time.Second):
		t.Fatal("nothing was received")
		return received{}
	}
}

func (a *api) hook(kind string, config any, states ...any) string {
	a.t.Helper()
	return a.do("create_cloud_hook", "id", m{"tenant_id": a.tenant(), "type": kind, "config": config, "states": states})["id"].(string)
}

func TestConfigsOfCloudHooks(t *testing.T) {
	a := newAPI(t)
	twilio := m{"account_sid": "s", "auth_token": "t", "messaging_service_sid": "m", "to": []any{"+1"}}
	pagerduty := m{"api_token": "t", "routing_key": "k", "severity": "info"}
	with := func(config m, name string, value any) m {
		changed := m{}
		for k, v := range config {
			changed[k] = v
		}
		changed[name] = value
		return changed
	}
	const needsURL, needsTwilio = "Invalid config; expected `url`", "Invalid config; expected `account_sid`, `auth_token`, `messaging_service_sid`, `to`"
	const needsPagerduty, needsSeverity = "Invalid config; expected `api_token`, `routing_key`, `severity`", "Invalid config; severity must be one of {info, warning, error, critical}"
	for _, test := range []struct {
		kind         string
		config       any
		states, want any
	}{
		{"WEBHOOK", m{"url": "http://127.0.0.1:1/x"}, []any{"Failed", "FAILED", "success"}, nil},
		{"SLACK_WEBHOOK", m{"url": "https://hooks.slack.com/services/x"}, "Failed", nil},
		{"PREFECT_MESSAGE", nil, []any{"Failed"}, nil},
		{"TWILIO", twilio, []any{"Failed"}, nil},
		{"PAGERDUTY", pagerduty, []any{"Failed"}, nil},
		{"WEBHOOK", nil, []any{"Failed"}, needsURL},
		{"WEBHOOK", m{}, []any{"Failed"}, needsURL},
		{"WEBHOOK", m{"url": "http://x", "more": 1}, []any{"Failed"}, needsURL},
		{"WEBHOOK", m{"url": 5}, []any{"Failed"}, needsURL},
		{"WEBHOOK", []any{}, []any{"Failed"}, needsURL},
		{"WEBHOOK", m{"url": "test-url"}, []any{"Failed"}, "Invalid config; `url` must begin with http:// or https://"},
		{"SLACK_WEBHOOK", m{"url": "file:///etc/passwd"}, []any{"Failed"}, "Invalid config; `url` must begin with http:// or https://"},
		{"SLACK_WEBHOOK", nil, []any{"Failed"}, needsURL},
		{"TWILIO", with(twilio, "to", []any{}), []any{"Failed"}, needsTwilio},
		{"TWILIO", with(twilio, "from", "x"), []any{"Failed"}, needsTwilio},
		{"PAGERDUTY", m{}, []any{"Failed"}, needsPagerduty},
		{"PAGERDUTY", with(pagerduty, "severity", "bad"), []any{"Failed"}, needsSeverity},
		{"PREFECT_MESSAGE", nil, []any{}, "Invalid states"},
		{"PREFECT_MESSAGE", nil, []any{"Failed", "Broken"}, "Invalid states"},
	} {
		input := m{"tenant_id": a.tenant(), "type": test.kind, "config": test.config, "states": test.states}
		if test.want == nil {
			a.do("create_cloud_hook", "id", input)
		} else {
			assert.Check(t, is.Equal(a.refused("create_cloud_hook", input), test.want))
		}
	}
	assert.Equal(t, a.refused("create_cloud_hook", m{"tenant_id": unknownID, "type": "PREFECT_MESSAGE", "states": "Failed"}), "Foreign key violation.")
	hooks := a.read("{ cloud_hook(order_by: {created: asc}) { type states config active name version_group_id } }")["cloud_hook"].([]any)
	assert.Equal(t, len(hooks), 5)
	assert.DeepEqual(t, hooks[0], m{
		"type": "WEBHOOK", "states": []any{"FAILED", "SUCCESS"}, "config": m{"url": "http://127.0.0.1:1/x"}, "active": true, "name": nil, "version_group_id": nil,
	})
	assert.DeepEqual(t, get(t, hooks, 2, "config"), m{})
}

func TestACloudHookIsCalledForItsStates(t *testing.T) {
	a := newAPI(t)
	url, calls := receiver(t, http.StatusOK)
	flow := a.register("p", flowOf("etl"))
	run := a.run(flow, m{"flow_run_name": "misty-heron"})
	hook := a.hook("WEBHOOK", m{"url": url}, "Failed", "Submitted")
	before := a.flowRun(run, "version")["version"]

	a.setFlowRun(run, "Running")
	a.setFlowRun(run, "Failed", m{"message": "It broke."})
	got := next(t, calls)
	event := get(t, got.body, "event").(m)
	assert.Equal(t, got.header.Get("X-PREFECT-EVENT-ID"), event["id"])
	assert.Equal(t, event["type"], "FlowRunStateChange")
	assert.Equal(t, event["is_test_event"], false)
	assert.DeepEqual(t, event["flow_run"], m{"id": run, "tenant_id": a.tenant(), "flow_id": flow, "name": "misty-heron", "version": 2.0, "state": "Running"})
	assert.Equal(t, before, json.Number("1"))
	assert.DeepEqual(t, event["tenant"], m{"id": a.tenant(), "slug": "default"})
	assert.Equal(t, get(t, event, "flow", "name"), "etl")
	assert.Equal(t, get(t, event, "flow", "flow_group_id"), a.groupOf(flow))
	stored := get(t, a.read(`{ flow_run_state(where: {state: {_eq: "Failed"}}) { id version timestamp message } }`), "flow_run_state", 0).(m)
	assert.Equal(t, get(t, event, "state", "id"), stored["id"])
	assert.Equal(t, get(t, event, "state", "timestamp"), stored["timestamp"])
	assert.Equal(t, get(t, event, "state", "message"), "It broke.")
	assert.Equal(t, get(t, event, "state", "version"), 3.0)
	assert.Equal(t, get(t, event, "state", "serialized_state", "type"), "Failed")

	// What is not committed is told to nobody. A hook that is inactive hears nothing, nor one that was deleted.
	a.setFlowRun(run, "Submitted")
	assert.Equal(t, get(t, next(t, calls).body, "event", "state", "state"), "Submitted")
	a.refused("set_flow_run_states", m{"states": []any{m{"flow_run_id": run, "state": stateOf("Failed")}, m{"flow_run_id": unknownID, "state": stateOf("Failed")}}})
	for _, test := range []struct {
		mutation string
		heard    int
	}{{"set_cloud_hook_inactive", 0}, {"set_cloud_hook_active", 1}, {"delete_cloud_hook", 0}} {
		assert.DeepEqual(t, a.do(test.mutation, "success", m{"cloud_hook_id": hook}), m{"success": true})
		assert.DeepEqual(t, a.do(test.mutation, "success", m{"cloud_hook_id": unknownID}), m{"success": false})
		a.setFlowRun(run, "Failed")
		for range test.heard {
			next(t, calls)
		}
	}
	a.server.store.hooks.close() // and everything has been sent
	a.server.store.hooks = newHookSender(a.server.log)
	assert.Equal(t, len(calls), 0)
}

func TestCloudHooksOfAVersionGroup(t *testing.T) {
	a := newAPI(t)
	tenant := a.do("create_tenant", "id", m{"name": "Team", "slug": "team"})["id"]
	one, two := a.register("p", flowOf("one"), m{"version_group_id": "g1"}), a.register("p", flowOf("two"), m{"version_group_id": "g2"})
	for _, input := range []m{
		{"name": "all", "tenant_id": a.tenant()}, {"name": "g1", "tenant_id": a.tenant(), "version_group_id": "g1"}, {"name": "team", "tenant_id": tenant},
	} {
		input["type"], input["states"] = "PREFECT_MESSAGE", "Cancelled"
		a.do("create_cloud_hook", "id", input)
	}
	heard := func(flow string) int {
		a.do("cancel_flow_run", "state", m{"flow_run_id": a.run(flow)})
		rows := a.read("{ message(limit: 9) { id tenant_id } }")["message"].([]any)
		for _, row := range rows {
			a.do("delete_message", "success", m{"message_id": get(t, row, "id")})
		}
		return len(rows)
	}
	assert.Equal(t, heard(one), 2)
	assert.Equal(t, heard(two), 1)
}

func TestMessages(t *testing.T) {
	a := newAPI(t)
	a.hook("PREFECT_MESSAGE", nil, "Success")
	run := a.run(a.register("p", flowOf("etl")), m{"flow_run_name": "misty-heron"})
	a.setFlowRun(run, "Success")
	message := get(t, a.read("{ message(limit: 9) { id type text read tenant_id content } }"), "message", 0).(m)
	assert.DeepEqual(t, []any{message["type"], message["text"], message["read"], message["tenant_id"]}, []any{"CLOUD_HOOK", nil, false, a.tenant()})
	assert.Equal(t, get(t, message, "content", "type"), "CLOUD_HOOK")
	assert.Equal(t, get(t, message, "content", "event", "flow_run", "id"), run)
	for _, test := range []struct {
		mutation string
		want     []any
	}{
		{"mark_message_as_read", []any{m{"read": true}}},
		{"mark_message_as_unread", []any{m{"read": false}}},
		{"delete_message", []any{}},
	} {
		assert.DeepEqual(t, a.do(test.mutation, "success", m{"message_id": unknownID}), m{"success": false})
		assert.DeepEqual(t, a.do(test.mutation, "success", m{"message_id": message["id"]}), m{"success": true})
		assert.DeepEqual(t, a.read("{ message(limit: 9) { read } }")["message"], test.want)
	}
}

func TestTryingACloudHook(t *testing.T) {
	a := newAPI(t)
	url, calls := receiver(t, http.StatusOK)
	broken, _ := receiver(t, http.StatusNotFound)
	hook := a.hook("WEBHOOK", m{"url": url}, "Failed")
	run := a.run(a.register("p", flowOf("etl")), m{"flow_run_name": "misty-heron"})
	try := func(input m) any { return a.do("test_cloud_hook", "success error", input) }
	worked := m{"success": true, "error": nil}

	assert.DeepEqual(t, try(m{"cloud_hook_id": hook}), worked)
	event := next(t, calls).body["event"]
	assert.Equal(t, get(t, event, "is_test_event"), true)
	assert.Equal(t, get(t, event, "state", "state"), "Success")
	assert.Equal(t, get(t, event, "tenant", "id"), a.tenant())
	assert.DeepEqual(t, try(m{"cloud_hook_id": hook, "flow_run_id": run, "state_type": "FAILED"}), worked)
	event = next(t, calls).body["event"]
	assert.Equal(t, get(t, event, "flow_run", "name"), "misty-heron")
	assert.Equal(t, get(t, event, "state", "state"), "Failed")
	assert.DeepEqual(t, try(m{"cloud_hook_id": a.hook("PREFECT_MESSAGE", nil, "Failed")}), worked)
	assert.Equal(t, len(a.read("{ message(limit: 9) { id } }")["message"].([]any)), 1)

	assert.DeepEqual(t, try(m{"cloud_hook_id": unknownID}), m{"success": false, "error": "Invalid ID"})
	assert.DeepEqual(t, try(m{"cloud_hook_id": hook, "flow_run_id": unknownID}), m{"success": false, "error": "Invalid flow run ID."})
	assert.DeepEqual(t, try(m{"cloud_hook_id": a.hook("WEBHOOK", m{"url": broken}, "Failed")}), m{"success": false, "error": "the hook was answered 404 Not Found"})
	away := try(m{"cloud_hook_id": a.hook("WEBHOOK", m{"url": "http://127.0.0.1:1/secret"}, "Failed")})
	assert.Equal(t, get(t, away, "error"), "call hook: dial tcp 127.0.0.1:1: connect: connection refused")
	assert.Equal(t, a.flowRun(run, "state")["state"], "Scheduled")
}

func TestWhatCloudHooksPost(t *testing.T) {
	message := "5 < 6"
	event := &hookEvent{
		ID: "e", FlowRun: hookFlowRun{ID: "r", Name: "misty-heron"}, Flow: hookFlow{Name: "etl"}, Tenant: hookTenant{Slug: "team"}, State: hookState{State: "Failed", Message: &message},
	}
	for _, test := range []struct {
		kind, config string
		url, header  string
		body         string
	}{
		{
			"SLACK_WEBHOOK", `{"url": "https://hooks.slack.com/services/x"}`, "https://hooks.slack.com/services/x", "",
			"{\"blocks\":[{\"text\":{\"text\":\"Flow run `misty-heron` of flow `etl` is now `Failed`\",\"type\":\"mrkdwn\"},\"type\":\"section\"},{\"text\":{\"text\":\"5 &lt; 6\",\"type\":\"mrkdwn\"},\"type\":\"section\"}]}",
		},
		{
			"PAGERDUTY", `{"api_token": "t", "routing_key": "k", "severity": "error"}`, "https://events.pagerduty.com/v2/enqueue", "Token token=t",
			`{"event_action":"trigger","payload":{"class":"Failed","component":"etl","custom_details":{"flow":"etl","flow_run":"misty-heron","flow_run_id":"r",` +
				`"state":"Failed","state_message":"5 < 6","tenant_slug":"team"},"group":"misty-heron","severity":"error","source":"docker prefect, tenant team",` +
				`"summary":"Flow run misty-heron of flow etl is now Failed"},"routing_key":"k"}`,
		},
		{
			"TWILIO", `{"account_sid": "a/b", "auth_token": "t", "messaging_service_sid": "m", "to": ["+1", "+2"]}`,
			"https://api.twilio.com/2010-04-01/Accounts/a%2Fb/Messages.json", "Basic YS9iOnQ=",
			"Body=Flow+run+misty-heron+of+flow+etl+is+now+Failed&From=m&To=%2B1",
		},
	} {
		requests, err := hookRequests("h", test.kind, json.RawMessage(test.config), event)
		assert.NilError(t, err)
		assert.Check(t, is.Equal(requests[0].url, test.url))
		assert.Check(t, is.Equal(requests[0].header.Get("Authorization"), test.header))
		assert.Check(t, is.Equal(string(requests[0].body), test.body))
		assert.Check(t, is.Equal(len(requests), map[bool]int{true: 2, false: 1}[test.kind == "TWILIO"]))
	}
}
