package server

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// hookConfig is the config of a cloud hook, with the fields of all types.
type hookConfig struct {
	URL string `json:"url"` // WEBHOOK, SLACK_WEBHOOK

	AccountSID          string       `json:"account_sid"` // TWILIO
	AuthToken           string       `json:"auth_token"`
	MessagingServiceSID string       `json:"messaging_service_sid"`
	To                  list[string] `json:"to"`

	APIToken   string `json:"api_token"` // PAGERDUTY
	RoutingKey string `json:"routing_key"`
	Severity   string `json:"severity"`
}

// checkHookConfig refuses a config that has not exactly the fields of its type (Server, api/cloud_hooks.py), and one
// that nothing can be sent to.
func checkHookConfig(kind string, raw json.RawMessage) error {
	fields := map[string][]string{
		"WEBHOOK":       {"url"},
		"SLACK_WEBHOOK": {"url"},
		"TWILIO":        {"account_sid", "auth_token", "messaging_service_sid", "to"},
		"PAGERDUTY":     {"api_token", "routing_key", "severity"},
	}[kind]
	if kind == messageHook {
		return nil
	}
	invalid := refuse("Invalid config; expected `%s`", strings.Join(fields, "`, `"))
	given := map[string]json.RawMessage{}
	var config hookConfig
	if isNull(raw) || json.Unmarshal(raw, &given) != nil || json.Unmarshal(raw, &config) != nil {
		return invalid
	}
	if !slices.Equal(slices.Sorted(maps.Keys(given)), fields) {
		return invalid
	}
	switch kind {
	case "TWILIO":
		if len(config.To) == 0 {
			return invalid
		}
	case "PAGERDUTY":
		if !slices.Contains([]string{"info", "warning", "error", "critical"}, config.Severity) {
			return refuse("Invalid config; severity must be one of {info, warning, error, critical}")
		}
	default:
		if target, err := url.Parse(config.URL); err != nil || target.Host == "" || target.Scheme != "http" && target.Scheme != "https" {
			return refuse("Invalid config; `url` must begin with http:// or https://")
		}
	}
	return nil
}

// hookRequest is an HTTP POST that a hook makes.
type hookRequest struct {
	hook   string // its id; unlike the URL it may be logged
	url    string
	header http.Header
	body   []byte
}

// hookRequests gives what a hook of a type posts when an event happens. There may be several requests, or none.
func hookRequests(hook, kind string, raw json.RawMessage, event *hookEvent) ([]hookRequest, error) {
	var config hookConfig
	if err := json.Unmarshal(raw, &config); err != nil {
		return nil, fmt.Errorf("read config: %w", err)
	}
	post := func(url string, value any, headers ...string) ([]hookRequest, error) {
		body, err := encodeJSON(value)
		if err != nil {
			return nil, err
		}
		header := http.Header{"Content-Type": {"application/json"}}
		for i := 0; i+1 < len(headers); i += 2 {
			header.Set(headers[i], headers[i+1])
		}
		return []hookRequest{{hook, url, header, body}}, nil
	}
	switch kind {
	case "WEBHOOK":
		return post(config.URL, map[string]any{"event": event}, "X-PREFECT-EVENT-ID", event.ID)
	case "SLACK_WEBHOOK":
		return post(config.URL, map[string]any{"blocks": []any{slackText(event.summary("`")), slackText(event.State.text())}})
	case "PAGERDUTY":
		return post("https://events.pagerduty.com/v2/enqueue", pagerdutyEvent(config, event), "Authorization", "Token token="+config.APIToken)
	case "TWILIO":
		return twilioRequests(hook, config, event), nil
	}
	return nil, nil
}

func slackText(text string) any {
	text = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
	return map[string]any{"type": "section", "text": map[string]any{"type": "mrkdwn", "text": text}}
}

func pagerdutyEvent(config hookConfig, event *hookEvent) any {
	return map[string]any{
		"routing_key": config.RoutingKey, "event_action": "trigger",
		"payload": map[string]any{
			"summary": event.summary(""), "severity": config.Severity, "source": "docker prefect, tenant " + event.Tenant.Slug,
			"component": event.Flow.Name, "group": event.FlowRun.Name, "class": event.State.State,
			"custom_details": map[string]any{
				"flow": event.Flow.Name, "flow_run": event.FlowRun.Name, "flow_run_id": event.FlowRun.ID,
				"state": event.State.State, "state_message": event.State.text(), "tenant_slug": event.Tenant.Slug,
			},
		},
	}
}

// twilioRequests makes one text message for each number.
func twilioRequests(hook string, config hookConfig, event *hookEvent) []hookRequest {
	target := "https://api.twilio.com/2010-04-01/Accounts/" + url.PathEscape(config.AccountSID) + "/Messages.json"
	credentials := base64.StdEncoding.EncodeToString([]byte(config.AccountSID + ":" + config.AuthToken))
	var requests []hookRequest
	for _, number := range config.To {
		form := url.Values{"To": {number}, "From": {config.MessagingServiceSID}, "Body": {event.summary("")}}
		requests = append(requests, hookRequest{hook, target, http.Header{
			"Content-Type": {"application/x-www-form-urlencoded"}, "Authorization": {"Basic " + credentials},
		}, []byte(form.Encode())})
	}
	return requests
}
