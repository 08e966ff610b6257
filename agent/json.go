package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// object is a JSON object with its members in the order in which they came: the order of environment
// variables and of binds is theirs.
type object []member

type member struct {
	name  string
	value any // nil, bool, json.Number, string, []any or object
}

// get returns the value of a member and whether there is one.
func (o object) get(name string) (any, bool) {
	i := slices.IndexFunc(o, func(m member) bool { return m.name == name })
	if i < 0 {
		return nil, false
	}
	return o[i].value, true
}

// decodeJSON reads one JSON value as Python's json module does: of members with the same name the last
// value counts. Absent text is null.
func decodeJSON(raw json.RawMessage) (any, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	v, err := decodeValue(dec)
	if err != nil {
		return nil, fmt.Errorf("not valid JSON: %w", unexpectedEnd(err))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("not valid JSON: text after the value")
	}
	return v, nil
}

func unexpectedEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func decodeValue(dec *json.Decoder) (any, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('['):
		return decodeList(dec)
	case json.Delim('{'):
		return decodeObject(dec)
	}
	return token, nil
}

func decodeList(dec *json.Decoder) (any, error) {
	list := []any{}
	for dec.More() {
		v, err := decodeValue(dec)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := dec.Token()
	return list, err
}

func decodeObject(dec *json.Decoder) (any, error) {
	var (
		o  = object{}
		at = map[string]int{}
	)
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name, _ := token.(string) // the decoder accepts nothing else here
		v, err := decodeValue(dec)
		if err != nil {
			return nil, err
		}
		if i, there := at[name]; there {
			o[i].value = v
			continue
		}
		at[name] = len(o)
		o = append(o, member{name, v})
	}
	_, err := dec.Token()
	return o, err
}

// plain is a decoded value in the types that encoding/json itself would use.
func plain(v any) any {
	switch v := v.(type) {
	case object:
		m := make(map[string]any, len(v))
		for _, member := range v {
			m[member.name] = plain(member.value)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = plain(v[i])
		}
		return list
	}
	return v
}

// expected is the error for a value of the wrong kind.
func expected(what string, found any) error {
	return fmt.Errorf("expected %s, found %s", what, kindOf(found))
}

// kindOf names what kind of JSON value this is, for people.
func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "true or false"
	case json.Number:
		return "a number"
	case string:
		return "text"
	case []any:
		return "a list"
	}
	return "an object"
}
