package config

import (
	"os"
	"slices"
	"strings"

	"github.com/docker-prefect/docker-prefect/agent"
)

// ParseEnv reads values of --env: KEY=VALUE, or KEY for a variable of this process. Of equal keys the
// last value counts, in the first one's place. Errors are *UsageError and show no values.
func ParseEnv(flags []string) ([]agent.EnvVar, error) {
	return parseEnv(flags, os.LookupEnv)
}

func parseEnv(flags []string, lookup func(string) (string, bool)) ([]agent.EnvVar, error) {
	at := setting{from: "--env", flag: true}
	var vars []agent.EnvVar
	for _, flag := range flags {
		key, value, given := strings.Cut(flag, "=")
		if key == "" {
			return nil, at.secret("has a value without a name; write it as KEY=VALUE")
		}
		if !given {
			var ok bool
			if value, ok = lookup(key); !ok {
				return nil, at.secret("%q: no such variable is set here; set it, or write KEY=VALUE", key)
			}
		}
		vars = setVar(vars, agent.EnvVar{Key: key, Value: value})
	}
	return vars, nil
}

func setVar(vars []agent.EnvVar, v agent.EnvVar) []agent.EnvVar {
	if i := slices.IndexFunc(vars, func(other agent.EnvVar) bool { return other.Key == v.Key }); i >= 0 {
		vars[i] = v
		return vars
	}
	return append(vars, v)
}

const envVarsKey = "cloud.agent.env_vars"

// configuredEnv reads a dict, a TOML table, or variables such as PREFECT__CLOUD__AGENT__ENV_VARS__A. A dict
// replaces what came before it.
func configuredEnv(s *settings) ([]agent.EnvVar, error) {
	var vars []agent.EnvVar
	for _, key := range s.order {
		v := s.values[key]
		if name, ok := strings.CutPrefix(key, envVarsKey+"."); ok {
			vars = setVar(vars, envVar(name, v))
		}
		if key != envVarsKey {
			continue
		}
		d, ok := envDict(v)
		if !ok {
			return nil, s.setting(key).secret(`cannot be read; give a dict, as in {"KEY": "value"}`)
		}
		vars = nil
		for _, p := range d {
			vars = setVar(vars, envVar(pythonText(p.key), value{data: p.value, text: pythonText(p.value)}))
		}
	}
	for _, v := range vars {
		if v.Key == "" || strings.ContainsAny(v.Key, "=\x00") {
			return nil, setting{text: v.Key, from: envVarsKey}.wrong("no variable can have this name")
		}
	}
	return vars, nil
}

// envDict also reads JSON, in which true, false and null are spelt in their own way.
func envDict(v value) (dict, bool) {
	data := v.data
	if text, ok := data.(string); ok && text != "" {
		data, _ = literal(text, true)
	} else if data == nil || ok {
		return nil, true
	}
	d, ok := data.(dict)
	return d, ok
}

// envVar gives booleans Python's names, since flows compare with them, and keeps numbers as written:
// 1.10 may be a version.
func envVar(key string, v value) agent.EnvVar {
	switch v.data.(type) {
	case nil:
		return agent.EnvVar{Key: key, Unset: true}
	case bool:
		return agent.EnvVar{Key: key, Value: pythonText(v.data)}
	}
	return agent.EnvVar{Key: key, Value: v.text}
}

func envVars(s *settings, flags []string) ([]agent.EnvVar, error) {
	if len(flags) > 0 {
		return parseEnv(flags, s.env.lookup)
	}
	return configuredEnv(s)
}
