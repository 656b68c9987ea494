package bundle

import "github.com/evanw/esbuild/pkg/api"

// Node writes a module for Node for each entry in TypeScript: NAME.mjs in the folder out, with
// everything that it imports. It is for versions of Node that do not remove types themselves. All
// entries are in one folder.
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
