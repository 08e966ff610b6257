package config

import (
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"
)

// setting returns a value as text; null and absent are empty. What looks like a number or a list stays
// as written, where Prefect would take the number.
func (s *settings) setting(key string) setting {
	v, ok := s.values[key]
	if !ok || v.from == "" {
		v.from = key
	}
	if v.data == nil {
		v.text = ""
	}
	return setting{text: v.text, from: v.from}
}

// bool follows Python, for which every text but the empty one is true, except that no and off mean what
// they say.
func (s *settings) bool(key string) bool {
	switch v := s.values[key].data.(type) {
	case nil:
		return false
	case bool:
		return v
	case int64:
		return v != 0
	case float64:
		return v != 0
	case string:
		return !slices.Contains([]string{"", "no", "off"}, strings.ToLower(v))
	case list:
		return len(v) > 0
	case tuple:
		return len(v) > 0
	case dict:
		return len(v) > 0
	}
	return true
}

const maxNumber = 1e9 // as seconds, 30 years

// number returns a number from least to maxNumber; null is 0.
func (s *settings) number(key string, least float64) (float64, error) {
	var n float64
	switch v := s.values[key].data.(type) {
	case nil:
		return 0, nil
	case int64:
		n = float64(v)
	case float64:
		n = v
	default:
		n = -1
	}
	if !(n >= least && n <= maxNumber) { // NaN is neither
		if least > 0 {
			return 0, s.setting(key).wrong("give a number greater than 0")
		}
		return 0, s.setting(key).wrong("give a number, 0 or greater")
	}
	return n, nil
}

func (s *settings) seconds(key string, least float64) (time.Duration, error) {
	n, err := s.number(key, least)
	return time.Duration(n * float64(time.Second)), err
}

func (s *settings) port(key string) (int, error) {
	port, ok := s.values[key].data.(int64)
	if !ok || port < 1 || port > 65535 {
		return 0, s.setting(key).wrong("give a port from 1 to 65535")
	}
	return int(port), nil
}

// parseLevel reads the name of one of Python's log levels, or its number, and returns it in slog's terms and
// in capitals. NOTSET means that the level of Python's root logger counts, WARNING.
func parseLevel(s setting) (slog.Level, string, error) {
	name := strings.ToUpper(s.text)
	switch name {
	case "DEBUG":
		return slog.LevelDebug, name, nil
	case "INFO":
		return slog.LevelInfo, name, nil
	case "WARNING":
		return slog.LevelWarn, name, nil
	case "ERROR":
		return slog.LevelError, name, nil
	}
	if s.flag {
		return 0, "", s.wrong("use DEBUG, INFO, WARNING or ERROR")
	}
	switch name {
	case "CRITICAL", "FATAL":
		return slog.LevelError + 4, name, nil
	case "WARN", "NOTSET":
		return slog.LevelWarn, name, nil
	}
	if n, err := strconv.Atoi(name); err == nil && n > 0 && n < 1000 {
		return slog.Level((n - 20) * 4 / 10), name, nil // Python counts in tens, and INFO is 20
	}
	return 0, "", s.wrong("use DEBUG, INFO, WARNING, ERROR or CRITICAL")
}
