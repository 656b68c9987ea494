// Package bundle builds the packages for browsers from their TypeScript, without Node. What it
// builds is committed, so that nobody needs it to build or run the service.
package bundle

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/evanw/esbuild/pkg/api"
)

// Client returns dist/index.js of the package in dir: one ES module without dependencies,
// minified.
func Client(dir string) ([]byte, error) { return build(options(dir, "index.ts")) }

// Languages are those of the elements that are files of their own, beside English.
var Languages = []string{"de", "ru"}

// Elements returns the files of dist/ of the package in dir, by their names, but for declarations
// of types:
//
//	index.js, embed.js    with the client as a package of its own, for those who bundle; with all,
//	                      for pages: this is what the service gives
//	embed-de.js, …        words in other languages, which both load where they are spoken
//	*.js.br               the same for the service, compressed
//	custom-elements.json  describes the elements to editors
//	LICENSE.preact        the licence of the library in them
//
// Preact is read from .tools/ at the root of the repository, where .ci/tools has put it.
func Elements(dir string) (map[string][]byte, error) {
	library, err := filepath.Abs(filepath.Join(dir, "../../../.tools/preact/node_modules"))
	if err != nil {
		return nil, err
	}
	client, err := filepath.Abs(filepath.Join(dir, "../client/src/index.ts"))
	if err != nil {
		return nil, err
	}
	jsx, err := filepath.Abs(filepath.Join(dir, "src/ui/jsx.ts"))
	if err != nil {
		return nil, err
	}
	o := options(dir, "index.ts")
	o.NodePaths = []string{library}
	o.JSX, o.JSXFactory, o.JSXFragment, o.Inject = api.JSXTransform, "h", "Fragment", []string{jsx}
	o.Plugins = []api.Plugin{styles, languages}
	o.Target = api.ES2024
	o.External = []string{"@parley-chat/client"}
	files := map[string][]byte{}
	if files["index.js"], err = build(o); err != nil {
		return nil, err
	}
	o.External, o.Alias = nil, map[string]string{"@parley-chat/client": client}
	if files["embed.js"], err = build(o); err != nil {
		return nil, err
	}
	for _, lang := range Languages {
		if files["embed-"+lang+".js"], err = build(options(dir, "strings/"+lang+".ts")); err != nil {
			return nil, err
		}
	}
	for _, name := range append([]string{"embed"}, names(Languages)...) {
		if files[name+".js.br"], err = compress(files[name+".js"]); err != nil {
			return nil, err
		}
	}
	if files["custom-elements.json"], err = os.ReadFile(filepath.Join(dir, "src", "custom-elements.json")); err != nil {
		return nil, err
	}
	files["LICENSE.preact"], err = os.ReadFile(filepath.Join(library, "preact", "LICENSE"))
	return files, err
}

func names(languages []string) []string {
	var all []string
	for _, lang := range languages {
		all = append(all, "embed-"+lang)
	}
	return all
}

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
		LegalComments:     api.LegalCommentsNone,
		TsconfigRaw:       `{"compilerOptions": {"verbatimModuleSyntax": true}}`,
	}
}

func build(o api.BuildOptions) ([]byte, error) {
	result := api.Build(o)
	if len(result.Errors) > 0 {
		return nil, told(result.Errors[0])
	}
	return result.OutputFiles[0].Contents, nil
}

func told(fault api.Message) error {
	if at := fault.Location; at != nil {
		return fmt.Errorf("%s:%d: %s", at.File, at.Line, fault.Text)
	}
	return errors.New(fault.Text)
}

// languages leaves words in other languages to files of their own, beside the one that asks for
// them.
var languages = api.Plugin{Name: "languages", Setup: func(b api.PluginBuild) {
	b.OnResolve(api.OnResolveOptions{Filter: `^\./[a-z]+\.ts$`}, func(args api.OnResolveArgs) (api.OnResolveResult, error) {
		if args.Kind != api.ResolveJSDynamicImport {
			return api.OnResolveResult{}, nil
		}
		name := strings.TrimSuffix(strings.TrimPrefix(args.Path, "./"), ".ts")
		return api.OnResolveResult{Path: "./embed-" + name + ".js", External: true}, nil
	})
}}

// styles makes each sheet of style a text, for sheets that scripts adopt, without what people alone
// need.
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

func compress(body []byte) ([]byte, error) {
	var packed bytes.Buffer
	w := brotli.NewWriterLevel(&packed, brotli.BestCompression)
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}
