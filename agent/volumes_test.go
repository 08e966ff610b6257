package agent

import (
	"slices"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

// volumeCase is a row of the tables that were recorded from the Python agent.
type volumeCase struct {
	specs  []string
	named  []string
	mounts []string
	binds  []string
}

func (c volumeCase) run(t *testing.T, windows bool) {
	t.Helper()
	t.Run(strings.Join(c.specs, " "), func(t *testing.T) {
		v, err := ParseVolumes(c.specs, windows)
		assert.NilError(t, err)
		assert.Check(t, is.DeepEqual(v.Named, c.named), "named volumes")
		assert.Check(t, is.DeepEqual(v.MountPoints, c.mounts), "mount points")
		var binds []string
		for _, bind := range v.Binds {
			binds = append(binds, bind.String())
		}
		assert.Check(t, is.DeepEqual(binds, c.binds), "binds")
	})
}

func one(spec, named, mount, bind string) volumeCase {
	c := volumeCase{specs: []string{spec}, mounts: []string{mount}, binds: []string{bind}}
	if named != "" {
		c.named = []string{named}
	}
	return c
}

func TestVolumeSpecsAreReadAsPythonDoesOnUnix(t *testing.T) {
	for _, c := range []volumeCase{
		{},
		one("/some/path", "", "/some/path", "/some/path:/some/path:rw"),
		one("/some/path:/ctr/path", "", "/ctr/path", "/some/path:/ctr/path:rw"),
		one("/some/path:/ctr/path:ro", "", "/ctr/path", "/some/path:/ctr/path:ro"),
		one("/a:/b:ro,z", "", "/b", "/a:/b:ro,z"),
		one("some-name:/ctr/path", "some-name", "/ctr/path", "some-name:/ctr/path:rw"),
		one("some-name:/ctr/path:rw", "some-name", "/ctr/path", "some-name:/ctr/path:rw"),
		one(" /sp : /c ", "", "/c", "/sp:/c:rw"),
		one("/a/../b:/c/./d//e", "", "/c/d/e", "/b:/c/d/e:rw"),
		one("/p/:/c/", "", "/c", "/p:/c:rw"),
		one("./rel:/c", "rel", "/c", "rel:/c:rw"),
		one("../up:/c", "", "/c", "../up:/c:rw"),
		one("~/x:/c", "", "/c", "~/x:/c:rw"),
		one("name", "", "name", "name:name:rw"),
		one("name:name", "name", "name", "name:name:rw"),
		one("a/b:/c", "a/b", "/c", "a/b:/c:rw"),
		one("/p:ro", "", "ro", "/p:ro:rw"),
		one(":/c", "", "/c", ".:/c:rw"),
		one("", "", ".", ".:.:rw"),
		one("//two:///three", "", "/three", "//two:/three:rw"),
		{
			specs:  []string{"some-name:/ctr/path3", "/some/path:/ctr/path1", "/another/path:/ctr/path2:ro"},
			named:  []string{"some-name"},
			mounts: []string{"/ctr/path3", "/ctr/path1", "/ctr/path2"},
			binds:  []string{"some-name:/ctr/path3:rw", "/some/path:/ctr/path1:rw", "/another/path:/ctr/path2:ro"},
		},
	} {
		c.run(t, false)
	}
}

func TestTheLaterBindOfAHostPathCountsAndKeepsItsPlace(t *testing.T) {
	volumeCase{
		specs:  []string{"/data:/a", "/other:/b", "/data:/c:ro"},
		mounts: []string{"/a", "/b", "/c"},
		binds:  []string{"/data:/c:ro", "/other:/b:rw"},
	}.run(t, false)
	volumeCase{
		specs:  []string{"vol", "vol:/a", "vol:/b"},
		named:  []string{"vol"},
		mounts: []string{"vol", "/a", "/b"},
		binds:  []string{"vol:/b:rw"},
	}.run(t, false)
}

func TestVolumeSpecsAreReadAsPythonDoesOnWindows(t *testing.T) {
	for _, c := range []volumeCase{
		one(`C:\some\path`, "", "/c/some/path", `C:\some\path:/c/some/path:rw`),
		one(`C:/some/path`, "", "/c/some/path", `C:\some\path:/c/some/path:rw`),
		one(`c:\Some\Path:rw`, "", "/c/Some/Path", `c:\Some\Path:/c/Some/Path:rw`),
		one(`C:\some\path:/ctr/path`, "", "/ctr/path", `C:\some\path:/ctr/path:rw`),
		one(`C:\some\path:/ctr/path:ro`, "", "/ctr/path", `C:\some\path:/ctr/path:ro`),
		one(`D:\another\path:/ctr/path2:ro`, "", "/ctr/path2", `D:\another\path:/ctr/path2:ro`),
		one(`//var/run/docker.sock`, "", "/var/run/docker.sock", `//var/run/docker.sock:/var/run/docker.sock:rw`),
		one(`some-name:/ctr/path`, "some-name", "/ctr/path", `some-name:/ctr/path:rw`),
		one(`name`, "name", "name", `name:name:rw`),
		one(`\path1:\path2`, "", `\path2`, `\path1:\path2:rw`),
		one(`/path1:/path2`, "", `/path2`, `\path1:/path2:rw`),
		one(`\\server\share`, "", `\\server\share`, `\\server\share:\\server\share:rw`),
		one(`x:/y`, "", `/x/y`, `x:\y:/x/y:rw`),
		one(`C:\a\..\..\b\.\c\`, "", `/b/c`, `C:\b\c:/b/c:rw`),
		one(`..\up`, "", `..\up`, `..\up:..\up:rw`),
		one(`//srv/share/dir:/y`, "", `/srv/share/dir:/y`, `\\srv\share\dir:\y:/srv/share/dir:/y:rw`),
	} {
		c.run(t, true)
	}
}

func TestAMalformedVolumeSpecIsNamedWithTheRightForm(t *testing.T) {
	for _, c := range []struct {
		spec    string
		windows bool
		says    string
	}{
		{"some-name:/ctr/path:ro", false, `"ro"; write NAME:CONTAINER_PATH`},
		{"/some/path:/ctr/path:rw:something-else", false, "write HOST_PATH:CONTAINER_PATH[:ro|rw]"},
		{`C:\x:/y`, false, `"/y"; write NAME:CONTAINER_PATH`},
		{"some-name:/ctr/path:ro", true, `"ro"; write NAME:CONTAINER_PATH`},
		{"a:b:c:d", true, `write C:\HOST\PATH:/CONTAINER_PATH[:ro|rw]`},
		{"ro", true, `write C:\HOST\PATH:/CONTAINER_PATH[:ro|rw]`},
		{"long:b:c", true, `write C:\HOST\PATH:/CONTAINER_PATH[:ro|rw]`},
	} {
		_, err := ParseVolumes([]string{"/fine:/fine", c.spec}, c.windows)
		assert.Check(t, is.ErrorContains(err, c.says), c.spec)
		assert.Check(t, is.ErrorContains(err, "volume \""+strings.ReplaceAll(c.spec, `\`, `\\`)+"\": "))
		assert.Check(t, !strings.Contains(err.Error(), "\n"))
	}
}

func FuzzParseVolume(f *testing.F) {
	for _, seed := range []string{"/a:/b:ro", `C:\a:/b`, "name:/b", `\\srv\share\x`, "//var/run/docker.sock", "~/x", ":", "a:b:c:d"} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, spec string, windows bool) {
		v, err := ParseVolumes([]string{spec}, windows)
		if err != nil {
			assert.Check(t, len(v.Binds) == 0)
			return
		}
		assert.Assert(t, is.Len(v.Binds, 1))
		assert.Assert(t, is.Len(v.MountPoints, 1))
		bind := v.Binds[0]
		assert.Check(t, bind.Source != "" && bind.Target != "", "spec %q", spec)
		assert.Check(t, bind.Target == v.MountPoints[0])
		if len(v.Named) > 0 {
			assert.Check(t, slices.Equal(v.Named, []string{bind.Source}))
			assert.Check(t, bind.Mode == "rw", "named volumes are rw")
			assert.Check(t, !strings.HasPrefix(bind.Source, "/"), "a host path is no name")
		}
		// Normalised paths stay as they are.
		if !windows {
			assert.Check(t, is.Equal(normalizeUnix(bind.Source), bind.Source))
			assert.Check(t, is.Equal(normalizeUnix(bind.Target), bind.Target))
		}
	})
}
