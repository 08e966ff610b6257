package agent

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// hostOption is a keyword of docker-py's create_host_config, in which run configs are written, and the
// member of the Engine API's HostConfig that it becomes (docker-py 5.0.3 types/containers.py).
type hostOption struct {
	keyword string
	member  string // empty: accepted, but without a meaning for today's engines
	convert func(v any) (any, error)
	// always sends values that Python takes for false, too: 0, false, "", [] and {}. Null is never sent.
	always bool
}

var hostOptions = [...]hostOption{
	{"auto_remove", "AutoRemove", toBool, false},
	{"binds", "Binds", toBinds, true},
	{"blkio_weight", "BlkioWeight", toInt, false},
	{"blkio_weight_device", "BlkioWeightDevice", toObjects, false},
	{"cap_add", "CapAdd", toTextOrList, false},
	{"cap_drop", "CapDrop", toTextOrList, false},
	{"cgroup_parent", "CgroupParent", toText, true},
	{"cgroupns", "CgroupnsMode", toText, false}, // docker-py 7
	{"cpu_count", "CpuCount", toInt, false},
	{"cpu_percent", "CpuPercent", toInt, false},
	{"cpu_period", "CpuPeriod", toInt, false},
	{"cpu_quota", "CpuQuota", toInt, false},
	{"cpu_rt_period", "CpuRealtimePeriod", toInt, false},
	{"cpu_rt_runtime", "CpuRealtimeRuntime", toInt, false},
	{"cpu_shares", "CpuShares", toInt, false},
	{"cpuset_cpus", "CpusetCpus", toText, false},
	{"cpuset_mems", "CpusetMems", toText, false},
	{"device_cgroup_rules", "DeviceCgroupRules", toTexts, true},
	{"device_read_bps", "BlkioDeviceReadBps", toObjects, false},
	{"device_read_iops", "BlkioDeviceReadIOps", toObjects, false},
	{"device_requests", "DeviceRequests", toDeviceRequests, true},
	{"device_write_bps", "BlkioDeviceWriteBps", toObjects, false},
	{"device_write_iops", "BlkioDeviceWriteIOps", toObjects, false},
	{"devices", "Devices", toDevices, false},
	{"dns", "Dns", toTexts, true},
	{"dns_opt", "DnsOptions", toTexts, true},
	{"dns_search", "DnsSearch", toTexts, false},
	{"extra_hosts", "ExtraHosts", toExtraHosts, true},
	{"group_add", "GroupAdd", toScalars, false},
	{"init", "Init", toBool, true},
	{"init_path", "", toInitPath, true},
	{"ipc_mode", "IpcMode", toText, false},
	{"isolation", "Isolation", toText, false},
	{"kernel_memory", "KernelMemory", toBytes, false},
	{"links", "Links", toLinks, true},
	{"log_config", "LogConfig", toLogConfig, true},
	{"lxc_conf", "", toAnything, true},
	{"mem_limit", "Memory", toBytes, true},
	{"mem_reservation", "MemoryReservation", toBytes, false},
	{"mem_swappiness", "MemorySwappiness", toInt, true},
	{"memswap_limit", "MemorySwap", toBytes, true},
	{"mounts", "Mounts", toObjects, true},
	{"nano_cpus", "NanoCpus", toInt, false},
	{"network_mode", "NetworkMode", toText, false},
	{"oom_kill_disable", "OomKillDisable", toBool, false},
	{"oom_score_adj", "OomScoreAdj", toInt, false},
	{"pid_mode", "PidMode", toText, false},
	{"pids_limit", "PidsLimit", toInt, false},
	{"port_bindings", "PortBindings", toPortBindings, true},
	{"privileged", "Privileged", toBool, false},
	{"publish_all_ports", "PublishAllPorts", toBool, false},
	{"read_only", "ReadonlyRootfs", toBool, true},
	{"restart_policy", "RestartPolicy", toObject, false},
	{"runtime", "Runtime", toText, false},
	{"security_opt", "SecurityOpt", toTexts, true},
	{"shm_size", "ShmSize", toBytes, true},
	{"storage_opt", "StorageOpt", toTextMap, true},
	{"sysctls", "Sysctls", toScalarMap, false},
	{"tmpfs", "Tmpfs", toTmpfs, false},
	{"ulimits", "Ulimits", toUlimits, true},
	{"userns_mode", "UsernsMode", toHost, false},
	{"uts_mode", "UTSMode", toHost, false},
	{"volume_driver", "VolumeDriver", toText, true},
	{"volumes_from", "VolumesFrom", toVolumesFrom, true},
}

// convertHostConfig turns a run config's host_config into members of the Engine API's HostConfig. An
// unknown keyword or a value of the wrong type is an error that names the keyword.
func convertHostConfig(given object) (map[string]any, error) {
	members := make(map[string]any, len(given)+4)
	for _, m := range given {
		i := slices.IndexFunc(hostOptions[:], func(o hostOption) bool { return o.keyword == m.name })
		if i < 0 {
			return nil, fmt.Errorf("run_config: host_config: unknown key %q%s", m.name, keywordHint(m.name))
		}
		option := hostOptions[i]
		if m.value == nil || !option.always && isFalse(m.value) {
			continue
		}
		v, err := option.convert(m.value)
		if err != nil {
			return nil, fmt.Errorf("run_config: host_config: %s: %w", m.name, err)
		}
		if option.member != "" {
			members[option.member] = v
		}
	}
	return members, nil
}

// keywordHint leads from a spelling of Docker's API or command line to the keyword.
func keywordHint(name string) string {
	var keyword string
	switch flat := strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(name)); flat {
	case "cpus":
		keyword = "nano_cpus" // in units of 10⁻⁹ CPUs
	case "gpus":
		keyword = "device_requests"
	case "network", "net":
		keyword = "network_mode"
	case "ports", "publish":
		keyword = "port_bindings"
	case "volumes", "volume":
		keyword = "binds"
	case "restart":
		keyword = "restart_policy"
	case "addhost":
		keyword = "extra_hosts"
	case "rm":
		keyword = "auto_remove"
	case "env", "environment", "image", "labels":
		return "; it belongs beside host_config, not into it"
	default:
		for _, option := range hostOptions {
			if strings.EqualFold(option.member, flat) || strings.ReplaceAll(option.keyword, "_", "") == flat {
				keyword = option.keyword
			}
		}
	}
	if keyword == "" {
		return "; keys are the arguments of docker-py's create_host_config"
	}
	return fmt.Sprintf("; write %q, as in docker-py's create_host_config", keyword)
}

// buildHostConfig merges the agent's settings with the run config's, which win key by key, and returns
// the container paths that remain to be declared as mount points. With gateway, the container knows
// its host as host.docker.internal.
//
// Where Python replaces the agent's extra hosts and binds by those of the run config, they are merged
// here: the documentation promises host.docker.internal and the agent's volumes to every run.
func buildHostConfig(rc runConfig, vols Volumes, gateway bool, mode string) (hostConfig map[string]any, mountPoints []string, err error) {
	hostConfig, err = convertHostConfig(rc.hostConfig)
	if err != nil {
		return nil, nil, err
	}
	if _, set := rc.hostConfig.get("auto_remove"); !set {
		hostConfig["AutoRemove"] = true
	}
	hostConfig["NetworkMode"] = mode
	if ports, _ := hostConfig["PortBindings"].(map[string]any); mode == networkHost && len(ports) > 0 {
		return nil, nil, errors.New(`run_config: host_config: "host" network_mode is incompatible with port_bindings`)
	}
	// A container in another's network has that one's hosts: engines refuse to add some.
	if gateway && !strings.HasPrefix(mode, networkContainer) {
		hostConfig["ExtraHosts"] = withHost(hostConfig["ExtraHosts"], hostFromInside, "host-gateway")
	}
	taken := takenPaths(hostConfig)
	var binds []string
	for _, bind := range vols.Binds {
		if !taken[comparablePath(bind.Target)] {
			binds = append(binds, bind.String())
		}
	}
	for _, path := range vols.MountPoints {
		if !taken[comparablePath(path)] {
			mountPoints = append(mountPoints, path)
		}
	}
	own, given := hostConfig["Binds"].([]string)
	if given || len(binds) > 0 {
		hostConfig["Binds"] = append(binds, own...)
	}
	return hostConfig, mountPoints, nil
}

// withHost adds a host name unless the list has an entry for it.
func withHost(hosts any, name, address string) []string {
	list, _ := hosts.([]string)
	for _, entry := range list {
		// "name:address", or "name=address" since Engine 25
		if i := strings.IndexAny(entry, ":="); i >= 0 && strings.EqualFold(entry[:i], name) {
			return list
		}
	}
	return append(slices.Clone(list), name+":"+address)
}

// takenPaths are the container paths on which the run config itself mounts something.
func takenPaths(hostConfig map[string]any) map[string]bool {
	taken := map[string]bool{}
	binds, _ := hostConfig["Binds"].([]string)
	for _, bind := range binds {
		taken[comparablePath(bindTarget(bind))] = true
	}
	tmpfs, _ := hostConfig["Tmpfs"].(map[string]string)
	for path := range maps.Keys(tmpfs) {
		taken[comparablePath(path)] = true
	}
	mounts, _ := hostConfig["Mounts"].([]any)
	for _, mount := range mounts {
		for name, v := range mount.(map[string]any) {
			if path, ok := v.(string); ok && strings.EqualFold(name, "Target") {
				taken[comparablePath(path)] = true
			}
		}
	}
	return taken
}

// bindTarget is the container path of SOURCE:TARGET[:MODE], drive letters of Windows included.
func bindTarget(bind string) string {
	rest := bind
	if i := strings.LastIndex(rest, ":"); i >= 0 && !strings.ContainsAny(rest[i:], `/\`) {
		rest = rest[:i] // the mode
	}
	i := strings.LastIndex(rest, ":")
	target := rest[i+1:]
	if strings.HasPrefix(target, `\`) && (i == 1 || i > 1 && rest[i-2] == ':') {
		target = rest[i-1:] // with its drive letter
	}
	return target
}

// comparablePath makes spellings of one container path equal.
func comparablePath(path string) string {
	if strings.HasPrefix(path, "/") {
		return normalizeUnix(path)
	}
	return strings.ToLower(normalizeWindows(path))
}
