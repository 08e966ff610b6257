package server

import (
	"bytes"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"modernc.org/sqlite"
)

// sqliteDriver gives a driver whose connections know the comparisons of PostgreSQL's jsonb and its regular expressions,
// which SQLite lacks.
func sqliteDriver() (*sqlite.Driver, error) {
	drv := &sqlite.Driver{}
	matches, err := textMatcher()
	if err != nil {
		return nil, err
	}
	for name, compare := range map[string]func(document, other string) bool{
		"jsonb_equal": func(document, other string) bool {
			a, b := decodeJSON(document), decodeJSON(other)
			return equalJSON(a, b)
		},
		"jsonb_contains": func(document, other string) bool {
			a, b := decodeJSON(document), decodeJSON(other)
			if list, ok := a.([]any); ok && !isComposite(b) { // a list contains its scalars
				return slices.ContainsFunc(list, func(item any) bool { return equalJSON(item, b) })
			}
			return containsJSON(a, b)
		},
		"text_matches": matches,
		"jsonb_has_key": func(document, key string) bool {
			switch document := decodeJSON(document).(type) {
			case map[string]any:
				_, ok := document[key]
				return ok
			case []any:
				return slices.Contains(document, any(key))
			default:
				return document == any(key)
			}
		},
	} {
		err := drv.RegisterDeterministicScalarFunction(name, 2, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
			document, ok := args[0].(string)
			other, otherOK := args[1].(string)
			if !ok || !otherOK {
				return nil, nil //nolint:nilnil // NULL in, NULL out
			}
			return compare(document, other), nil
		})
		if err != nil {
			return nil, fmt.Errorf("add function %s to the database: %w", name, err)
		}
	}
	return drv, nil
}

// decodeJSON reads a stored document; those are valid.
func decodeJSON(text string) any {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil
	}
	return value
}

func isComposite(value any) bool {
	switch value.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

func equalJSON(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		b, ok := b.(json.Number)
		return ok && (a == b || normalNumber(a.String()) == normalNumber(b.String()))
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, equalJSON)
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for key, value := range a {
			if other, ok := b[key]; !ok || !equalJSON(value, other) {
				return false
			}
		}
		return true
	default:
		return a == b
	}
}

// containsJSON says whether a has every key and item of b, at the same level, as PostgreSQL's @> defines it.
func containsJSON(a, b any) bool {
	switch b := b.(type) {
	case map[string]any:
		a, ok := a.(map[string]any)
		if !ok {
			return false
		}
		for key, value := range b {
			if whole, ok := a[key]; !ok || !containsJSON(whole, value) {
				return false
			}
		}
		return true
	case []any:
		a, ok := a.([]any)
		if !ok {
			return false
		}
		for _, value := range b {
			if !slices.ContainsFunc(a, func(item any) bool { return containsJSON(item, value) }) {
				return false
			}
		}
		return true
	default:
		return equalJSON(a, b)
	}
}

// normalNumber spells equal numbers alike: digits without zeros at either end, and the power of ten of the last one.
// Exponents are only added up, never applied, so 1e999999999 costs nothing.
func normalNumber(text string) string {
	sign := ""
	if strings.HasPrefix(text, "-") {
		sign, text = "-", text[1:]
	}
	mantissa, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		return "0"
	}
	trimmed := strings.TrimRight(digits, "0")
	power := new(big.Int)
	if exponent != "" {
		power.SetString(strings.TrimPrefix(exponent, "+"), 10)
	}
	power.Add(power, big.NewInt(int64(len(digits)-len(trimmed)-len(fraction))))
	return sign + trimmed + "e" + power.String()
}

// encodeJSON writes a value without the escapes that encoding/json adds for HTML.
func encodeJSON(value any) (json.RawMessage, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimRight(buffer.Bytes(), "\n"), nil
}
