// Package bundle builds the packages for browsers from their TypeScript, without Node. The results
// are committed, so that nobody needs this package to build or run the service.
package bundle

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"

	"github.com/andybalholm/brotli"
	"github.com/evanw/esbuild/pkg/api"
	"github.com/klauspost/compress/gzip"
)

// Client returns dist/index.js of the package in dir: one ES module without dependencies,
// minified.
func Client(dir string) ([]byte, error) { return build(options(dir, "index.ts")) }

// Page returns the script of the service's own page, whose source is in dir.
func Page(dir string) ([]byte, error) { return build(options(dir, "page.ts")) }

// Elements returns the files of dist/ of the package in dir, by their names, without type
// declarations:
//
//	index.js, embed.js    with the client as a package of its own, for those who bundle; with all,
//	                      for pages: this is what the service gives
//	embed-more.js         what both load after the first view: dialogs, panels, emoji
//	embed-de.js, …        words in other languages, which both load where they are spoken
//	*.js.br, *.js.gz      the same for the service, compressed
//	custom-elements.json  describes the elements to editors
//	LICENSE.preact        the licence of the library in them
//
// Preact is read from .tools/ at the root of the repository, where .ci/tools has put it.
func Elements(dir string) (map[string][]byte, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	p := parts{dir: filepath.Join(dir, "src"), files: map[string][]byte{}}
	if err := p.build(); err != nil {
		return nil, err
	}
	for name, body := range maps.Clone(p.files) {
		if name == "index.js" {
			continue
		}
		if p.files[name+".br"], err = compress(body, inBrotli); err != nil {
			return nil, err
		}
		if p.files[name+".gz"], err = compress(body, inGzip); err != nil {
			return nil, err
		}
	}
	for name, from := range map[string]string{
		"custom-elements.json": filepath.Join(p.dir, "custom-elements.json"),
		"LICENSE.preact":       filepath.Join(p.library(), "preact", "LICENSE"),
	} {
		if p.files[name], err = os.ReadFile(from); err != nil {
			return nil, err
		}
	}
	return p.files, nil
}

// ownNames are the names of members that only modules of one built file use: they end in "_", and
// are shortened. What users of a package call, what is sent and what is stored has other names.
const ownNames = `[a-zA-Z]_$`

func options(dir, entry string) api.BuildOptions {
	return api.BuildOptions{
		EntryPoints:       []string{dir + "/src/" + entry},
		Bundle:            true,
		Format:            api.FormatESModule,
		Platform:          api.PlatformNeutral,
		Target:            api.ES2023,
		Charset:           api.CharsetUTF8,
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
		MinifySyntax:      true,
		MangleProps:       ownNames,
		LegalComments:     api.LegalCommentsNone,
		TsconfigRaw:       `{"compilerOptions": {"verbatimModuleSyntax": true}}`,
	}
}

func build(o api.BuildOptions) ([]byte, error) {
	built, _, err := shortened(o)
	return built, err
}

// shortened returns the built file, and what became of the own names in it.
func shortened(o api.BuildOptions) ([]byte, map[string]any, error) {
	result := api.Build(o)
	if len(result.Errors) > 0 {
		return nil, nil, told(result.Errors[0])
	}
	return result.OutputFiles[0].Contents, result.MangleCache, nil
}

func told(fault api.Message) error {
	if at := fault.Location; at != nil {
		return fmt.Errorf("%s:%d: %s", at.File, at.Line, fault.Text)
	}
	return errors.New(fault.Text)
}

// styles makes each style sheet a text, which scripts adopt. It removes what only people need.
var styles = api.Plugin{Name: "styles", Setup: func(b api.PluginBuild) {
	b.OnLoad(api.OnLoadOptions{Filter: `\.css$`}, func(args api.OnLoadArgs) (api.OnLoadResult, error) {
		source, err := os.ReadFile(args.Path)
		if err != nil {
			return api.OnLoadResult{}, err
		}
		result := api.Transform(string(source), api.TransformOptions{
			Loader: api.LoaderCSS, Sourcefile: args.Path, MinifyWhitespace: true, MinifySyntax: true,
			Charset: api.CharsetUTF8,
		})
		if len(result.Errors) > 0 {
			return api.OnLoadResult{}, told(result.Errors[0])
		}
		text := string(bytes.TrimSpace(result.Code))
		return api.OnLoadResult{Contents: &text, Loader: api.LoaderText}, nil
	})
}}

func inBrotli(to io.Writer) (io.WriteCloser, error) {
	return brotli.NewWriterLevel(to, brotli.BestCompression), nil
}

// inGzip does not use Go's own library, as another release of it may compress in another way.
func inGzip(to io.Writer) (io.WriteCloser, error) {
	return gzip.NewWriterLevel(to, gzip.BestCompression)
}

func compress(body []byte, in func(io.Writer) (io.WriteCloser, error)) ([]byte, error) {
	var packed bytes.Buffer
	w, err := in(&packed)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}
