package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// maxNesting is how deep JSON may be nested; SQLite reads no more than 1,000 levels.
const maxNesting = 500

// object is a JSON object whose keys keep their order, as order_by needs it.
type object []member

type member struct {
	name  string
	value json.RawMessage
}

// decodeObject reads a JSON object without looking into its values.
func decodeObject(raw json.RawMessage) (object, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if token, err := decoder.Token(); err != nil {
		return nil, err
	} else if token != json.Delim('{') {
		return nil, errors.New("a JSON object is needed")
	}
	var o object
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		name, ok := token.(string)
		if !ok {
			return nil, fmt.Errorf("%v is not a key", token)
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, err
		}
		o = append(o, member{name, value})
	}
	return o, nil
}

// get gives the value of a key; nil if there is none or it is null.
func (o object) get(name string) json.RawMessage {
	i := slices.IndexFunc(o, func(m member) bool { return m.name == name })
	if i < 0 || isNull(o[i].value) {
		return nil
	}
	return o[i].value
}

// with gives the object with a key set.
func (o object) with(name string, value json.RawMessage) object {
	o = slices.Clone(o)
	if i := slices.IndexFunc(o, func(m member) bool { return m.name == name }); i >= 0 {
		o[i].value = value
		return o
	}
	return append(o, member{name, value})
}

func (o object) encode() json.RawMessage {
	var buffer bytes.Buffer
	buffer.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			buffer.WriteByte(',')
		}
		buffer.Write(quoteJSON(m.name))
		buffer.WriteByte(':')
		buffer.Write(m.value)
	}
	buffer.WriteByte('}')
	return buffer.Bytes()
}

// asList gives the items of a JSON array; anything else but null counts as a list of itself, as GraphQL's input
// coercion has it.
func asList(raw json.RawMessage) ([]json.RawMessage, error) {
	if isNull(raw) {
		return nil, nil
	}
	if bytes.TrimSpace(raw)[0] != '[' {
		return []json.RawMessage{raw}, nil
	}
	list := []json.RawMessage{}
	err := json.Unmarshal(raw, &list)
	return list, err
}

// isNull says whether a value is absent or JSON's null.
func isNull(raw json.RawMessage) bool {
	raw = bytes.TrimSpace(raw)
	return len(raw) == 0 || string(raw) == "null"
}

// quoteJSON is text as a JSON string.
func quoteJSON(text string) json.RawMessage {
	raw, err := encodeJSON(text)
	if err != nil { // cannot happen: every string has a JSON spelling
		return json.RawMessage(`""`)
	}
	return raw
}

// tooDeep says whether JSON is nested deeper than maxNesting. It does not check that the JSON is valid.
func tooDeep(raw []byte) bool {
	depth, inString := 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > maxNesting {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}
