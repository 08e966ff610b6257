package agent

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Policy decides which images and which settings of host_config flow runs may ask for. The zero value
// allows everything. What the operator gives the agent itself (volumes, networks) is not subject to it.
type Policy struct {
	images []string // globs, see parseImageRule
	rules  []hostRule
}

// hostRule forbids something in host_config.
type hostRule struct {
	keyword string // of docker-py's create_host_config
	mode    string // forbid this mode only: "host" or "container"; empty: any value
	path    string // for binds: forbid this host path only, comparable; empty: any value
	source  string // the rule as the operator knows it
}

// The preset of --host-config-policy.
const policyRestricted = "restricted"

// restrictedRules is what makes a container the host's equal, or lets it reach into other containers.
// Named volumes, networks, published ports and limits stay allowed.
var restrictedRules = [...]string{
	"privileged", "cap_add", "security_opt", "runtime", "cgroup_parent", // what it may do
	"devices", "device_cgroup_rules", "device_requests", "binds:/", "volumes_from", // what it may touch
	"pid_mode", "ipc_mode", "uts_mode", "userns_mode", "cgroupns", "network_mode:host", "network_mode:container", // where it lives
	"oom_kill_disable", "oom_score_adj", // who dies in its place
}

// NewPolicy reads the rules of --allow-image (globs, of which an image must match one), --deny-host-config
// (KEYWORD, binds:/PATH, or a mode such as network_mode:host; separated by commas) and
// --host-config-policy ("restricted" or empty). The error names the option, the malformed rule and the
// valid forms.
func NewPolicy(allowImages, denyHostConfig []string, preset string) (Policy, error) {
	var p Policy
	for _, glob := range allowImages {
		rule, err := parseImageRule(glob)
		if err != nil {
			return Policy{}, fmt.Errorf("--allow-image %q: %w", glob, err)
		}
		p.images = append(p.images, rule)
	}
	switch preset {
	case "":
	case policyRestricted:
		for _, text := range restrictedRules {
			if err := p.deny(text, "--host-config-policy "+preset+": "+text); err != nil {
				return Policy{}, err
			}
		}
	default:
		return Policy{}, fmt.Errorf("--host-config-policy %q: the only preset is %q", preset, policyRestricted)
	}
	for _, list := range denyHostConfig {
		for text := range strings.SplitSeq(list, ",") {
			text = strings.TrimSpace(text)
			if err := p.deny(text, "--deny-host-config "+text); err != nil {
				return Policy{}, fmt.Errorf("--deny-host-config %q: %w", text, err)
			}
		}
	}
	return p, nil
}

// deny adds a rule unless there is an equal one.
func (p *Policy) deny(text, source string) error {
	rule, err := parseHostRule(text)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(p.rules, func(r hostRule) bool { r.source = ""; return r == rule }) {
		rule.source = source
		p.rules = append(p.rules, rule)
	}
	return nil
}

func parseHostRule(text string) (hostRule, error) {
	keyword, value, hasValue := strings.Cut(text, ":")
	rule := hostRule{keyword: keyword}
	switch {
	case keyword == "":
		return hostRule{}, errors.New("an empty rule; write a key of host_config such as privileged, or binds:/PATH")
	case !slices.ContainsFunc(hostOptions[:], func(o hostOption) bool { return o.keyword == keyword }):
		return hostRule{}, fmt.Errorf("no such key of host_config%s; rules are KEY, binds:/PATH, and for modes KEY:host and KEY:container", keywordHint(keyword))
	case !hasValue:
		return rule, nil
	}
	switch keyword {
	case "binds":
		if !isAbsolute(value) {
			return hostRule{}, fmt.Errorf(`%q is no absolute path; write binds:/PATH, binds:C:\PATH, or binds for all`, value)
		}
		rule.path = cleanHostPath(value)
	case "network_mode", "pid_mode", "ipc_mode":
		if value != "host" && value != "container" {
			return hostRule{}, fmt.Errorf("unknown mode %q; write %[2]s:host, %[2]s:container, or %[2]s for all", value, keyword)
		}
		rule.mode = value
	default:
		return hostRule{}, fmt.Errorf("%[1]s takes no value; write %[1]s (only binds takes a path, and network_mode, pid_mode and ipc_mode a mode)", keyword)
	}
	return rule, nil
}

// checkHostConfig returns an error that names all rules that a run's host_config violates.
func (p Policy) checkHostConfig(given object) error {
	var violations []string
	for _, rule := range p.rules {
		what, err := rule.violation(given)
		if err != nil {
			return err
		}
		if what != "" {
			violations = append(violations, what+" ("+rule.source+")")
		}
	}
	if len(violations) == 0 {
		return nil
	}
	return fmt.Errorf("run_config: host_config: the agent's policy forbids %s; leave it out", strings.Join(violations, ", "))
}

// violation names what the rule forbids of a host_config; empty: nothing.
func (r hostRule) violation(given object) (string, error) {
	if r.path != "" {
		return forbiddenSource(given, r.path)
	}
	v, _ := given.get(r.keyword)
	if isHarmless(r.keyword, v) {
		return "", nil
	}
	if r.mode != "" {
		mode, _ := v.(string)
		if kind, _, _ := strings.Cut(mode, ":"); kind != r.mode {
			return "", nil
		}
	}
	return r.keyword, nil
}

// isHarmless tells whether a value asks for nothing: Python's false, the engine's own default, or less
// than that.
func isHarmless(keyword string, v any) bool {
	switch keyword {
	case "ipc_mode":
		return isFalse(v) || v == "private" || v == "none"
	case "cgroupns":
		return isFalse(v) || v == "private"
	case "security_opt":
		list, ok := v.([]any)
		return isFalse(v) || ok && !slices.ContainsFunc(list, func(item any) bool {
			return item != "no-new-privileges" && item != "no-new-privileges:true" && item != "no-new-privileges=true"
		})
	}
	return isFalse(v)
}
