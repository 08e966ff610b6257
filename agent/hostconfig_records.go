package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// eachItem converts the items of a list.
func eachItem(v any, what string, convert func(any) (any, error)) (any, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, expected(what, v)
	}
	items := make([]any, len(list))
	for i := range list {
		var err error
		if items[i], err = convert(list[i]); err != nil {
			return nil, err
		}
	}
	return items, nil
}

// toDevices reads HOST[:CONTAINER[:PERMISSIONS]], or objects of the Engine API.
func toDevices(v any) (any, error) {
	const what = `a list of devices such as "/dev/sda:/dev/xvda:rwm"`
	return eachItem(v, what, func(item any) (any, error) {
		if _, ok := item.(object); ok {
			return plain(item), nil
		}
		text, ok := item.(string)
		if !ok {
			return nil, expected(what, item)
		}
		parts := append(strings.Split(text, ":"), "", "")
		device := map[string]any{"PathOnHost": parts[0], "PathInContainer": parts[1], "CgroupPermissions": parts[2]}
		if parts[1] == "" {
			device["PathInContainer"] = parts[0]
		}
		if parts[2] == "" {
			device["CgroupPermissions"] = "rwm"
		}
		return device, nil
	})
}

// field is a member of a record that may be written in docker-py's or in the Engine API's spelling.
type field struct {
	keyword, member string
	convert         func(any) (any, error)
}

// record converts an object; unknown members are left out, as docker-py does.
func record(v any, fields ...field) (map[string]any, error) {
	members, ok := v.(object)
	if !ok {
		return nil, expected("an object", v)
	}
	converted := map[string]any{}
	for _, f := range fields {
		given, there := members.get(f.keyword)
		if !there {
			given, _ = members.get(f.member)
		}
		if given == nil {
			continue
		}
		value, err := f.convert(given)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.keyword, err)
		}
		converted[f.member] = value
	}
	return converted, nil
}

func toDeviceRequests(v any) (any, error) {
	return eachItem(v, "a list of objects", func(item any) (any, error) {
		request, err := record(item,
			field{"driver", "Driver", toText}, field{"count", "Count", toInt}, field{"device_ids", "DeviceIDs", toTexts},
			field{"capabilities", "Capabilities", toCapabilities}, field{"options", "Options", toTextMap})
		return request, err
	})
}

func toCapabilities(v any) (any, error) {
	return eachItem(v, `a list of lists, such as [["gpu"]]`, func(item any) (any, error) {
		if _, ok := item.([]any); !ok {
			return nil, expected(`a list of lists, such as [["gpu"]]`, item)
		}
		return toTexts(item)
	})
}

func toUlimits(v any) (any, error) {
	return eachItem(v, "a list of objects", func(item any) (any, error) {
		limit, err := record(item, field{"name", "Name", toText}, field{"soft", "Soft", toInt}, field{"hard", "Hard", toInt})
		if err == nil && limit["Name"] == nil {
			err = errors.New(`no "name"`)
		}
		return limit, err
	})
}

func toLogConfig(v any) (any, error) {
	return anyOrErr(record(v, field{"type", "Type", toText}, field{"config", "Config", toTextMap}))
}

// toLinks reads {name: alias} or [[name, alias], …], where an alias may be empty.
func toLinks(v any) (any, error) {
	var pairs [][2]any
	switch v := v.(type) {
	case object:
		for _, m := range v {
			pairs = append(pairs, [2]any{m.name, m.value})
		}
	case []any:
		for _, item := range v {
			pair, ok := item.([]any)
			if !ok || len(pair) != 2 {
				return nil, expected("[name, alias]", item)
			}
			pairs = append(pairs, [2]any(pair))
		}
	default:
		return nil, expected("an object or a list of [name, alias]", v)
	}
	links := make([]string, len(pairs))
	for i, pair := range pairs {
		name, err := plainText(pair[0])
		if err != nil {
			return nil, err
		}
		links[i] = name
		if isFalse(pair[1]) {
			continue
		}
		alias, err := plainText(pair[1])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		links[i] += ":" + alias
	}
	slices.Sort(links)
	return links, nil
}

// toTmpfs reads {path: options}, or a list of "path[:options]".
func toTmpfs(v any) (any, error) {
	if _, ok := v.(object); ok {
		return toTextMap(v)
	}
	list, err := textList(v)
	if err != nil {
		return nil, err
	}
	mounts := make(map[string]string, len(list))
	for _, mount := range list {
		path, options, _ := strings.Cut(mount, ":")
		mounts[path] = options
	}
	return mounts, nil
}

// toPortBindings reads {container port: binding or list of bindings}.
func toPortBindings(v any) (any, error) {
	ports, ok := v.(object)
	if !ok {
		return nil, expected(`an object such as {"8080": 8080}`, v)
	}
	bindings := make(map[string]any, len(ports))
	for _, m := range ports {
		port := m.name
		if !strings.Contains(port, "/") {
			port += "/tcp"
		}
		list, ok := m.value.([]any)
		if !ok {
			list = []any{m.value}
		}
		converted := make([]map[string]string, len(list))
		for i := range list {
			var err error
			if converted[i], err = portBinding(list[i]); err != nil {
				return nil, fmt.Errorf("%s: %w", m.name, err)
			}
		}
		bindings[port] = converted
	}
	return bindings, nil
}

// hostPort is a port or a range of them; empty lets the engine choose.
var hostPort = regexp.MustCompile(`^([0-9]+(-[0-9]+)?)?$`)

func portBinding(v any) (map[string]string, error) {
	binding := map[string]string{"HostIp": "", "HostPort": ""}
	port := v
	if options, ok := v.(object); ok {
		ip, err := memberText(options, "HostIp")
		if err != nil {
			return nil, err
		}
		if port, ok = options.get("HostPort"); !ok {
			return nil, errors.New(`no "HostPort"`)
		}
		binding["HostIp"] = ip
	}
	switch port := port.(type) {
	case nil:
	case string:
		binding["HostPort"] = port
	case json.Number:
		binding["HostPort"] = port.String()
	default:
		return nil, expected("a host port", port)
	}
	if !hostPort.MatchString(binding["HostPort"]) {
		return nil, fmt.Errorf(`%q is no port; an address goes into {"HostIp": …, "HostPort": …}`, binding["HostPort"])
	}
	return binding, nil
}
