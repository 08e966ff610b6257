package stub

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// imageID is that of every image.
var imageID = "sha256:" + strings.Repeat("1", 64)

func (e *Engine) serveInfo(w http.ResponseWriter, r Request) bool {
	switch r.Path {
	case "/_ping":
		_, _ = io.WriteString(w, "OK")
	case "/version":
		reply(w, http.StatusOK, map[string]any{
			"Version": "20.10.24", "ApiVersion": "1.41", "MinAPIVersion": "1.12", "Os": "linux", "Arch": "amd64",
			"Platform": map[string]string{"Name": ""}, "Components": []any{},
		})
	case "/info":
		reply(w, http.StatusOK, map[string]any{
			"ID": "STUB", "Name": "stub", "ServerVersion": "20.10.24", "OSType": "linux", "Architecture": "x86_64", "NCPU": 2,
		})
	default:
		return false
	}
	return true
}

func (e *Engine) serveImages(w http.ResponseWriter, r Request) bool {
	switch {
	case r.Path == "/images/create":
		_, _ = io.WriteString(w, `{"status":"Pulling from `+r.Query.Get("fromImage")+`"}`+"\r\n")
		_ = http.NewResponseController(w).Flush() // docker-py takes only a chunked answer for a stream
		if e.PullError != "" {
			_ = json.NewEncoder(w).Encode(map[string]any{"error": e.PullError, "errorDetail": map[string]string{"message": e.PullError}})
			return true
		}
		_, _ = io.WriteString(w, `{"status":"Status: Image is up to date"}`+"\r\n")
	case r.Path == "/images/json":
		reply(w, http.StatusOK, []any{})
	case strings.HasPrefix(r.Path, "/images/") && strings.HasSuffix(r.Path, "/json"):
		reply(w, http.StatusOK, map[string]any{
			"Id": imageID, "RepoTags": []string{}, "RepoDigests": []string{"stub@sha256:" + strings.Repeat("3", 64)},
		})
	default:
		return false
	}
	return true
}

func (e *Engine) serveNetworks(w http.ResponseWriter, r Request) bool {
	switch {
	case r.Path == "/networks":
		reply(w, http.StatusOK, []any{})
	case strings.HasPrefix(r.Path, "/networks/") && strings.HasSuffix(r.Path, "/connect"):
		w.WriteHeader(http.StatusOK)
	case strings.HasPrefix(r.Path, "/networks/"):
		name := strings.TrimPrefix(r.Path, "/networks/")
		reply(w, http.StatusOK, map[string]any{
			"Name": name, "Id": strings.Repeat("2", 64), "Driver": "bridge",
			"IPAM": map[string]any{"Config": []any{map[string]string{"Subnet": "172.17.0.0/16", "Gateway": "172.17.0.1"}}},
		})
	default:
		return false
	}
	return true
}

func (e *Engine) serveVolumes(w http.ResponseWriter, r Request) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case r.Path == "/volumes/create":
		name, _ := r.Body["Name"].(string)
		if e.volumes == nil {
			e.volumes = map[string]bool{}
		}
		e.volumes[name] = true
		reply(w, http.StatusCreated, map[string]any{"Name": name, "Driver": "local", "Mountpoint": "/var/lib/docker/volumes/" + name})
	case strings.HasPrefix(r.Path, "/volumes/"):
		name := strings.TrimPrefix(r.Path, "/volumes/")
		if !e.volumes[name] {
			message(w, http.StatusNotFound, "get "+name+": no such volume")
			return true
		}
		reply(w, http.StatusOK, map[string]any{"Name": name, "Driver": "local"})
	default:
		return false
	}
	return true
}
