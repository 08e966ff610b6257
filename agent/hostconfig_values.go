package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The converters take a decoded JSON value that is not null, and return it as the Engine API has it.

func toAnything(v any) (any, error) { return plain(v), nil }

func toBool(v any) (any, error) {
	if b, ok := v.(bool); ok {
		return b, nil
	}
	return nil, expected("true or false", v)
}

func toText(v any) (any, error) {
	if text, ok := v.(string); ok {
		return text, nil
	}
	return nil, expected("text", v)
}

func toInt(v any) (any, error) {
	n, ok := v.(json.Number)
	if !ok {
		return nil, expected("a whole number", v)
	}
	i, err := n.Int64()
	if err != nil {
		return nil, fmt.Errorf("expected a whole number, found %s", n)
	}
	return i, nil
}

func toTexts(v any) (any, error) { return anyOrErr(textList(v)) }

// anyOrErr widens the type of a result.
func anyOrErr[T any](v T, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return v, nil
}

func toTextOrList(v any) (any, error) {
	if text, ok := v.(string); ok {
		return []string{text}, nil // engines read it so
	}
	return toTexts(v)
}

func toVolumesFrom(v any) (any, error) {
	if text, ok := v.(string); ok {
		return strings.Split(text, ","), nil
	}
	return toTexts(v)
}

func toScalars(v any) (any, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, expected("a list", v)
	}
	texts := make([]string, len(list))
	for i := range list {
		var err error
		if texts[i], err = scalarText(list[i]); err != nil {
			return nil, err
		}
	}
	return texts, nil
}

func scalarText(v any) (string, error) {
	switch v.(type) {
	case string, json.Number:
		return pythonText(v), nil
	}
	return "", expected("text or a number", v)
}

func toScalarMap(v any) (any, error) { return anyOrErr(textMap(v, scalarText)) }

func toTextMap(v any) (any, error) { return anyOrErr(textMap(v, plainText)) }

func plainText(v any) (string, error) {
	if text, ok := v.(string); ok {
		return text, nil
	}
	return "", expected("text", v)
}

func textMap(v any, convert func(any) (string, error)) (map[string]string, error) {
	members, ok := v.(object)
	if !ok {
		return nil, expected("an object", v)
	}
	texts := make(map[string]string, len(members))
	for _, m := range members {
		text, err := convert(m.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		texts[m.name] = text
	}
	return texts, nil
}

func toObject(v any) (any, error) {
	if _, ok := v.(object); !ok {
		return nil, expected("an object", v)
	}
	return plain(v), nil
}

func toObjects(v any) (any, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, expected("a list of objects", v)
	}
	for _, item := range list {
		if _, ok := item.(object); !ok {
			return nil, fmt.Errorf("expected a list of objects, found %s in it", kindOf(item))
		}
	}
	return plain(v), nil
}

func toHost(v any) (any, error) {
	if v != networkHost {
		return nil, fmt.Errorf(`invalid value %s: "host" is the only one`, pythonRepr(v))
	}
	return v, nil
}

func toInitPath(any) (any, error) {
	return nil, errors.New(`not supported by engines since API version 1.29; write "init": true`)
}

// toBinds reads a list of texts, or {source: target} or {source: {"bind": target, "mode" or "ro": …}}.
func toBinds(v any) (any, error) {
	members, ok := v.(object)
	if !ok {
		return toTexts(v)
	}
	binds := make([]string, len(members))
	for i, m := range members {
		bind := Bind{Source: m.name, Mode: "rw"}
		var err error
		if options, isObject := m.value.(object); isObject {
			err = bind.setOptions(options)
		} else {
			bind.Target, err = plainText(m.value)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		binds[i] = bind.String()
	}
	return binds, nil
}

func (b *Bind) setOptions(options object) (err error) {
	if b.Target, err = memberText(options, "bind"); err != nil {
		return err
	}
	if b.Target == "" {
		return errors.New(`no "bind", which is the path in the container`)
	}
	mode, hasMode := options.get("mode")
	readOnly, hasReadOnly := options.get("ro")
	switch {
	case hasMode && hasReadOnly:
		return errors.New(`has both "ro" and "mode"`)
	case hasMode:
		if b.Mode, err = plainText(mode); err != nil {
			return fmt.Errorf("mode: %w", err)
		}
	case hasReadOnly && !isFalse(readOnly):
		b.Mode = "ro"
	}
	propagation, err := memberText(options, "propagation") // docker-py 7
	if err != nil || propagation == "" {
		return err
	}
	b.Mode = strings.TrimPrefix(b.Mode+","+propagation, ",")
	return nil
}

// toExtraHosts reads a list of "name:address", or an object, which becomes a sorted one.
func toExtraHosts(v any) (any, error) {
	if _, ok := v.(object); !ok {
		return toTexts(v)
	}
	hosts, err := textMap(v, plainText)
	if err != nil {
		return nil, err
	}
	list := make([]string, 0, len(hosts))
	for _, name := range slices.Sorted(maps.Keys(hosts)) {
		list = append(list, name+":"+hosts[name])
	}
	return list, nil
}

// isFalse is Python's truth of values, the other way round.
func isFalse(v any) bool {
	switch v := v.(type) {
	case bool:
		return !v
	case string:
		return v == ""
	case json.Number:
		f, err := v.Float64()
		return err == nil && f == 0
	case []any:
		return len(v) == 0
	case object:
		return len(v) == 0
	}
	return v == nil
}
