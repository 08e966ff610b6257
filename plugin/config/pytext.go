package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
)

// pythonText is str() of a value: what Python makes of it inside other texts and in variables.
func pythonText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return pythonRepr(v)
}

func pythonRepr(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		if v {
			return "True"
		}
		return "False"
	case float64:
		return pythonFloat(v)
	case string:
		return pythonQuote(v)
	case list:
		return "[" + reprs(v) + "]"
	case tuple:
		if len(v) == 1 {
			return "(" + reprs(v) + ",)"
		}
		return "(" + reprs(v) + ")"
	case set:
		if len(v) == 0 {
			return "set()"
		}
		return "{" + reprs(v) + "}"
	case dict:
		items := make([]string, len(v))
		for i, p := range v {
			items[i] = pythonRepr(p.key) + ": " + pythonRepr(p.value)
		}
		return "{" + strings.Join(items, ", ") + "}"
	}
	return fmt.Sprint(v) // integers of any length, TOML's dates
}

func reprs(items []any) string {
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = pythonRepr(item)
	}
	return strings.Join(texts, ", ")
}

// pythonFloat has the fewest digits that mean the number, and an exponent only from 1e16 on and below
// 1e-4.
func pythonFloat(f float64) string {
	switch {
	case math.IsInf(f, 0):
		return strings.TrimPrefix(strings.ToLower(fmt.Sprint(f)), "+")
	case math.IsNaN(f):
		return "nan"
	}
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	text := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

// pythonQuote is repr() of a text inside a list or dict.
func pythonQuote(s string) string {
	quote := '\''
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	var b strings.Builder
	b.WriteRune(quote)
	for _, r := range s {
		switch {
		case r == quote, r == '\\':
			b.WriteRune('\\')
			b.WriteRune(r)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r == '\n', r == '\r', r == '\t', r > 0xff:
			text := strconv.QuoteRune(r)
			b.WriteString(text[1 : len(text)-1])
		default:
			fmt.Fprintf(&b, `\x%02x`, r)
		}
	}
	b.WriteRune(quote)
	return b.String()
}
