package agent

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/docker-prefect/docker-prefect/graphql"
	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

func denying(t *testing.T, rules ...string) Policy {
	t.Helper()
	p, err := NewPolicy(nil, rules, "")
	assert.NilError(t, err)
	return p
}

func restricted(t *testing.T) Policy {
	t.Helper()
	p, err := NewPolicy(nil, nil, "restricted")
	assert.NilError(t, err)
	return p
}

func TestImagesMustMatchAnAllowedGlob(t *testing.T) {
	const digest = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	for _, c := range []struct {
		image string
		globs []string
		want  bool
	}{
		{"anything/at:all", nil, true},
		{"not a reference", nil, true},

		// The full name counts, however it is written.
		{"python", []string{"docker.io/library/python:latest"}, true},
		{"python:3.9", []string{"docker.io/library/python:3.*"}, true},
		{"library/python:3.9", []string{"docker.io/library/python:3.*"}, true},
		{"index.docker.io/library/python:3.9", []string{"docker.io/library/python:3.*"}, true},
		{"python:3.9", []string{"index.docker.io/library/python:3.*"}, true},
		{"python:2.7", []string{"docker.io/library/python:3.*"}, false},
		{"evil.io/library/python:3.9", []string{"docker.io/library/python:3.*"}, false},
		{"QUAY.io/team/etl:1", []string{"quay.IO/team/etl:1"}, true},
		{"quay.io/team/etl:A", []string{"quay.io/team/etl:a"}, false}, // tags have case

		// What the signs stand for.
		{"quay.io/team/etl:1", []string{"quay.io/team/*"}, true},
		{"quay.io/team/sub/etl:1", []string{"quay.io/team/*"}, false},
		{"quay.io/team/sub/etl:1", []string{"quay.io/team/**"}, true},
		{"quay.io/team/sub/etl:1.2", []string{"quay.io/**/*:1.*"}, true},
		{"quay.io/team/sub/etl:2.2", []string{"quay.io/**/*:1.*"}, false},
		{"quay.io.evil.com/team/etl:1", []string{"quay.io/**"}, false},
		{"quay.io/team-evil/etl:1", []string{"quay.io/team/**"}, false},
		{"quay.io/team/etl:1", []string{"{quay,ghcr}.io/team/*"}, true},
		{"quay.io/team/etl-7:1", []string{"quay.io/team/etl-[0-5]:?"}, false},
		{"quay.io/team/etl-5:1", []string{"quay.io/team/etl-[0-5]:?"}, true},
		{"localhost:5000/x", []string{"localhost:5000/*"}, true},
		{"localhost:5001/x", []string{"localhost:5000/*"}, false},
		{"localhost/x", []string{"localhost/*"}, true},
		{"any.io/thing", []string{"**"}, true},
		{"b.io/x:1", []string{"a.io/*", "b.io/*"}, true}, // one is enough

		// A digest decides, not the tag beside it.
		{"python@" + digest, []string{"docker.io/library/python@sha256:*"}, true},
		{"python:3.9@" + digest, []string{"docker.io/library/python:3.*"}, false},
		{"python:3.9@" + digest, []string{"docker.io/library/python@" + digest}, true},

		// Ids name nothing, not even when a name is spelled like the beginning of one.
		{digest, []string{"**"}, false},
		{digest[len("sha256:"):], []string{"**"}, false},
		{"sha256:9f86", []string{"**"}, false},
		{"9f86d08", []string{"docker.io/**"}, false},
		{"cafe", []string{"docker.io/**"}, false},
		{"cafe:latest", []string{"docker.io/**"}, true},
		{"quay.io/team/../evil/x:1", []string{"quay.io/team/**"}, false},
		{"not a reference", []string{"**"}, false},
	} {
		p, err := NewPolicy(c.globs, nil, "")
		assert.NilError(t, err, "%v", c.globs)
		err = p.checkImage(c.image)
		assert.Check(t, (err == nil) == c.want, "%s with %v: %v", c.image, c.globs, err)
		if err != nil {
			assert.Check(t, is.ErrorContains(err, c.image))
			assert.Check(t, is.ErrorContains(err, "--allow-image "), "the rule's name")
		}
	}
}

func TestMalformedRulesAreNamedWithTheWayOut(t *testing.T) {
	type args struct {
		images, denied []string
		preset         string
	}
	for _, c := range []struct {
		args
		value, hint string
	}{
		{args{images: []string{""}}, `--allow-image ""`, "REGISTRY/NAME:TAG"},
		{args{images: []string{"quay.io/*", "python:3"}}, `--allow-image "python:3"`, "docker.io/library/NAME:TAG"},
		{args{images: []string{"prefecthq/prefect:*"}}, `"prefecthq/prefect:*"`, "docker.io/USER/NAME:TAG"},
		{args{images: []string{"*"}}, `"*"`, "REGISTRY/NAME:TAG"},
		{args{images: []string{"localhost:5000"}}, `"localhost:5000"`, "REGISTRY/NAME:TAG"},
		{args{images: []string{"docker.io/*"}}, `"docker.io/*"`, "docker.io/**"},
		{args{images: []string{"docker.io/python:3"}}, `"docker.io/python:3"`, "docker.io/library/NAME:TAG"},
		{args{images: []string{"quay.io/team/etl"}}, `"quay.io/team/etl"`, "quay.io/team/etl:*"},
		{args{images: []string{"quay.io/team/"}}, `"quay.io/team/"`, "quay.io/team/**"},
		{args{images: []string{"quay.io/team**:1"}}, `"quay.io/team**:1"`, "REGISTRY/**/*:TAG"},
		{args{images: []string{"quay.io/[a:1"}}, `"quay.io/[a:1"`, "[a-z]"},
		{args{images: []string{"quay.io/{a:1"}}, `"quay.io/{a:1"`, "{a,b}"},

		{args{denied: []string{""}}, `--deny-host-config ""`, "privileged"},
		{args{denied: []string{"privileged,,pid_mode"}}, `--deny-host-config ""`, "privileged"},
		{args{denied: []string{"privileged", "cap_add,capadd"}}, `--deny-host-config "capadd"`, `write "cap_add"`},
		{args{denied: []string{"Privileged"}}, `"Privileged"`, `write "privileged"`},
		{args{denied: []string{"nonsense"}}, `"nonsense"`, "create_host_config"},
		{args{denied: []string{"binds:data"}}, `"binds:data"`, "binds:/PATH"},
		{args{denied: []string{"binds:"}}, `"binds:"`, "binds:/PATH"},
		{args{denied: []string{"binds:../x"}}, `"binds:../x"`, "binds:/PATH"},
		{args{denied: []string{"mounts:/x"}}, `"mounts:/x"`, "write mounts"},
		{args{denied: []string{"network_mode:bridge"}}, `"network_mode:bridge"`, "network_mode:host"},
		{args{denied: []string{"cap_add:SYS_ADMIN"}}, `"cap_add:SYS_ADMIN"`, "write cap_add"},

		{args{preset: "strict"}, `--host-config-policy "strict"`, `"restricted"`},
	} {
		_, err := NewPolicy(c.images, c.denied, c.preset)
		assert.Check(t, is.ErrorContains(err, c.value))
		assert.Check(t, is.ErrorContains(err, c.hint))
		assert.Check(t, err == nil || !strings.Contains(err.Error(), "\n"))
	}
}

func TestDeniedKeysAreRefusedUnlessTheyAskForNothing(t *testing.T) {
	for _, c := range []struct {
		rules      string
		hostConfig string
		want       string // in the error; empty: allowed
	}{
		{"privileged", `{}`, ""},
		{"privileged", `{"privileged": true}`, "privileged (--deny-host-config privileged)"},
		{"privileged", `{"privileged": false}`, ""},
		{"privileged", `{"privileged": null}`, ""},
		{"privileged", `{"cap_add": ["ALL"]}`, ""},
		{"pid_mode, cap_add", `{"cap_add": ["ALL"]}`, "cap_add (--deny-host-config cap_add)"},
		{"cap_add", `{"cap_add": "ALL"}`, "cap_add"},
		{"cap_add", `{"cap_add": []}`, ""},
		{"cap_add,privileged", `{"cap_add": ["ALL"], "privileged": true}`, "cap_add (--deny-host-config cap_add), privileged (--deny-host-config privileged)"},
		{"mem_limit", `{"mem_limit": 0}`, ""},
		{"mem_limit", `{"mem_limit": "0g"}`, "mem_limit"},

		{"network_mode", `{"network_mode": "bridge"}`, "network_mode"},
		{"network_mode", `{"network_mode": "default"}`, "network_mode"}, // takes the agent's --network none away
		{"network_mode", `{"network_mode": ""}`, ""},
		{"network_mode:host", `{"network_mode": "bridge"}`, ""},
		{"network_mode:host", `{"network_mode": "hostile"}`, ""},
		{"network_mode:host", `{"network_mode": "host"}`, "network_mode (--deny-host-config network_mode:host)"},
		{"network_mode:host", `{"network_mode": "container:abc"}`, ""},
		{"network_mode:container", `{"network_mode": "container:abc"}`, "network_mode"},
		{"pid_mode:host", `{"pid_mode": "container:abc"}`, ""},
		{"pid_mode:host", `{"pid_mode": "host"}`, "pid_mode"},
		{"ipc_mode", `{"ipc_mode": "private"}`, ""},
		{"ipc_mode", `{"ipc_mode": "none"}`, ""},
		{"ipc_mode", `{"ipc_mode": "shareable"}`, "ipc_mode"},
		{"cgroupns", `{"cgroupns": "private"}`, ""},
		{"cgroupns", `{"cgroupns": "host"}`, "cgroupns"},
		{"security_opt", `{"security_opt": ["no-new-privileges"]}`, ""},
		{"security_opt", `{"security_opt": ["no-new-privileges:true"]}`, ""},
		{"security_opt", `{"security_opt": ["no-new-privileges=true", "seccomp=unconfined"]}`, "security_opt"},
		{"security_opt", `{"security_opt": ["no-new-privileges:false"]}`, "security_opt"},
		{"security_opt", `{"security_opt": []}`, ""},

		{"binds", `{"binds": ["data:/data"]}`, "binds"}, // the whole key, volumes too
		{"binds", `{"binds": []}`, ""},
		{"mounts", `{"mounts": [{"Type": "tmpfs", "Target": "/x"}]}`, "mounts"},
	} {
		checkVerdict(t, denying(t, c.rules), c.hostConfig, c.want)
	}
}

func checkVerdict(t *testing.T, p Policy, hostConfig, want string) {
	t.Helper()
	err := p.checkHostConfig(objectOf(t, hostConfig))
	if want == "" {
		assert.Check(t, err, hostConfig)
		return
	}
	assert.Check(t, is.ErrorContains(err, want), hostConfig)
}

func TestDeniedPathsAreRefusedInEverySpelling(t *testing.T) {
	const sock = "binds:/var/run/docker.sock"
	for _, c := range []struct {
		rule       string
		hostConfig string
		refused    bool
	}{
		{"binds:/etc", `{"binds": ["/etc:/x"]}`, true},
		{"binds:/etc", `{"binds": ["/etc:/x:ro"]}`, true},
		{"binds:/etc", `{"binds": ["/etc/ssl/certs:/x"]}`, true},
		{"binds:/etc/", `{"binds": ["/etc:/x"]}`, true},
		{"binds:/etc", `{"binds": ["/etcetera:/x"]}`, false},
		{"binds:/etc", `{"binds": ["/data:/etc"]}`, false},
		{"binds:/etc", `{"binds": ["etc:/x"]}`, false}, // a volume
		{"binds:/etc", `{"binds": ["/data:/a", "//etc/./ssl/:/x"]}`, true},
		{"binds:/etc", `{"binds": ["/data/../etc:/x"]}`, true},
		{"binds:/etc", `{"binds": ["/../etc:/x"]}`, true},
		{"binds:/etc", `{"binds": ["../etc:/x"]}`, true}, // leads anywhere
		{"binds:/etc", `{"binds": ["~/x:/x"]}`, true},
		{"binds:/etc", `{"binds": {"/etc": {"bind": "/x", "ro": true}}}`, true},
		{"binds:/etc", `{"binds": {"/etc": "/x"}}`, true},
		{"binds:/etc", `{"binds": {"/data": "/etc"}}`, false},
		{"binds:/etc", `{"binds": ["/:/host:ro"]}`, true}, // what is above has it, too
		{"binds:/etc/ssl", `{"binds": ["/etc:/x"]}`, true},
		{"binds:/etc", `{"binds": ["/proc/1/root/etc:/x"]}`, true},
		{"binds:/etc", `{"binds": ["/process:/x"]}`, false},
		{"binds:/proc", `{"binds": ["/proc/sys:/x"]}`, true},
		{"binds:/proc", `{"binds": ["/data:/x"]}`, false},

		{sock, `{"binds": ["/var/run/docker.sock:/var/run/docker.sock"]}`, true},
		{sock, `{"binds": ["/run/docker.sock:/s"]}`, true},
		{sock, `{"binds": ["/run:/run"]}`, true},
		{sock, `{"binds": ["/var/run:/run"]}`, true},
		{sock, `{"binds": ["/var/run/other.sock:/s"]}`, false},
		{"binds:/run/docker.sock", `{"binds": ["/var/run/docker.sock:/s"]}`, true},

		{"binds:/", `{"binds": ["/data:/x"]}`, true},
		{"binds:/", `{"binds": ["C:\\data:/x"]}`, true},
		{"binds:/", `{"binds": ["data:/x"]}`, false},
		{`binds:C:\Secret`, `{"binds": ["c:\\secret\\a:/x"]}`, true},
		{`binds:C:\Secret`, `{"binds": ["c:/secret:/x"]}`, true},
		{`binds:C:\Secret`, `{"binds": ["d:\\secret:/x"]}`, false},
		{`binds:\\.\pipe\docker_engine`, `{"mounts": [{"Type": "npipe", "Source": "\\\\.\\pipe\\docker_engine", "Target": "x"}]}`, true},

		{"binds:/etc", `{"mounts": [{"Type": "bind", "Source": "/etc/ssl", "Target": "/x"}]}`, true},
		{"binds:/etc", `{"mounts": [{"type": "bind", "source": "/etc", "target": "/x"}]}`, true},
		{"binds:/etc", `{"mounts": [{"Type": "bind", "Source": "/data", "source": "/etc", "Target": "/x"}]}`, true},
		{"binds:/etc", `{"mounts": [{"Type": "bind", "Source": "/data", "Target": "/etc"}]}`, false},
		{"binds:/etc", `{"mounts": [{"Type": "bind", "Source": "", "Target": "/x"}]}`, true},
		{"binds:/etc", `{"mounts": [{"Type": "volume", "Source": "etc", "Target": "/x"}]}`, false},
		{"binds:/etc", `{"mounts": [{"Type": "tmpfs", "Target": "/x"}]}`, false},
		{"binds:/etc", `{"mounts": [{"Type": "volume", "Target": "/x", "VolumeOptions": {"DriverConfig": {"Options": {"type": "none", "o": "bind", "device": "/etc"}}}}]}`, true},
		{"binds:/etc", `{"mounts": [{"Type": "volume", "Target": "/x", "volumeoptions": {"driverconfig": {"options": {"o": "lowerdir=/etc"}}}}]}`, true},
		{"binds:/etc", `{"mounts": [{"Type": "volume", "Target": "/x", "VolumeOptions": {"DriverConfig": {"Name": "local"}}}]}`, false},
		{"binds:/etc", `{"mounts": null, "binds": null}`, false},
	} {
		want := ""
		if c.refused {
			want = "--deny-host-config " + c.rule
		}
		checkVerdict(t, denying(t, c.rule), c.hostConfig, want)
	}
}

func TestTheRestrictedPresetKeepsRunsInTheirContainers(t *testing.T) {
	for hostConfig, rule := range map[string]string{
		`{"privileged": true}`:                                  "privileged",
		`{"cap_add": ["SYS_PTRACE"]}`:                           "cap_add",
		`{"security_opt": ["seccomp=unconfined"]}`:              "security_opt",
		`{"runtime": "runc"}`:                                   "runtime",
		`{"cgroup_parent": "/"}`:                                "cgroup_parent",
		`{"devices": ["/dev/sda"]}`:                             "devices",
		`{"device_cgroup_rules": ["a *:* rwm"]}`:                "device_cgroup_rules",
		`{"device_requests": [{"capabilities": [["gpu"]]}]}`:    "device_requests",
		`{"binds": ["/:/host"]}`:                                "binds:/",
		`{"binds": ["/srv/data:/data:ro"]}`:                     "binds:/",
		`{"binds": ["/var/run/docker.sock:/s"]}`:                "binds:/",
		`{"mounts": [{"Type": "bind", "Source": "/srv/data"}]}`: "binds:/",
		`{"volumes_from": ["other"]}`:                           "volumes_from",
		`{"pid_mode": "host"}`:                                  "pid_mode",
		`{"ipc_mode": "container:x"}`:                           "ipc_mode",
		`{"uts_mode": "host"}`:                                  "uts_mode",
		`{"userns_mode": "host"}`:                               "userns_mode",
		`{"cgroupns": "host"}`:                                  "cgroupns",
		`{"network_mode": "host"}`:                              "network_mode:host",
		`{"network_mode": "container:x"}`:                       "network_mode:container",
		`{"oom_kill_disable": true}`:                            "oom_kill_disable",
		`{"oom_score_adj": -1000}`:                              "oom_score_adj",
	} {
		checkVerdict(t, restricted(t), hostConfig, "(--host-config-policy restricted: "+rule+")")
	}
	checkVerdict(t, restricted(t), `{
		"privileged": false, "cap_add": [], "cap_drop": ["ALL"], "mem_limit": "1g", "nano_cpus": 1, "shm_size": "1g",
		"network_mode": "flows", "binds": ["data:/data"], "mounts": [{"Type": "volume", "Source": "more", "Target": "/more"}],
		"tmpfs": {"/tmp": ""}, "port_bindings": {"80": 8080}, "auto_remove": true, "read_only": true, "init": true,
		"security_opt": ["no-new-privileges"], "ulimits": [{"name": "nofile", "soft": 10, "hard": 10}], "extra_hosts": {"a": "1.2.3.4"}
	}`, "")
}

func TestPresetAndRulesAreOnePolicy(t *testing.T) {
	p, err := NewPolicy(nil, []string{"privileged,mem_limit"}, "restricted")
	assert.NilError(t, err)
	err = p.checkHostConfig(objectOf(t, `{"privileged": true, "mem_limit": "1g"}`))
	assert.Check(t, is.Error(err, "run_config: host_config: the agent's policy forbids "+
		"privileged (--host-config-policy restricted: privileged), mem_limit (--deny-host-config mem_limit); leave it out"))
}

func TestThePolicyHoldsForRunsAndNotForTheAgentsOwnSettings(t *testing.T) {
	policy, err := NewPolicy([]string{"docker.io/prefecthq/*"}, []string{"network_mode"}, "restricted")
	assert.NilError(t, err)
	cfg := someConfig()
	cfg.Policy, cfg.Networks, cfg.NoPull = policy, []string{"host"}, true
	vols, err := ParseVolumes([]string{"/var/run/docker.sock:/var/run/docker.sock"}, false)
	assert.NilError(t, err)
	run := graphql.FlowRun{ID: someRunID, Flow: graphql.Flow{Storage: json.RawMessage(localStorage), CoreVersion: "1.4.1"}}
	spec, err := buildSpec(cfg, vols, Owner{}, modernEngine, run)
	assert.NilError(t, err)
	assert.Check(t, is.DeepEqual(spec.HostConfig["Binds"], []string{"/var/run/docker.sock:/var/run/docker.sock:rw"}))
	assert.Check(t, is.Equal(spec.HostConfig["NetworkMode"], "host"))

	for config, says := range map[string]string{
		`{"type": "DockerRun", "image": "python:3"}`:                                   "--allow-image docker.io/prefecthq/*",
		`{"type": "DockerRun", "host_config": {"privileged": true}}`:                   "--host-config-policy restricted: privileged",
		`{"type": "DockerRun", "host_config": {"network_mode": "none"}}`:               "--deny-host-config network_mode",
		`{"type": "DockerRun", "command": ["x"], "host_config": {"pid_mode": "host"}}`: "--host-config-policy restricted: pid_mode",
	} {
		run.RunConfig = json.RawMessage(config)
		_, err := buildSpec(cfg, vols, Owner{}, modernEngine, run)
		assert.Check(t, is.ErrorContains(err, says), config)
	}
	run.RunConfig = nil
	run.Flow.Storage = json.RawMessage(`{"type": "Docker", "registry_url": "quay.io", "image_name": "x", "image_tag": "1"}`)
	_, err = buildSpec(cfg, vols, Owner{}, modernEngine, run)
	assert.Check(t, is.ErrorContains(err, "quay.io/x:1"), "images of storage, too")
}

func FuzzPolicyRules(f *testing.F) {
	for _, rule := range restrictedRules {
		f.Add(rule, "docker.io/library/*:1.*", "/x")
	}
	f.Add(`binds:C:\x`, "{a,b}.io/**/[a-z]:?", "/proc/1/root")
	f.Add("network_mode:container,binds:/a/../b", `a.io/\*:x`, `\\.\pipe\x`)
	f.Fuzz(func(t *testing.T, denied, glob, source string) {
		if p, err := NewPolicy([]string{glob}, nil, ""); err == nil {
			_ = p.checkImage(source)
			assert.Check(t, p.checkImage("sha256:0") != nil)
		} else {
			assert.Check(t, strings.HasPrefix(err.Error(), fmt.Sprintf("--allow-image %q: ", glob)))
		}
		p, err := NewPolicy(nil, []string{denied}, "")
		if err != nil {
			assert.Check(t, strings.HasPrefix(err.Error(), "--deny-host-config "))
			return
		}
		again, err := NewPolicy(nil, []string{denied, denied}, "")
		assert.NilError(t, err)
		assert.Check(t, is.Equal(len(again.rules), len(p.rules)))
		for _, rule := range p.rules {
			if rule.path == "" {
				continue
			}
			for _, bound := range []string{rule.path, rule.path + "/below", "/", "/proc/1/root" + rule.path} {
				given := object{{"mounts", []any{object{{"Type", "bind"}, {"Source", bound}, {"Target", "/x"}}}}}
				what, err := rule.violation(given)
				assert.NilError(t, err)
				assert.Check(t, what != "", "%s denies %s", rule.path, bound)
			}
			_, err := rule.violation(object{{"binds", []any{source + ":/x"}}})
			assert.NilError(t, err)
		}
	})
}
