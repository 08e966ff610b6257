package server

import (
	"encoding/json"
	"time"
)

// id is a UUID in the input of a mutation, as it is stored.
type id string

// UnmarshalJSON reads any spelling of a UUID that Python reads. The text of its error is Prefect Server's.
func (i *id) UnmarshalJSON(raw []byte) error {
	if isNull(raw) {
		return nil
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return badInput("Could not parse UUID: %s", raw)
	}
	parsed, err := parseID(text)
	if err != nil {
		return badInput("Could not parse UUID: %s", text)
	}
	*i = id(parsed)
	return nil
}

// moment is a DateTime in the input of a mutation.
type moment struct{ time.Time }

// UnmarshalJSON reads the spellings of parseTime.
func (m *moment) UnmarshalJSON(raw []byte) error {
	if isNull(raw) {
		return nil
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return badInput("Could not parse DateTime: %s", raw)
	}
	t, err := parseTime(text)
	if err != nil {
		return badInput("Could not parse DateTime: %s", text)
	}
	m.Time = t
	return nil
}

// list is a list in the input of a mutation; a single item counts as a list of one.
type list[T any] []T

// UnmarshalJSON reads an array or an item.
func (l *list[T]) UnmarshalJSON(raw []byte) error {
	switch {
	case isNull(raw):
		return nil
	case raw[0] == '[':
		return json.Unmarshal(raw, (*[]T)(l))
	}
	*l = make(list[T], 1)
	return json.Unmarshal(raw, &(*l)[0])
}

// orNull gives the text of JSON that is stored: nil if it is absent or null.
func orNull(raw json.RawMessage) any {
	if isNull(raw) {
		return nil
	}
	return string(raw)
}
