package bundle

import (
	"path/filepath"

	"github.com/evanw/esbuild/pkg/api"
)

// React returns dist/index.js of the package for React in dir: one ES module, minified, that
// imports React and the client.
func React(dir string) ([]byte, error) {
	o := options(dir, "index.ts")
	o.External = []string{"react", clientPackage}
	// Without this banner, frameworks that render on a server report hooks as a mistake.
	o.Banner = map[string]string{"js": `"use client";`}
	return build(o)
}

const clientPackage = "@parley-chat/client"

// ReactApp returns a page's script that uses the package for React. With production it has React
// for production; otherwise React for development, with its checks. Both packages are read from
// dist/ below web, as their users have them. React is read from modules, a folder node_modules.
func ReactApp(web, entry, modules string, production bool) ([]byte, error) {
	mode := "development"
	if production {
		mode = "production"
	}
	o, err := app(web, entry, modules)
	if err != nil {
		return nil, err
	}
	o.Platform = api.PlatformBrowser
	o.MinifyWhitespace, o.MinifyIdentifiers, o.MinifySyntax = production, production, production
	o.Define = map[string]string{"process.env.NODE_ENV": `"` + mode + `"`}
	return build(o)
}

// ReactOnServer returns the same as a module for Node.
func ReactOnServer(web, entry, modules string) ([]byte, error) {
	o, err := app(web, entry, modules)
	if err != nil {
		return nil, err
	}
	o.Platform = api.PlatformNode
	// React's own modules are CommonJS, and load Node's modules by require.
	o.Banner = map[string]string{"js": `import { createRequire } from "node:module"; const require = createRequire(import.meta.url);`}
	return build(o)
}

func app(web, entry, modules string) (api.BuildOptions, error) {
	web, err := filepath.Abs(web)
	dist := func(name string) string { return filepath.Join(web, name, "dist", "index.js") }
	return api.BuildOptions{
		EntryPoints: []string{entry},
		Bundle:      true,
		Format:      api.FormatESModule,
		Target:      api.ES2023,
		Charset:     api.CharsetUTF8,
		JSX:         api.JSXAutomatic,
		NodePaths:   []string{modules},
		Alias:       map[string]string{clientPackage: dist("client"), "@parley-chat/react": dist("react")},
	}, err
}
