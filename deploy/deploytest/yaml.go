package deploytest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// YAML reads documents into maps, lists and scalars. Empty documents are left out.
func YAML(t testing.TB, content []byte) (documents []map[string]any) {
	t.Helper()
	for decoder := yaml.NewDecoder(bytes.NewReader(content)); ; {
		var document map[string]any
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return documents
		}
		if err != nil {
			t.Fatalf("%v in:\n%s", err, content)
		}
		if document != nil {
			documents = append(documents, document)
		}
	}
}

// At returns the value at a path of names and indexes, such as spec.containers.0.name, or the zero
// value if there is none. It fails the test if the value is not a T.
func At[T any](t testing.TB, document any, path string) T {
	t.Helper()
	var zero T
	for name := range strings.SplitSeq(path, ".") {
		switch at := document.(type) {
		case map[string]any:
			document = at[strings.ReplaceAll(name, "~", ".")]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(at) {
				return zero
			}
			document = at[i]
		default:
			return zero
		}
	}
	if document == nil {
		return zero
	}
	value, ok := document.(T)
	if !ok {
		t.Fatalf("%s is %v, a %T; want a %T", path, document, document, zero)
	}
	return value
}

// Text returns a scalar as an environment value.
func Text(value any) string {
	if value == nil {
		return ""
	}
	return fmt.Sprint(value)
}
