package agent

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

// members converts a host_config and reads the outcome back as the engine would.
func members(t *testing.T, given string) map[string]any {
	t.Helper()
	converted, err := convertHostConfig(objectOf(t, given))
	assert.NilError(t, err, given)
	_, err = hostConfig(converted)
	assert.NilError(t, err, "the engine's client takes %s", given)
	return asJSON(t, converted)
}

func objectOf(t *testing.T, raw string) object {
	t.Helper()
	v, err := decodeJSON(json.RawMessage(raw))
	assert.NilError(t, err, raw)
	o, ok := v.(object)
	assert.Assert(t, ok, raw)
	return o
}

func asJSON(t *testing.T, v any) map[string]any {
	t.Helper()
	raw, err := json.Marshal(v)
	assert.NilError(t, err)
	var out map[string]any
	assert.NilError(t, json.Unmarshal(raw, &out))
	return out
}

func TestEachKeywordBecomesItsMember(t *testing.T) {
	for _, c := range []struct{ keyword, value, want string }{
		{"mem_limit", `"512m"`, `{"Memory": 536870912}`},
		{"mem_limit", `0`, `{"Memory": 0}`},
		{"mem_limit", `""`, `{"Memory": 0}`},
		{"mem_limit", `null`, `{}`},
		{"memswap_limit", `-1`, `{"MemorySwap": -1}`},
		{"memswap_limit", `"-1"`, `{"MemorySwap": -1}`},
		{"mem_reservation", `"64m"`, `{"MemoryReservation": 67108864}`},
		{"mem_reservation", `0`, `{}`},
		{"mem_reservation", `"0"`, `{"MemoryReservation": 0}`},
		{"kernel_memory", `"1g"`, `{"KernelMemory": 1073741824}`},
		{"kernel_memory", `0`, `{}`},
		{"shm_size", `"64m"`, `{"ShmSize": 67108864}`},
		{"shm_size", `0`, `{"ShmSize": 0}`},
		{"mem_swappiness", `0`, `{"MemorySwappiness": 0}`},
		{"pid_mode", `"host"`, `{"PidMode": "host"}`},
		{"pid_mode", `""`, `{}`},
		{"ipc_mode", `"shareable"`, `{"IpcMode": "shareable"}`},
		{"privileged", `true`, `{"Privileged": true}`},
		{"privileged", `false`, `{}`},
		{"privileged", `0`, `{}`},
		{"oom_kill_disable", `true`, `{"OomKillDisable": true}`},
		{"publish_all_ports", `true`, `{"PublishAllPorts": true}`},
		{"auto_remove", `true`, `{"AutoRemove": true}`},
		{"auto_remove", `false`, `{}`},
		{"oom_score_adj", `-500`, `{"OomScoreAdj": -500}`},
		{"oom_score_adj", `0`, `{}`},
		{"read_only", `true`, `{"ReadonlyRootfs": true}`},
		{"read_only", `false`, `{"ReadonlyRootfs": false}`},
		{"init", `false`, `{"Init": false}`},
		{"init_path", `null`, `{}`},
		{"network_mode", `"bridge"`, `{"NetworkMode": "bridge"}`},
		{"network_mode", `""`, `{}`},

		{"port_bindings", `{"80": 8080}`, `{"PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}}`},
		{"port_bindings", `{"53/udp": "53"}`, `{"PortBindings": {"53/udp": [{"HostIp": "", "HostPort": "53"}]}}`},
		{"port_bindings", `{"80": null}`, `{"PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": ""}]}}`},
		{"port_bindings", `{"80": [1, "2-3"]}`, `{"PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "1"}, {"HostIp": "", "HostPort": "2-3"}]}}`},
		{"port_bindings", `{"80": {"HostPort": 1, "HostIp": "127.0.0.1"}}`, `{"PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "1"}]}}`},
		{"port_bindings", `{"80": {"HostPort": null}}`, `{"PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": ""}]}}`},
		{"port_bindings", `{}`, `{"PortBindings": {}}`},

		{"binds", `["/a:/b"]`, `{"Binds": ["/a:/b"]}`},
		{"binds", `{"/z": {"bind": "/1"}, "/a": {"bind": "/2", "mode": "ro"}}`, `{"Binds": ["/z:/1:rw", "/a:/2:ro"]}`},
		{"binds", `{"/a": {"bind": "/b", "ro": true}, "/c": {"bind": "/d", "ro": false}}`, `{"Binds": ["/a:/b:ro", "/c:/d:rw"]}`},
		{"binds", `{"/a": {"bind": "/b", "mode": "ro", "propagation": "rslave"}}`, `{"Binds": ["/a:/b:ro,rslave"]}`},
		{"binds", `{"/a": "/b"}`, `{"Binds": ["/a:/b:rw"]}`},
		{"extra_hosts", `{"b": "1.1.1.1", "a": "2.2.2.2"}`, `{"ExtraHosts": ["a:2.2.2.2", "b:1.1.1.1"]}`},
		{"extra_hosts", `["x:1.2.3.4"]`, `{"ExtraHosts": ["x:1.2.3.4"]}`},
		{"dns", `["8.8.8.8"]`, `{"Dns": ["8.8.8.8"]}`},
		{"dns", `[]`, `{"Dns": []}`},
		{"dns_opt", `["use-vc"]`, `{"DnsOptions": ["use-vc"]}`},
		{"dns_search", `["lan"]`, `{"DnsSearch": ["lan"]}`},
		{"dns_search", `[]`, `{}`},
		{"links", `{"b": "x", "a": null, "c": ""}`, `{"Links": ["a", "b:x", "c"]}`},
		{"links", `[["b", "x"], ["a", "y"]]`, `{"Links": ["a:y", "b:x"]}`},
		{"volumes_from", `"a,b:ro"`, `{"VolumesFrom": ["a", "b:ro"]}`},
		{"volumes_from", `["a"]`, `{"VolumesFrom": ["a"]}`},
		{"restart_policy", `{"Name": "on-failure", "MaximumRetryCount": 2}`, `{"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 2}}`},
		{"restart_policy", `{}`, `{}`},
		{"cap_add", `["NET_ADMIN"]`, `{"CapAdd": ["NET_ADMIN"]}`},
		{"cap_add", `[]`, `{}`},
		{"cap_drop", `"ALL"`, `{"CapDrop": ["ALL"]}`},

		{
			"devices", `["/dev/a", "/dev/a:/dev/b", "/dev/a:/dev/b:r", {"PathOnHost": "/dev/c"}]`,
			`{"Devices": [{"PathOnHost": "/dev/a", "PathInContainer": "/dev/a", "CgroupPermissions": "rwm"},
				{"PathOnHost": "/dev/a", "PathInContainer": "/dev/b", "CgroupPermissions": "rwm"},
				{"PathOnHost": "/dev/a", "PathInContainer": "/dev/b", "CgroupPermissions": "r"}, {"PathOnHost": "/dev/c"}]}`,
		},
		{
			"device_requests", `[{"count": -1, "capabilities": [["gpu"]]}, {"Driver": "nvidia", "DeviceIDs": ["0"], "options": {"a": "b"}}]`,
			`{"DeviceRequests": [{"Count": -1, "Capabilities": [["gpu"]]}, {"Driver": "nvidia", "DeviceIDs": ["0"], "Options": {"a": "b"}}]}`,
		},
		{"device_cgroup_rules", `["c 1:1 rwm"]`, `{"DeviceCgroupRules": ["c 1:1 rwm"]}`},
		{"group_add", `["audio", 1000]`, `{"GroupAdd": ["audio", "1000"]}`},
		{"security_opt", `["seccomp=unconfined"]`, `{"SecurityOpt": ["seccomp=unconfined"]}`},
		{"sysctls", `{"net.core.somaxconn": 1024, "kernel.x": "1"}`, `{"Sysctls": {"net.core.somaxconn": "1024", "kernel.x": "1"}}`},
		{"ulimits", `[{"name": "nofile", "soft": 1, "hard": 2}, {"Name": "core", "Hard": 0}]`, `{"Ulimits": [{"Name": "nofile", "Soft": 1, "Hard": 2}, {"Name": "core", "Hard": 0}]}`},
		{"log_config", `{"type": "json-file", "config": {"max-size": "1m"}}`, `{"LogConfig": {"Type": "json-file", "Config": {"max-size": "1m"}}}`},
		{"log_config", `{"Type": "none"}`, `{"LogConfig": {"Type": "none"}}`},

		{"cpu_quota", `50000`, `{"CpuQuota": 50000}`},
		{"cpu_quota", `0`, `{}`},
		{"cpu_period", `100000`, `{"CpuPeriod": 100000}`},
		{"cpu_shares", `512`, `{"CpuShares": 512}`},
		{"cpu_count", `2`, `{"CpuCount": 2}`},
		{"cpu_percent", `50`, `{"CpuPercent": 50}`},
		{"nano_cpus", `1500000000`, `{"NanoCpus": 1500000000}`},
		{"cpu_rt_period", `1000`, `{"CpuRealtimePeriod": 1000}`},
		{"cpu_rt_runtime", `500`, `{"CpuRealtimeRuntime": 500}`},
		{"cpuset_cpus", `"0-2"`, `{"CpusetCpus": "0-2"}`},
		{"cpuset_mems", `"0"`, `{"CpusetMems": "0"}`},
		{"blkio_weight", `300`, `{"BlkioWeight": 300}`},
		{"blkio_weight_device", `[{"Path": "/dev/sda", "Weight": 1}]`, `{"BlkioWeightDevice": [{"Path": "/dev/sda", "Weight": 1}]}`},
		{"device_read_bps", `[{"Path": "/dev/sda", "Rate": 1}]`, `{"BlkioDeviceReadBps": [{"Path": "/dev/sda", "Rate": 1}]}`},
		{"device_write_bps", `[{"Path": "/dev/sda", "Rate": 1}]`, `{"BlkioDeviceWriteBps": [{"Path": "/dev/sda", "Rate": 1}]}`},
		{"device_read_iops", `[{"Path": "/dev/sda", "Rate": 1}]`, `{"BlkioDeviceReadIOps": [{"Path": "/dev/sda", "Rate": 1}]}`},
		{"device_write_iops", `[{"Path": "/dev/sda", "Rate": 1}]`, `{"BlkioDeviceWriteIOps": [{"Path": "/dev/sda", "Rate": 1}]}`},
		{"device_write_iops", `[]`, `{}`},
		{"tmpfs", `{"/run": "size=1m"}`, `{"Tmpfs": {"/run": "size=1m"}}`},
		{"tmpfs", `["/run:size=1m,mode=700", "/tmp"]`, `{"Tmpfs": {"/run": "size=1m,mode=700", "/tmp": ""}}`},
		{"userns_mode", `"host"`, `{"UsernsMode": "host"}`},
		{"uts_mode", `"host"`, `{"UTSMode": "host"}`},
		{"uts_mode", `""`, `{}`},
		{"pids_limit", `100`, `{"PidsLimit": 100}`},
		{"isolation", `"hyperv"`, `{"Isolation": "hyperv"}`},
		{"runtime", `"nvidia"`, `{"Runtime": "nvidia"}`},
		{"storage_opt", `{"size": "120G"}`, `{"StorageOpt": {"size": "120G"}}`},
		{"volume_driver", `""`, `{"VolumeDriver": ""}`},
		{"cgroup_parent", `"/flows"`, `{"CgroupParent": "/flows"}`},
		{"cgroupns", `"private"`, `{"CgroupnsMode": "private"}`},
		{
			"mounts", `[{"Target": "/a", "Source": "b", "Type": "volume", "ReadOnly": true, "TmpfsOptions": {"SizeBytes": 12345678901}}]`,
			`{"Mounts": [{"Target": "/a", "Source": "b", "Type": "volume", "ReadOnly": true, "TmpfsOptions": {"SizeBytes": 12345678901}}]}`,
		},
		{"lxc_conf", `{"a": "b"}`, `{}`},
	} {
		hostConfig := fmt.Sprintf(`{%q: %s}`, c.keyword, c.value)
		var want map[string]any
		assert.NilError(t, json.Unmarshal([]byte(c.want), &want), c.want)
		assert.Check(t, is.DeepEqual(members(t, hostConfig), want), hostConfig)
	}
}

func TestEmptyValuesAreSentWhereDockerPySendsThem(t *testing.T) {
	sent := map[string]string{
		"binds": `[]`, "cgroup_parent": `""`, "device_cgroup_rules": `[]`, "device_requests": `[]`, "dns": `[]`, "dns_opt": `[]`,
		"extra_hosts": `[]`, "init": `false`, "links": `{}`, "log_config": `{}`, "mem_limit": `0`, "mem_swappiness": `0`,
		"memswap_limit": `0`, "mounts": `[]`, "port_bindings": `{}`, "read_only": `false`, "security_opt": `[]`, "shm_size": `0`,
		"storage_opt": `{}`, "ulimits": `[]`, "volume_driver": `""`, "volumes_from": `[]`,
	}
	for _, o := range hostOptions {
		value, isSent := sent[o.keyword]
		if isSent {
			got := members(t, fmt.Sprintf(`{%q: %s}`, o.keyword, value))
			_, there := got[o.member]
			assert.Check(t, there, "%s: %s", o.keyword, value)
		}
		for _, value := range []string{`null`, `false`, `0`, `""`, `[]`, `{}`, `0.0`} {
			if (isSent || o.member == "") && value != `null` {
				continue
			}
			got := members(t, fmt.Sprintf(`{%q: %s}`, o.keyword, value))
			assert.Check(t, is.Len(got, 0), "%s: %s", o.keyword, value)
		}
	}
}

func TestSizesFollowTheBytesRule(t *testing.T) {
	for text, want := range map[string]int64{
		`1024`: 1024, `-1`: -1, `1e9`: 1000000000, `9007199254740993`: 9007199254740993,
		`""`: 0, `"0"`: 0, `"7"`: 7, `"7b"`: 7, `"7B"`: 7, `"7 b"`: 7, `"-1"`: -1, `"7.9"`: 7,
		`"1k"`: 1 << 10, `"1m"`: 1 << 20, `"1g"`: 1 << 30, `"1K"`: 1 << 10, `"1G"`: 1 << 30,
		`"1kb"`: 1 << 10, `"1gB"`: 1 << 30, `"1GB"`: 1 << 30, `"1bb"`: 1,
		`"1.5g"`: 1610612736, `"0.5k"`: 512, `"1 g"`: 1 << 30, `"1e3k"`: 1024000,
	} {
		got, err := toBytes(mustDecode(t, text))
		assert.NilError(t, err, text)
		assert.Check(t, is.Equal(got, want), text)
	}
	for _, text := range []string{`"1t"`, `"1kib"`, `"b"`, `"g"`, `"x"`, `"0x1k"`, `"nang"`, `"infg"`, `"1e30"`, `"99999999999g"`, `"9000000000g"`, `1.5`, `1e300`, `true`, `[]`} {
		_, err := toBytes(mustDecode(t, text))
		assert.Check(t, err != nil, text)
	}
}

func mustDecode(t *testing.T, raw string) any {
	t.Helper()
	v, err := decodeJSON(json.RawMessage(raw))
	assert.NilError(t, err)
	return v
}

func TestAWrongHostConfigNamesKeyAndWayOut(t *testing.T) {
	for hostConfig, want := range map[string]string{
		`{"Memory": 1}`:          `unknown key "Memory"; write "mem_limit", as in docker-py's create_host_config`,
		`{"NanoCpus": 1}`:        `unknown key "NanoCpus"; write "nano_cpus"`,
		`{"ReadonlyRootfs": 1}`:  `unknown key "ReadonlyRootfs"; write "read_only"`,
		`{"memLimit": 1}`:        `unknown key "memLimit"; write "mem_limit"`,
		`{"shm-size": 1}`:        `unknown key "shm-size"; write "shm_size"`,
		`{"cpus": 1}`:            `unknown key "cpus"; write "nano_cpus"`,
		`{"gpus": 1}`:            `unknown key "gpus"; write "device_requests"`,
		`{"network": "n"}`:       `unknown key "network"; write "network_mode"`,
		`{"volumes": []}`:        `unknown key "volumes"; write "binds"`,
		`{"ports": []}`:          `unknown key "ports"; write "port_bindings"`,
		`{"add_host": []}`:       `unknown key "add_host"; write "extra_hosts"`,
		`{"rm": true}`:           `unknown key "rm"; write "auto_remove"`,
		`{"restart": "no"}`:      `unknown key "restart"; write "restart_policy"`,
		`{"environment": {}}`:    `unknown key "environment"; it belongs beside host_config, not into it`,
		`{"version": "1.41"}`:    `unknown key "version"; keys are the arguments of docker-py's create_host_config`,
		`{"nonsense": null}`:     `unknown key "nonsense"; keys are the arguments of docker-py's create_host_config`,
		`{"init_path": "/init"}`: `init_path: not supported by engines since API version 1.29; write "init": true`,

		`{"mem_limit": "1t"}`:                              `mem_limit: "1t" is no size`,
		`{"mem_limit": {}}`:                                `mem_limit: expected bytes or a text such as "512m", found an object`,
		`{"mem_swappiness": "1"}`:                          `mem_swappiness: expected a whole number, found text`,
		`{"cpu_shares": true}`:                             `cpu_shares: expected a whole number, found true or false`,
		`{"cpu_shares": 1.5}`:                              `cpu_shares: expected a whole number, found 1.5`,
		`{"privileged": "yes"}`:                            `privileged: expected true or false, found text`,
		`{"cpuset_cpus": 1}`:                               `cpuset_cpus: expected text, found a number`,
		`{"dns": "8.8.8.8"}`:                               `dns: expected a list of text, found text`,
		`{"cap_add": [1]}`:                                 `cap_add: expected a list of text, found a number in it`,
		`{"group_add": "audio"}`:                           `group_add: expected a list, found text`,
		`{"group_add": [[]]}`:                              `group_add: expected text or a number, found a list`,
		`{"security_opt": "x"}`:                            `security_opt: expected a list of text, found text`,
		`{"sysctls": ["a"]}`:                               `sysctls: expected an object, found a list`,
		`{"sysctls": {"a": true}}`:                         `sysctls: a: expected text or a number, found true or false`,
		`{"extra_hosts": "a:1"}`:                           `extra_hosts: expected a list of text, found text`,
		`{"extra_hosts": {"a": 1}}`:                        `extra_hosts: a: expected text, found a number`,
		`{"links": ["ab"]}`:                                `links: expected [name, alias], found text`,
		`{"links": [["a", "b", "c"]]}`:                     `links: expected [name, alias], found a list`,
		`{"links": [[1, "a"]]}`:                            `links: expected text, found a number`,
		`{"links": {"a": 1}}`:                              `links: a: expected text, found a number`,
		`{"links": "a"}`:                                   `links: expected an object or a list of [name, alias], found text`,
		`{"restart_policy": "always"}`:                     `restart_policy: expected an object, found text`,
		`{"devices": "/dev/a"}`:                            `devices: expected a list of devices such as "/dev/sda:/dev/xvda:rwm", found text`,
		`{"devices": [1]}`:                                 `devices: expected a list of devices such as "/dev/sda:/dev/xvda:rwm", found a number`,
		`{"device_requests": "all"}`:                       `device_requests: expected a list of objects, found text`,
		`{"device_requests": [1]}`:                         `device_requests: expected an object, found a number`,
		`{"device_requests": [{"count": "1"}]}`:            `device_requests: count: expected a whole number, found text`,
		`{"device_requests": [{"capabilities": ["gpu"]}]}`: `device_requests: capabilities: expected a list of lists, such as [["gpu"]], found text`,
		`{"ulimits": {}}`:                                  `ulimits: expected a list of objects, found an object`,
		`{"ulimits": [{"soft": 1}]}`:                       `ulimits: no "name"`,
		`{"ulimits": [{"name": "x", "hard": "1"}]}`:        `ulimits: hard: expected a whole number, found text`,
		`{"log_config": "syslog"}`:                         `log_config: expected an object, found text`,
		`{"log_config": {"config": {"max-file": 3}}}`:      `log_config: config: max-file: expected text, found a number`,
		`{"mounts": ["/a"]}`:                               `mounts: expected a list of objects, found text in it`,
		`{"mounts": {}}`:                                   `mounts: expected a list of objects, found an object`,
		`{"tmpfs": "/run"}`:                                `tmpfs: expected a list of text, found text`,
		`{"userns_mode": "private"}`:                       `userns_mode: invalid value 'private': "host" is the only one`,
		`{"binds": "/a:/b"}`:                               `binds: expected a list of text, found text`,
		`{"binds": {"/a": 1}}`:                             `binds: /a: expected text, found a number`,
		`{"binds": {"/a": {}}}`:                            `binds: /a: no "bind", which is the path in the container`,
		`{"binds": {"/a": {"bind": "/b", "ro": true, "mode": "rw"}}}`: `binds: /a: has both "ro" and "mode"`,
		`{"binds": {"/a": {"bind": "/b", "propagation": 1}}}`:         `binds: /a: propagation: expected text, found a number`,
		`{"port_bindings": {"80": {"HostPort": 1, "HostIp": 1}}}`:     `port_bindings: 80: HostIp: expected text, found a number`,
		`{"binds": {"/a": {"bind": "/b", "mode": 1}}}`:                `binds: /a: mode: expected text, found a number`,
		`{"port_bindings": [80]}`:                                     `port_bindings: expected an object such as {"8080": 8080}, found a list`,
		`{"port_bindings": {"80": {"HostIp": "::1"}}}`:                `port_bindings: 80: no "HostPort"`,
		`{"port_bindings": {"80": true}}`:                             `port_bindings: 80: expected a host port, found true or false`,
		`{"port_bindings": {"80": ["127.0.0.1", 81]}}`:                `port_bindings: 80: "127.0.0.1" is no port; an address goes into {"HostIp": …, "HostPort": …}`,
	} {
		_, err := convertHostConfig(objectOf(t, hostConfig))
		assert.Check(t, is.ErrorContains(err, "run_config: host_config: "+want), hostConfig)
	}
}

func TestTheHostGatewayNeedsEngine2010(t *testing.T) {
	for _, c := range []struct {
		version, api string
		want         bool
	}{
		{"20.10.0", "1.40", true},
		{"20.10.24+dfsg1", "1.41", true},
		{"28.5.2", "1.51", true},
		{"29.0.0-rc.1", "1.52", true},
		{"20.10.0-rc1", "1.41", false},
		{"19.3.15", "1.41", false},
		{"4.9.3", "1.41", false}, // Podman's numbers
		{"dev", "1.41", true},
		{"library-import", "1.51", true},
		{"17.03.2-ce", "1.27", false},
		{"", "1.40", false},
		{"", "2.0", true},
		{"dev", "", false},
	} {
		got := hasHostGateway(EngineInfo{Version: c.version, APIVersion: c.api})
		assert.Check(t, is.Equal(got, c.want), "version %q, API %q", c.version, c.api)
	}
}

// built is the merged host config of a run, and the mount points.
func built(t *testing.T, given string, volumes []string, gateway bool) (map[string]any, []string) {
	t.Helper()
	vols, err := ParseVolumes(volumes, false)
	assert.NilError(t, err)
	rc := runConfig{hostConfig: objectOf(t, given)}
	hostConfig, mountPoints, err := buildHostConfig(rc, vols, gateway, networkMode(nil, rc))
	assert.NilError(t, err)
	return asJSON(t, hostConfig), mountPoints
}

func TestContainersAreRemovedByTheEngineUnlessTheRunConfigSaysOtherwise(t *testing.T) {
	for given, want := range map[string]any{`{}`: true, `{"auto_remove": true}`: true, `{"auto_remove": false}`: nil, `{"auto_remove": null}`: nil} {
		hostConfig, _ := built(t, given, nil, true)
		assert.Check(t, is.DeepEqual(hostConfig["AutoRemove"], want), given)
	}
}

func TestTheDefaultsAreThoseOfPython(t *testing.T) {
	hostConfig, mountPoints := built(t, `{}`, nil, true)
	assert.Check(t, is.DeepEqual(hostConfig, map[string]any{
		"AutoRemove": true, "NetworkMode": "default", "ExtraHosts": []any{"host.docker.internal:host-gateway"},
	}))
	assert.Check(t, is.Len(mountPoints, 0))

	hostConfig, mountPoints = built(t, `{}`, []string{"/a:/b", "vol:/c"}, false)
	assert.Check(t, is.DeepEqual(hostConfig, map[string]any{
		"AutoRemove": true, "NetworkMode": "default", "Binds": []any{"/a:/b:rw", "vol:/c:rw"},
	}))
	assert.Check(t, is.DeepEqual(mountPoints, []string{"/b", "/c"}))
}

func TestExtraHostsOfTheRunConfigAreAddedToTheAgents(t *testing.T) {
	const gateway = "host.docker.internal:host-gateway"
	for given, want := range map[string][]any{
		`null`:                                 {gateway},
		`[]`:                                   {gateway},
		`{}`:                                   {gateway},
		`{"db": "10.0.0.5"}`:                   {"db:10.0.0.5", gateway},
		`["db:10.0.0.5"]`:                      {"db:10.0.0.5", gateway},
		`{"host.docker.internal": "10.0.0.1"}`: {"host.docker.internal:10.0.0.1"},
		`["Host.Docker.Internal:10.0.0.1"]`:    {"Host.Docker.Internal:10.0.0.1"},
		`["host.docker.internal=10.0.0.1"]`:    {"host.docker.internal=10.0.0.1"},
		`["not.host.docker.internal:1.1.1.1"]`: {"not.host.docker.internal:1.1.1.1", gateway},
	} {
		hostConfig, _ := built(t, `{"extra_hosts": `+given+`}`, nil, true)
		assert.Check(t, is.DeepEqual(hostConfig["ExtraHosts"], any(want)), given)
	}
	hostConfig, _ := built(t, `{"extra_hosts": ["db:10.0.0.5"]}`, nil, false)
	assert.Check(t, is.DeepEqual(hostConfig["ExtraHosts"], any([]any{"db:10.0.0.5"})))
	hostConfig, _ = built(t, `{"network_mode": "container:vpn"}`, nil, true)
	assert.Check(t, hostConfig["ExtraHosts"] == nil, "engines refuse hosts for a container in another's network")
}

func TestBindsOfTheRunConfigAreAddedToTheAgents(t *testing.T) {
	for _, c := range []struct {
		given       string
		binds       []any
		mountPoints []string
	}{
		{`{"binds": null}`, []any{"/a:/x:rw", "/b:/y:ro"}, []string{"/x", "/y"}},
		{`{"binds": []}`, []any{"/a:/x:rw", "/b:/y:ro"}, []string{"/x", "/y"}},
		{`{"binds": ["/c:/z"]}`, []any{"/a:/x:rw", "/b:/y:ro", "/c:/z"}, []string{"/x", "/y"}},
		{`{"binds": ["/c:/x/:ro"]}`, []any{"/b:/y:ro", "/c:/x/:ro"}, []string{"/y"}},
		{`{"binds": {"/c": {"bind": "/y"}}}`, []any{"/a:/x:rw", "/c:/y:rw"}, []string{"/x"}},
		{`{"binds": ["/a:/other"]}`, []any{"/a:/x:rw", "/b:/y:ro", "/a:/other"}, []string{"/x", "/y"}},
		{`{"tmpfs": ["/x:size=1m"]}`, []any{"/b:/y:ro"}, []string{"/y"}},
		{`{"mounts": [{"target": "/y", "Type": "bind", "Source": "/x"}]}`, []any{"/a:/x:rw"}, []string{"/x"}},
	} {
		hostConfig, mountPoints := built(t, c.given, []string{"/a:/x", "/b:/y:ro"}, false)
		assert.Check(t, is.DeepEqual(hostConfig["Binds"], any(c.binds)), c.given)
		assert.Check(t, is.DeepEqual(mountPoints, c.mountPoints), c.given)
	}
}

func TestTheContainerPathOfABindIsFound(t *testing.T) {
	for bind, want := range map[string]string{
		"/a:/b": "/b", "/a:/b:ro": "/b", "/a:/b:ro,z": "/b", "vol:/b": "/b", "/b": "/b", "": "", ":": "", `C:\a:/b`: "/b", `C:\a`: `C:\a`,
		`C:\a:D:\b`: `D:\b`, `C:\a:D:\b:ro`: `D:\b`, `\\.\pipe\docker_engine:\\.\pipe\docker_engine`: `\\.\pipe\docker_engine`,
	} {
		assert.Check(t, is.Equal(bindTarget(bind), want), bind)
	}
	assert.Check(t, is.Equal(comparablePath(`C:/Data`), comparablePath(`c:\data\`)))
}

func TestPortsCannotBePublishedOnTheHostsNetwork(t *testing.T) {
	rc := runConfig{hostConfig: objectOf(t, `{"port_bindings": {"80": 8080}}`)}
	_, _, err := buildHostConfig(rc, Volumes{}, true, networkHost)
	assert.Check(t, is.ErrorContains(err, `"host" network_mode is incompatible with port_bindings`))
	_, _, err = buildHostConfig(runConfig{hostConfig: objectOf(t, `{"port_bindings": {}}`)}, Volumes{}, true, networkHost)
	assert.NilError(t, err)
}

func FuzzHostConfig(f *testing.F) {
	for _, o := range hostOptions {
		for _, v := range []string{`1`, `"a:b:c"`, `[]`, `["x", 1]`, `{"a": {"bind": "/b"}}`, `[{"Target": "/x"}]`, `{"80": [null, {"HostPort": 1}]}`} {
			f.Add(fmt.Sprintf(`{%q: %s}`, o.keyword, v))
		}
	}
	f.Fuzz(func(t *testing.T, raw string) {
		v, err := decodeJSON(json.RawMessage(raw))
		if err != nil {
			assert.Check(t, !json.Valid([]byte(raw)), "%q is JSON: %v", raw, err)
			return
		}
		given, ok := v.(object)
		if !ok {
			return
		}
		rc := runConfig{hostConfig: given}
		vols := Volumes{Binds: []Bind{{"/a", "/x", "rw"}}, MountPoints: []string{"/x"}}
		hostConfig, _, err := buildHostConfig(rc, vols, true, networkMode(nil, rc))
		if err != nil {
			assert.Check(t, strings.HasPrefix(err.Error(), "run_config: host_config: "))
			return
		}
		asJSON(t, hostConfig)
		mode := hostConfig["NetworkMode"].(string)
		assert.Check(t, mode != "")
		hosts, _ := hostConfig["ExtraHosts"].([]string)
		assert.Check(t, len(hosts) > 0 || strings.HasPrefix(mode, networkContainer), "host.docker.internal is there")
	})
}
