package config

import (
	"math/big"
	"regexp"
	"strings"

	"go.starlark.net/syntax"
)

// The values of settings are nil, bool, int64, *big.Int, float64, string, and these.
type (
	list  []any
	tuple []any
	set   []any
	dict  []pair

	pair struct{ key, value any }
)

var (
	underscores = regexp.MustCompile(`^[-+]?[1-9][0-9]*(_[0-9]+)+$`)
	escapes     = regexp.MustCompile(`(?s)\\.`)
	highHex     = regexp.MustCompile(`\\x([89a-fA-F][0-9a-fA-F])`)
)

// literal reads text as a Python literal. Starlark's syntax is nearly Python's; the rest is done here.
// With json, the words true, false and null are read, too.
func literal(text string, json bool) (value any, ok bool) {
	text = strings.Trim(text, " \t\r\n")
	if underscores.MatchString(text) {
		n, ok := new(big.Int).SetString(strings.ReplaceAll(text, "_", ""), 10)
		return shortest(n), ok
	}
	if value, ok := parse(text, json); ok {
		return value, true
	}
	if strings.Contains(text, `\`) {
		if value, ok := parse(pythonEscapes(text), json); ok {
			return value, true
		}
	}
	inner, ok := strings.CutPrefix(text, "{")
	if inner, ok2 := strings.CutSuffix(inner, "}"); ok && ok2 {
		items, _ := parse("["+inner+"]", json)
		if items, ok := items.(list); ok { // else there were more brackets inside
			return set(items), true
		}
	}
	return nil, false
}

func parse(text string, json bool) (any, bool) {
	expr, err := (&syntax.FileOptions{}).ParseExpr("", text, 0)
	if err != nil {
		return nil, false
	}
	return evaluate(expr, json)
}

// pythonEscapes rewrites what only Python knows: unknown escapes mean themselves, \xe9 is a letter.
func pythonEscapes(text string) string {
	text = escapes.ReplaceAllStringFunc(text, func(escape string) string {
		if strings.ContainsAny(escape[1:], "\n\\'\"abfnrtvxuU01234567") {
			return escape
		}
		return `\` + escape
	})
	return highHex.ReplaceAllString(text, `\u00$1`)
}

func evaluate(expr syntax.Expr, json bool) (any, bool) {
	switch e := expr.(type) {
	case *syntax.Literal:
		return number(e)
	case *syntax.Ident:
		return constant(e.Name, json)
	case *syntax.ParenExpr:
		return evaluate(e.X, json)
	case *syntax.UnaryExpr:
		return signed(e)
	case *syntax.ListExpr:
		items, ok := evaluateAll(e.List, json)
		return list(items), ok
	case *syntax.TupleExpr:
		items, ok := evaluateAll(e.List, json)
		return tuple(items), ok
	case *syntax.DictExpr:
		return evaluateDict(e, json)
	case *syntax.CallExpr:
		fn, ok := e.Fn.(*syntax.Ident)
		return set{}, ok && fn.Name == "set" && len(e.Args) == 0
	}
	return nil, false
}

func number(e *syntax.Literal) (any, bool) {
	if e.Token == syntax.BYTES {
		return nil, false
	}
	if n, ok := e.Value.(*big.Int); ok {
		return shortest(n), true
	}
	return e.Value, true
}

func constant(name string, json bool) (value any, ok bool) {
	switch {
	case name == "None", json && name == "null":
		return nil, true
	case name == "True", json && name == "true":
		return true, true
	case name == "False", json && name == "false":
		return false, true
	}
	return nil, false
}

// signed reads +5 and -5; Python takes a second sign for no literal.
func signed(e *syntax.UnaryExpr) (any, bool) {
	operand, ok := e.X.(*syntax.Literal)
	if !ok || e.Op != syntax.PLUS && e.Op != syntax.MINUS {
		return nil, false
	}
	value, ok := number(operand)
	negative := e.Op == syntax.MINUS
	switch n := value.(type) {
	case int64:
		if negative {
			n = -n
		}
		return n, ok
	case *big.Int:
		if negative {
			n = new(big.Int).Neg(n)
		}
		return shortest(n), ok
	case float64:
		if negative {
			n = -n
		}
		return n, ok
	}
	return nil, false
}

// shortest returns an int64 where one is enough.
func shortest(n *big.Int) any {
	if n != nil && n.IsInt64() {
		return n.Int64()
	}
	return n
}

func evaluateAll(exprs []syntax.Expr, json bool) ([]any, bool) {
	items := make([]any, 0, len(exprs))
	for _, expr := range exprs {
		item, ok := evaluate(expr, json)
		if !ok {
			return nil, false
		}
		items = append(items, item)
	}
	return items, true
}

func evaluateDict(e *syntax.DictExpr, json bool) (any, bool) {
	var d dict
	for _, expr := range e.List {
		entry := expr.(*syntax.DictEntry)
		key, ok := evaluate(entry.Key, json)
		value, ok2 := evaluate(entry.Value, json)
		if !ok || !ok2 {
			return nil, false
		}
		d = append(d, pair{key, value})
	}
	return d, true
}
