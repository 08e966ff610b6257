package agent

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// toBytes reads a number of bytes, or a text such as "512m", "1.5g" or "1gb" (docker-py utils.py).
func toBytes(v any) (any, error) {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n, nil
		}
		f, err := v.Float64()
		if err != nil || f != math.Trunc(f) {
			return nil, fmt.Errorf("expected whole bytes, found %s", v)
		}
		return wholeBytes(v.String(), f)
	case string:
		return parseBytes(v)
	}
	return nil, expected(`bytes or a text such as "512m"`, v)
}

func parseBytes(text string) (any, error) {
	if text == "" {
		return int64(0), nil
	}
	digits, unit := strings.ToLower(text), byte('b')
	if n := len(digits); n >= 2 && digits[n-1] == 'b' && isLetter(digits[n-2]) {
		digits = digits[:n-1] // "1gb" is "1g"
	}
	if last := digits[len(digits)-1]; last < '0' || last > '9' {
		digits, unit = digits[:len(digits)-1], last
	}
	shift := strings.IndexByte("bkmg", unit)
	f, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	if shift < 0 || err != nil || strings.ContainsAny(digits, "xpni") { // hexadecimal, nan, inf
		return nil, fmt.Errorf("%q is no size: write bytes, or a number with one of the units b, k, m, g", text)
	}
	return wholeBytes(text, math.Trunc(f*float64(int64(1)<<(10*shift))))
}

// wholeBytes refuses what the engine's 64 bits cannot hold.
func wholeBytes(text string, f float64) (any, error) {
	if math.Abs(f) >= 1<<63 {
		return nil, fmt.Errorf("%s is too large", text)
	}
	return int64(f), nil
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' }
