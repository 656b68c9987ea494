package bundle

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// languages are the languages of the elements, besides English, that have files of their own.
var languages = []string{"de", "ru"}

// parts builds the elements: a main file, one that it loads later, and languages.
//
// The later one uses modules of the main one, which must exist only once. It finds them in a table
// that the main one keeps (src/lazy/kit.ts). The table's name changes with the source, so that two
// versions on one page use different tables.
type parts struct {
	dir   string // src/
	files map[string][]byte
	kit   string // the table's name
}

func (p *parts) library() string {
	return filepath.Join(p.dir, "..", "..", "..", "..", ".tools", "preact", "node_modules")
}

func (p *parts) build() error {
	for _, lang := range languages {
		var err error
		if p.files["embed-"+lang+".js"], err = build(options(filepath.Dir(p.dir), "strings/"+lang+".ts")); err != nil {
			return err
		}
	}
	sum, err := sumOf(p.dir)
	if err != nil {
		return err
	}
	p.kit = "parley kit " + sum
	shared, err := p.shared()
	if err != nil {
		return err
	}
	o := p.options("lazy/more.ts")
	o.Plugins = append(o.Plugins, shared)
	var own map[string]any
	if p.files["embed-more.js"], own, err = shortened(o); err != nil {
		return err
	}
	if len(own) > 0 { // they are others in the main file
		return fmt.Errorf("what is loaded later uses own names: %v", slices.Sorted(maps.Keys(own)))
	}
	packed, err := compress(p.files["embed-more.js"], inBrotli)
	if err != nil {
		return err
	}
	o = p.options("index.ts")
	o.Plugins = append(o.Plugins, later("./embed-more.js"))
	o.External = []string{"@parley-chat/client"}
	if p.files["index.js"], err = build(o); err != nil {
		return err
	}
	o = p.options("index.ts")
	o.Plugins = append(o.Plugins, later("./embed-more-"+Tag(packed)+".js"))
	o.Alias = map[string]string{"@parley-chat/client": filepath.Join(p.dir, "..", "..", "client", "src", "index.ts")}
	p.files["embed.js"], err = build(o)
	return err
}

func (p *parts) options(entry string) api.BuildOptions {
	o := options(filepath.Dir(p.dir), entry)
	o.NodePaths = []string{p.library()}
	o.JSX, o.JSXFactory, o.JSXFragment = api.JSXTransform, "h", "Fragment"
	o.Inject = []string{filepath.Join(p.dir, "ui", "jsx.ts")}
	o.Plugins = []api.Plugin{styles}
	o.Target = api.ES2024
	o.Define = map[string]string{"PARLEY_KIT": fmt.Sprintf("%q", p.kit)}
	return o
}

// later keeps modules that are imported only when they are needed as files of their own, beside the
// importing file.
func later(more string) api.Plugin {
	return api.Plugin{Name: "later", Setup: func(b api.PluginBuild) {
		b.OnResolve(api.OnResolveOptions{Filter: `^\./[a-z]+\.ts$`}, func(args api.OnResolveArgs) (api.OnResolveResult, error) {
			if args.Kind != api.ResolveJSDynamicImport {
				return api.OnResolveResult{}, nil
			}
			name := strings.TrimSuffix(strings.TrimPrefix(args.Path, "./"), ".ts")
			if name == "more" {
				return api.OnResolveResult{Path: more, External: true}, nil
			}
			return api.OnResolveResult{Path: "./embed-" + name + ".js", External: true}, nil
		})
	}}
}

var kitEntry = regexp.MustCompile(`(?m)^  "?([a-z/]+)"?: `)

// shared makes the modules of the kit be looked up in the table.
func (p *parts) shared() (api.Plugin, error) {
	source, err := os.ReadFile(filepath.Join(p.dir, "lazy", "kit.ts"))
	if err != nil {
		return api.Plugin{}, err
	}
	names := map[string]bool{}
	for _, entry := range kitEntry.FindAllSubmatch(source, -1) {
		names[string(entry[1])] = true
	}
	return api.Plugin{Name: "kit", Setup: func(b api.PluginBuild) {
		b.OnResolve(api.OnResolveOptions{Filter: `.`}, func(args api.OnResolveArgs) (api.OnResolveResult, error) {
			name := args.Path
			if strings.HasPrefix(name, ".") {
				rel, err := filepath.Rel(p.dir, filepath.Join(args.ResolveDir, name))
				if err != nil {
					return api.OnResolveResult{}, err
				}
				name = strings.TrimSuffix(filepath.ToSlash(rel), filepath.Ext(rel))
			}
			if !names[name] {
				return api.OnResolveResult{}, nil
			}
			return api.OnResolveResult{Path: name, Namespace: "kit"}, nil
		})
		b.OnLoad(api.OnLoadOptions{Filter: `.`, Namespace: "kit"}, func(args api.OnLoadArgs) (api.OnLoadResult, error) {
			text := fmt.Sprintf("module.exports = globalThis[Symbol.for(%q)][%q]", p.kit, args.Path)
			return api.OnLoadResult{Contents: &text, Loader: api.LoaderJS}, nil
		})
	}}, nil
}

// Tag returns a name for the content of a file. It is a part of the address at which the service
// gives this content for ever.
func Tag(body []byte) string {
	sum := sha256.Sum256(body)
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// sumOf returns the tag of all files below dir together.
func sumOf(dir string) (string, error) {
	hash := sha256.New()
	files := os.DirFS(dir)
	err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := fs.ReadFile(files, path)
		fmt.Fprintf(hash, "%s %d\n", path, len(body))
		hash.Write(body)
		return err
	})
	return base64.RawURLEncoding.EncodeToString(hash.Sum(nil)[:12]), err
}
