// Package bundle builds the packages for browsers from their TypeScript, without Node. What it
// builds is committed, so that nobody needs it to build or run the service.
package bundle

import (
	"errors"
	"fmt"

	"github.com/evanw/esbuild/pkg/api"
)

// Client returns dist/index.js of the package in dir: one ES module without dependencies,
// minified.
func Client(dir string) ([]byte, error) {
	result := api.Build(api.BuildOptions{
		EntryPoints:       []string{dir + "/src/index.ts"},
		Bundle:            true,
		Format:            api.FormatESModule,
		Platform:          api.PlatformNeutral,
		Target:            api.ES2023,
		Charset:           api.CharsetUTF8,
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
		MinifySyntax:      true,
		LegalComments:     api.LegalCommentsNone,
	})
	if len(result.Errors) > 0 {
		first := result.Errors[0]
		if at := first.Location; at != nil {
			return nil, fmt.Errorf("%s:%d: %s", at.File, at.Line, first.Text)
		}
		return nil, errors.New(first.Text)
	}
	return result.OutputFiles[0].Contents, nil
}
