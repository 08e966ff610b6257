package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// settings are the layers below the flags, merged and flattened: keys are paths such as
// "cloud.agent.name", in the order in which they came.
type settings struct {
	src    Source
	env    environment
	values map[string]value
	order  []string
}

// value is one setting. Coercion makes numbers of texts that look like numbers; text is what was there
// before, for names and secrets.
type value struct {
	data any
	text string
	from string
}

func newSettings(src Source) *settings {
	return &settings{src: src, env: newEnvironment(src), values: map[string]value{}}
}

func (s *settings) set(key string, v value) {
	if _, ok := s.values[key]; !ok {
		s.order = append(s.order, key)
	}
	s.values[key] = v
}

func (s *settings) remove(doomed func(key string) bool) {
	s.order = slices.DeleteFunc(s.order, doomed)
	maps.DeleteFunc(s.values, func(key string, _ value) bool { return doomed(key) })
}

// addFile merges a TOML file; one that does not exist changes nothing.
func (s *settings) addFile(path string) error {
	if path == "" {
		return nil
	}
	path, err := s.env.expand(path)
	if err != nil {
		return fmt.Errorf("find configuration file: %w", err)
	}
	text, err := s.src.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	return s.addTOML(path, text)
}

func (s *settings) addTOML(path string, text []byte) error {
	table, err := decodeTOML(path, text)
	if err != nil {
		return err
	}
	s.addTable("", table, path)
	return nil
}

// byteOrderMark is what some editors of Windows put in front of a text.
const byteOrderMark = "\uFEFF"

// decodeTOML reports mistakes by place: what stands there may be secret.
func decodeTOML(path string, text []byte) (map[string]any, error) {
	var table map[string]any
	err := toml.Unmarshal(bytes.TrimPrefix(text, []byte(byteOrderMark)), &table)
	var wrong *toml.DecodeError
	if errors.As(err, &wrong) {
		line, column := wrong.Position()
		return nil, fmt.Errorf("%s is not valid TOML: line %d, column %d: %s",
			path, line, column, strings.TrimPrefix(wrong.Error(), "toml: "))
	}
	if err != nil {
		return nil, fmt.Errorf("%s is not valid TOML: %w", path, err)
	}
	return table, nil
}

// addTable merges tables key by key; everything else replaces what was there.
func (s *settings) addTable(prefix string, table map[string]any, path string) {
	for _, name := range slices.Sorted(maps.Keys(table)) {
		key := prefix + name
		if inner, ok := table[name].(map[string]any); ok {
			s.remove(func(k string) bool { return k == key })
			s.addTable(key+".", inner, path)
			continue
		}
		s.remove(func(k string) bool { return strings.HasPrefix(k, key+".") })
		data := fromTOML(table[name])
		s.set(key, value{data: data, text: pythonText(data), from: strings.TrimSuffix(key+" in "+path, " in ")})
	}
}

func fromTOML(v any) any {
	switch v := v.(type) {
	case []any:
		items := make(list, len(v))
		for i := range v {
			items[i] = fromTOML(v[i])
		}
		return items
	case map[string]any:
		var d dict
		for _, key := range slices.Sorted(maps.Keys(v)) {
			d = append(d, pair{key, fromTOML(v[key])})
		}
		return d
	}
	return v
}

const (
	prefix  = "PREFECT__"
	secrets = "CONTEXT__SECRETS"
)

// addEnvironment turns PREFECT__A__B into the setting a.b. Names of secrets keep their case.
func (s *settings) addEnvironment() error {
	for _, entry := range s.src.Environ {
		name, _, _ := strings.Cut(entry, "=")
		text, set := s.env.lookup(name)
		option, ok := strings.CutPrefix(name, prefix)
		if !ok || !set {
			continue
		}
		if strings.HasPrefix(strings.ToUpper(option), secrets) {
			option = strings.ReplaceAll(option, secrets, strings.ToLower(secrets))
		} else {
			option = strings.ToLower(option)
		}
		// Variables are coerced here and again with everything else, as in Prefect: '"12"' is a number.
		v, err := coerce(s.env, value{data: text, text: text, from: name})
		if err != nil {
			return err
		}
		s.set(strings.ReplaceAll(option, "__", "."), v)
	}
	return nil
}

func (s *settings) coerce() error {
	for _, key := range s.order {
		v, err := coerce(s.env, s.values[key])
		if err != nil {
			return err
		}
		s.values[key] = v
	}
	return nil
}

// coerce expands a text and gives it the type that it looks like (1.4.1 configuration.py).
func coerce(env environment, v value) (value, error) {
	text, ok := v.data.(string)
	if !ok || text == "" {
		return v, nil
	}
	text, err := env.expand(text)
	if err != nil {
		return v, fmt.Errorf("%s: %w", v.from, err)
	}
	v.data, v.text = text, text
	switch lower := strings.ToLower(text); lower {
	case "true", "false":
		v.data = lower == "true"
		return v, nil
	}
	if data, ok := literal(text, false); ok {
		v.data = data
		if inner, ok := data.(string); ok {
			v.text = inner
		}
	}
	return v, nil
}

var reference = regexp.MustCompile(`\$\{(.[^${}]*)\}`)

// interpolate replaces ${section.key}: by the value if that is all there is, or else by its text. Unknown
// keys are empty. In each of the passes one reference of each value is replaced.
func (s *settings) interpolate() {
	for range maxRounds {
		for _, key := range s.order {
			v := s.values[key]
			text, ok := v.data.(string)
			at := reference.FindStringSubmatchIndex(text)
			if !ok || at == nil {
				continue
			}
			other, ok := s.values[text[at[2]:at[3]]]
			if !ok {
				other.data = ""
			}
			if at[0] == 0 && at[1] == len(text) {
				v.data, v.text = other.data, other.text
			} else {
				v.text = text[:at[0]] + pythonText(other.data) + text[at[1]:]
				v.data = v.text
			}
			s.values[key] = v
		}
	}
}
