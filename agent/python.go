package agent

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Prefect inside the containers reads some settings as Python literals, and flows were written against
// what Python makes of a value. These functions give Python's text forms.

// pythonBool is "True" or "False".
func pythonBool(b bool) string {
	if b {
		return "True"
	}
	return "False"
}

// pythonList is Python's text form of a list of strings, e.g. ['a', "it's"].
func pythonList(items []string) string {
	quoted := make([]string, len(items))
	for i, s := range items {
		quoted[i] = pythonQuote(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// pythonQuote is repr() of a string: single quotes unless only double quotes need no escape.
func pythonQuote(s string) string {
	quote := '\''
	if strings.ContainsRune(s, '\'') && !strings.ContainsRune(s, '"') {
		quote = '"'
	}
	var b strings.Builder
	b.WriteRune(quote)
	for i, r := range s {
		switch {
		case r == quote || r == '\\':
			b.WriteRune('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)):
			fmt.Fprintf(&b, `\udc%02x`, s[i]) // a byte that is no UTF-8, as Python holds it
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r <= 0xff:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	b.WriteRune(quote)
	return b.String()
}

// pythonText is str() of a decoded JSON value: what Python makes of it in an environment variable.
func pythonText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return pythonRepr(v)
}

// pythonRepr is repr() of a decoded JSON value.
func pythonRepr(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		return pythonBool(v)
	case string:
		return pythonQuote(v)
	case json.Number:
		return pythonNumber(v)
	case []any:
		items := make([]string, len(v))
		for i := range v {
			items[i] = pythonRepr(v[i])
		}
		return "[" + strings.Join(items, ", ") + "]"
	case object:
		items := make([]string, len(v))
		for i, m := range v {
			items[i] = pythonQuote(m.name) + ": " + pythonRepr(m.value)
		}
		return "{" + strings.Join(items, ", ") + "}"
	}
	return fmt.Sprint(v)
}

// pythonNumber keeps integers of any length; everything else is a float.
func pythonNumber(n json.Number) string {
	text := n.String()
	if text == "-0" {
		return "0"
	}
	if !strings.ContainsAny(text, ".eE") {
		return text
	}
	f, _ := strconv.ParseFloat(text, 64) // out of range is infinite, as in Python
	switch {
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	if e, _ := strconv.Atoi(exponent); e < -4 || e >= 16 {
		return mantissa + "e" + exponent
	}
	fixed := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(fixed, ".") {
		fixed += ".0"
	}
	return fixed
}
