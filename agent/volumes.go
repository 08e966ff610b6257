package agent

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Volumes is what --volume asks for.
type Volumes struct {
	Named       []string // volumes of the engine, to be created where missing
	MountPoints []string // container paths, one per specification
	Binds       []Bind   // one per host path or volume, in order of first mention
}

// Bind mounts a host path or a named volume.
type Bind struct {
	Source string // host path or name of a volume
	Target string // container path
	Mode   string // "rw", "ro" or anything else that the engine understands
}

// String is the engine's form, SOURCE:TARGET:MODE.
func (b Bind) String() string { return b.Source + ":" + b.Target + ":" + b.Mode }

// ParseVolumes reads volume specifications by the rules of the Python agent (1.4.1 docker/agent.py),
// which has other ones for Windows. Of two with the same source the later bind counts. The error names
// the malformed specification.
func ParseVolumes(specs []string, windows bool) (Volumes, error) {
	parse := parseUnixVolume
	if windows {
		parse = parseWindowsVolume
	}
	var (
		v  Volumes
		at = map[string]int{} // index in v.Binds by source
	)
	for _, spec := range specs {
		bind, named, err := parse(spec)
		if err != nil {
			return Volumes{}, err
		}
		if named && bind.Mode != "rw" {
			return Volumes{}, fmt.Errorf("volume %q: %s is taken as the name of a volume, and such volumes are rw, not %q; "+
				"write NAME:CONTAINER_PATH", spec, bind.Source, bind.Mode)
		}
		v.MountPoints = append(v.MountPoints, bind.Target)
		if named && !slices.Contains(v.Named, bind.Source) {
			v.Named = append(v.Named, bind.Source)
		}
		if i, again := at[bind.Source]; again {
			v.Binds[i] = bind
			continue
		}
		at[bind.Source] = len(v.Binds)
		v.Binds = append(v.Binds, bind)
	}
	return v, nil
}

// parseUnixVolume reads PATH or SOURCE:TARGET[:MODE].
func parseUnixVolume(spec string) (bind Bind, named bool, err error) {
	fields := strings.Split(spec, ":")
	if len(fields) > 3 {
		return Bind{}, false, fmt.Errorf("volume %q: more than three parts; write HOST_PATH:CONTAINER_PATH[:ro|rw] or NAME:CONTAINER_PATH", spec)
	}
	bind = Bind{Source: normalizeUnix(strings.TrimSpace(fields[0])), Mode: "rw"}
	if len(fields) == 1 {
		bind.Target = bind.Source
		return bind, false, nil
	}
	bind.Target = normalizeUnix(strings.TrimSpace(fields[1]))
	if len(fields) == 3 {
		bind.Mode = fields[2]
	}
	return bind, !strings.ContainsRune("./~", rune(bind.Source[0])), nil
}

// parseWindowsVolume reads PATH[:MODE] or SOURCE:TARGET[:MODE], where a drive letter brings a colon of
// its own.
func parseWindowsVolume(spec string) (bind Bind, named bool, err error) {
	fields := strings.Split(spec, ":")
	bind.Mode = "rw"
	if last := fields[len(fields)-1]; last == "ro" || last == "rw" {
		bind.Mode = last
		fields = fields[:len(fields)-1]
	}
	switch {
	case len(fields) == 3 && len(fields[0]) == 1:
		bind.Source = normalizeWindows(fields[0] + ":" + fields[1])
		bind.Target = normalizeUnix(fields[2])
	case len(fields) == 2:
		whole := fields[0] + ":" + fields[1]
		drive, rest := splitDrive(whole)
		if drive == "" {
			bind.Source, bind.Target = normalizeWindows(fields[0]), normalizeUnix(fields[1])
			break
		}
		bind.Source = normalizeWindows(whole)
		bind.Target = normalizeUnix(strings.ReplaceAll("/"+strings.TrimRight(strings.ToLower(drive), ":")+rest, `\`, "/"))
	case len(fields) == 1 && fields[0] == "//var/run/docker.sock":
		bind.Source, bind.Target = fields[0], fields[0][1:] // Docker Desktop's spelling of its own socket
	case len(fields) == 1:
		bind.Source = normalizeWindows(fields[0])
		bind.Target = bind.Source
	default:
		return Bind{}, false, fmt.Errorf(`volume %q: not understood; write C:\HOST\PATH:/CONTAINER_PATH[:ro|rw] or NAME:/CONTAINER_PATH`, spec)
	}
	drive, rest := splitDrive(bind.Source)
	onDrive := drive != "" && strings.HasPrefix(rest, `\`)
	return bind, !strings.ContainsRune(`./~\`, rune(bind.Source[0])) && !onDrive, nil
}

// normalizeUnix is Python's posixpath.normpath: unlike path.Clean it keeps exactly two leading slashes.
func normalizeUnix(p string) string {
	if strings.HasPrefix(p, "//") && !strings.HasPrefix(p, "///") {
		return "/" + path.Clean(p)
	}
	return path.Clean(p)
}

// normalizeWindows is Python's ntpath.normpath, on any platform.
func normalizeWindows(p string) string {
	drive, rest := splitDrive(strings.ReplaceAll(p, "/", `\`))
	if strings.HasPrefix(rest, `\`) {
		drive, rest = drive+`\`, strings.TrimLeft(rest, `\`)
	}
	rooted := strings.HasSuffix(drive, `\`)
	var kept []string
	for _, part := range strings.Split(rest, `\`) {
		switch {
		case part == "" || part == ".":
		case part == ".." && len(kept) > 0 && kept[len(kept)-1] != "..":
			kept = kept[:len(kept)-1]
		case part == ".." && rooted:
		default:
			kept = append(kept, part)
		}
	}
	if clean := drive + strings.Join(kept, `\`); clean != "" {
		return clean
	}
	return "."
}

// splitDrive cuts a drive letter with its colon, or \\server\share, off a Windows path (ntpath.splitdrive
// of Python 3.11).
func splitDrive(p string) (drive, rest string) {
	if back := strings.ReplaceAll(p, "/", `\`); strings.HasPrefix(back, `\\`) {
		server, share, _ := strings.Cut(back[2:], `\`)
		share, _, more := strings.Cut(share, `\`)
		if !more {
			return p, ""
		}
		n := len(`\\`) + len(server) + len(`\`) + len(share)
		return p[:n], p[n:]
	}
	if len(p) >= 2 && p[1] == ':' {
		return p[:2], p[2:]
	}
	return "", p
}

// checkTargets refuses container paths that every engine would: Python's rules read "/p:ro" as the path "ro".
func checkTargets(volumes Volumes) error {
	for _, bind := range volumes.Binds {
		absolute := strings.HasPrefix(bind.Target, "/") || strings.HasPrefix(bind.Target, `\\`) ||
			len(bind.Target) > 2 && bind.Target[1] == ':' // Windows containers
		if !absolute {
			return fmt.Errorf("volume %q: the path in the container must be absolute; give HOST-PATH:/CONTAINER-PATH or NAME:/CONTAINER-PATH", bind)
		}
	}
	return nil
}
