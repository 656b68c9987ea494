package observability

import (
	"cmp"
	"runtime"
	"runtime/debug"
)

// revision is set by the linker if there is no repository, as in the build of an image: -ldflags
// "-X github.com/parley-chat/parley/observability.revision=$(git rev-parse HEAD)".
var revision string

// Build identifies this program.
type Build struct {
	Version  string // of a release ("v1.2.3"), or "devel"
	Revision string // the commit, with "+dirty" if files were changed since, or "unknown"
	Go       string // version of Go
}

// ReadBuild returns the build of this process. stamp is the version that the linker set; if it is
// empty, the version that the go command recorded is used.
func ReadBuild(stamp string) Build {
	b := Build{Version: stamp, Revision: cmp.Or(revision, "unknown"), Go: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	if b.Version == "" {
		b.Version = info.Main.Version
	}
	if b.Version == "" || b.Version == "(devel)" {
		b.Version = "devel"
	}
	dirty := ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			b.Revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "+dirty"
		}
	}
	b.Revision += dirty
	return b
}
