package bundle

import "github.com/evanw/esbuild/pkg/api"

// Node writes a module for Node of each entry in TypeScript into the folder out, NAME.mjs, with all
// that it imports: for versions of Node that do not take types away by themselves. The entries are
// of one folder.
func Node(entries []string, out string) error {
	result := api.Build(api.BuildOptions{
		EntryPoints:  entries,
		Outdir:       out,
		Bundle:       true,
		Write:        true,
		Format:       api.FormatESModule,
		Platform:     api.PlatformNode,
		Target:       api.ES2023,
		Charset:      api.CharsetUTF8,
		OutExtension: map[string]string{".js": ".mjs"},
	})
	if len(result.Errors) > 0 {
		return told(result.Errors[0])
	}
	return nil
}
