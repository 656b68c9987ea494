package cmd_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/parley-chat/parley"

// A row says what a package, without its tests, may import: packages of this module, and the
// modules of its one technology. The standard library is allowed, except packages in outsideCore
// for the core.
type row struct {
	pkg  string
	may  []string // packages of this module; "adapters/..." stands for those below adapters too
	uses []string // third-party modules, and packages below them
}

var (
	words = []string{"core/chat"}
	inner = []string{"core/chat", "ports"}
	outer = []string{"core/chat", "ports", "adapters/wire", "adapters/edge"}
	buses = []string{"core/chat", "ports", "adapters/notices", "adapters/bus"}
	// A store migrates its own schema, and reads entries of a later release in the form for
	// clients.
	stores = []string{"core/chat", "core/ledger", "core/finding", "ports", "adapters/wire", "migrations"}
	all    = []string{"core/...", "ports", "adapters/...", "migrations", "observability", "cmd/..."}

	deflate    = "github.com/klauspost/compress"
	brotli     = "github.com/andybalholm/brotli"
	fiber      = "github.com/gofiber/fiber/v2"
	fx         = "go.uber.org/fx"
	goose      = "github.com/pressly/goose/v3"
	otel       = "go.opentelemetry.io/otel"
	pgx        = "github.com/jackc/pgx/v5"
	prometheus = "github.com/prometheus/client_golang"
	sys        = "golang.org/x/sys"
)

// rows is the architecture, a line for each package. A new package needs a line here, with as few
// imports as possible.
var rows = []row{
	// Unicode defines which emoji are equal, and is not a technology: only the tables of its normal
	// forms are used.
	{pkg: "core/chat", uses: []string{"golang.org/x/text/unicode/norm"}},
	{pkg: "core/ledger", may: inner},
	{pkg: "core/finding", may: inner},
	{pkg: "core/messaging", may: []string{"core/chat", "core/paging", "core/work", "ports"}},
	{pkg: "core/presence", may: inner},
	{pkg: "core/work"},
	{pkg: "core/feed", may: []string{"core/chat", "core/work", "ports"}},
	{pkg: "core/delivery", may: []string{"core/chat", "core/feed", "core/work", "ports"}},
	{pkg: "core/session", may: []string{"core/chat", "core/delivery", "core/feed", "core/presence", "core/work", "ports"}},
	{pkg: "core/paging"},
	{pkg: "core/people", may: inner},
	{pkg: "core/revocation", may: inner},
	{pkg: "core/logwatch", may: inner},
	{pkg: "core/recent", may: inner},
	{pkg: "core/consuming", may: []string{"core/chat", "core/recent", "core/work", "ports"}},
	{pkg: "core/hooks", may: []string{"core/chat", "core/consuming", "ports"}},
	{pkg: "core/search", may: []string{"core/chat", "core/consuming", "core/paging", "ports"}},
	{pkg: "core/search/searchtest", may: []string{"core/chat", "core/consuming", "core/search", "ports"}},
	{pkg: "ports", may: words},
	{pkg: "ports/portstest", may: inner, uses: []string{"pgregory.net/rapid"}},

	{pkg: "adapters/wire", may: inner},
	{pkg: "adapters/words", may: inner, uses: []string{"golang.org/x/text/unicode/norm"}},
	{pkg: "adapters/notices", may: []string{"core/chat", "ports", "adapters/wire"}, uses: []string{"google.golang.org/protobuf"}},
	{pkg: "adapters/edge", may: []string{"core/chat", "ports", "adapters/wire"}, uses: []string{fiber, "golang.org/x/net"}},
	{pkg: "adapters/edge/pack", uses: []string{deflate}},
	{pkg: "adapters/httpd", may: outer, uses: []string{fiber, "github.com/valyala/fasthttp", deflate}},
	{pkg: "adapters/rest", may: outer, uses: []string{fiber}},
	{pkg: "adapters/web", may: outer, uses: []string{fiber}},
	{pkg: "adapters/web/bundle", uses: []string{brotli, deflate, "github.com/evanw/esbuild"}},
	{pkg: "adapters/web/bundle/generate", may: []string{"adapters/web/bundle"}},
	{pkg: "adapters/sse", may: outer, uses: []string{fiber, "github.com/valyala/fasthttp"}},
	{pkg: "adapters/ws", may: outer, uses: []string{fiber, "github.com/gofiber/contrib/websocket", "github.com/fasthttp/websocket", deflate, sys}},
	{pkg: "adapters/postgres", may: stores, uses: []string{pgx, goose}},
	{pkg: "adapters/postgres/pgtest", may: []string{"adapters/freeaddr"}, uses: []string{pgx}},
	{pkg: "adapters/sqlite", may: append([]string{"adapters/sqlite/joined"}, stores...), uses: []string{"modernc.org/sqlite", goose}},
	{pkg: "adapters/sqlite/joined", uses: []string{"modernc.org/sqlite", "modernc.org/libc"}},
	{pkg: "adapters/sqlite/joined/joinedtest", uses: []string{"modernc.org/sqlite", "modernc.org/libc"}},
	{pkg: "adapters/memory", may: []string{"core/chat", "core/ledger", "ports"}},
	{pkg: "adapters/shards", may: []string{"core/chat", "core/ledger", "ports"}},
	{pkg: "adapters/localbus", may: inner},
	{pkg: "adapters/bus", may: []string{"core/chat", "ports", "adapters/notices"}},
	{pkg: "adapters/nats", may: buses, uses: []string{"github.com/nats-io/nats.go"}},
	{pkg: "adapters/redis", may: buses, uses: []string{"github.com/gomodule/redigo"}},
	{pkg: "adapters/bustest", may: append([]string{"adapters/freeaddr"}, inner...)},
	{pkg: "adapters/freeaddr"},
	{pkg: "adapters/webhook", may: []string{"core/chat", "ports", "adapters/wire"}, uses: []string{"code.dny.dev/ssrf"}},
	{pkg: "adapters/pgbus", may: buses, uses: []string{pgx}},
	{pkg: "adapters/jwt", may: inner, uses: []string{"github.com/golang-jwt/jwt/v5", "github.com/MicahParks/jwkset", "golang.org/x/time"}},

	{pkg: "migrations", may: words, uses: []string{goose}},
	{pkg: "observability", may: []string{"core/chat", "ports", "observability/otlp"}, uses: []string{prometheus, otel, "go.opentelemetry.io/contrib"}},
	{pkg: "observability/otlp", uses: []string{otel, "go.opentelemetry.io/proto/otlp", "google.golang.org/protobuf", "golang.org/x/net"}},

	{pkg: "cmd/server", may: all, uses: []string{fx, fiber, pgx, "github.com/exaring/otelpgx"}},
	{pkg: "cmd/parley", may: all, uses: []string{fx, "github.com/KimMachineGun/automemlimit"}},

	{pkg: "cmd/bench", may: []string{"adapters/freeaddr", "adapters/jwt", "adapters/postgres/pgtest", "cmd/bench/..."}, uses: []string{pgx, sys}},
	{pkg: "cmd/bench/load", uses: []string{sys}},
	{pkg: "cmd/bench/report", uses: []string{"github.com/HdrHistogram/hdrhistogram-go"}},
	{pkg: "cmd/bench/receiver"},
	{pkg: "cmd/bench/proc", may: []string{"cmd/bench/report"}, uses: []string{sys}},
	{pkg: "cmd/torture", may: []string{"adapters/freeaddr", "adapters/jwt", "adapters/postgres/pgtest", "cmd/bench/proc", "cmd/torture/..."}, uses: []string{"github.com/coder/websocket", "github.com/HdrHistogram/hdrhistogram-go"}},
	{pkg: "cmd/torture/history"},
	{pkg: "cmd/torture/faultproxy"},
	{pkg: "cmd/torture/planted", may: all, uses: []string{fx}},
	{pkg: "cmd/parley-torture", may: []string{"cmd/torture/..."}},
	{pkg: "cmd/parley-bench", may: []string{"cmd/bench"}},
	{pkg: "cmd/release"},

	{pkg: "deploy/deploytest", uses: []string{"go.yaml.in/yaml/v3"}},
	{pkg: "deploy/grafana"},
	{pkg: "deploy/grafana/generate", may: []string{"deploy/grafana"}},
}

// outsideCore are packages of the standard library that only adapters may use.
var outsideCore = []string{"database/sql", "embed", "encoding/json", "log", "net", "os", "syscall"}

// testOnly are packages that only tests and benchmarks may import.
var testOnly = []string{"ports/portstest", "adapters/postgres/pgtest", "adapters/bustest", "adapters/freeaddr", "deploy/deploytest", "core/search/searchtest"}

// testsOfCore are further packages that tests of the core may import: doubles that pass the
// contract suites, and the suites.
var testsOfCore = []string{"core/...", "ports/...", "adapters/memory", "adapters/localbus", "adapters/words"}

func TestEachPackageImportsOnlyWhatItsRowAllows(t *testing.T) {
	t.Parallel()
	packages := readPackages(t)
	var gone []string
	for _, row := range rows {
		if packages[row.pkg] == nil {
			gone = append(gone, row.pkg)
		}
	}
	if len(gone) > 0 {
		t.Errorf("rows has lines for packages that are not there: %s", strings.Join(gone, ", "))
	}
	for _, pkg := range slices.Sorted(maps.Keys(packages)) {
		i := slices.IndexFunc(rows, func(r row) bool { return r.pkg == pkg })
		if i < 0 {
			t.Errorf("%s has no line in rows; add one that says what it may import", pkg)
			continue
		}
		for _, problem := range rows[i].problems(packages[pkg].imports) {
			t.Errorf("%s: %s", pkg, problem)
		}
	}
}

func TestRowsAreOneAPackage(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, row := range rows {
		if seen[row.pkg] {
			t.Errorf("%s has two lines in rows", row.pkg)
		}
		seen[row.pkg] = true
	}
}

func TestTestsOfTheCoreKnowNoTechnology(t *testing.T) {
	t.Parallel()
	for pkg, files := range readPackages(t) {
		if !within(pkg, "core/...") {
			continue
		}
		for imported, file := range files.testImports {
			local, ours := strings.CutPrefix(imported, module+"/")
			if ours && !anyWithin(local, testsOfCore) {
				t.Errorf("%s imports %s; tests of the core may import %s", file, local, strings.Join(testsOfCore, ", "))
			}
		}
	}
}

func TestRowsRefuse(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		row     row
		imports string
		refused bool
	}{
		"an adapter of another":                   {row{pkg: "adapters/ws", may: outer}, module + "/adapters/rest", true},
		"the technology of another":               {row{pkg: "adapters/ws", uses: []string{fiber}}, pgx, true},
		"a module with a name that begins alike":  {row{pkg: "adapters/ws", uses: []string{fiber}}, fiber + "extra", true},
		"the database in the core":                {row{pkg: "core/chat"}, "database/sql/driver", true},
		"a package for tests":                     {row{pkg: "cmd/server", may: all}, module + "/adapters/postgres/pgtest", true},
		"the root of the module":                  {row{pkg: "cmd/parley", may: all}, module, true},
		"nothing of what a row names":             {row{pkg: "adapters/ws", may: outer}, module + "/adapters/wire", false},
		"nothing below a module that a row names": {row{pkg: "adapters/ws", uses: []string{fiber}}, fiber + "/utils", false},
		"nothing of the database in an adapter":   {row{pkg: "adapters/sqlite"}, "database/sql", false},
		"nothing of all to a command":             {row{pkg: "cmd/parley", may: all}, module + "/ports", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := test.row.problems(map[string]string{test.imports: "file.go"})
			if (len(got) > 0) != test.refused {
				t.Errorf("got %q, want refused to be %v", got, test.refused)
			}
		})
	}
}

// problems returns the imports that the row does not allow.
func (r row) problems(imports map[string]string) []string {
	var problems []string
	for _, imported := range slices.Sorted(maps.Keys(imports)) {
		file := imports[imported]
		local, ours := strings.CutPrefix(imported, module+"/")
		host, _, _ := strings.Cut(imported, "/")
		switch {
		case ours && anyWithin(local, testOnly) && !anyWithin(r.pkg, append(testOnly, "cmd/bench", "cmd/torture")):
			problems = append(problems, fmt.Sprintf("%s imports %s, which is for tests", file, local))
		case ours:
			if !anyWithin(local, r.may) {
				problems = append(problems, fmt.Sprintf("%s imports %s; of this module its row allows %q", file, local, r.may))
			}
		case strings.Contains(host, "."):
			if !slices.ContainsFunc(r.uses, func(m string) bool { return within(imported, m+"/...") }) {
				problems = append(problems, fmt.Sprintf("%s imports %s; of others its row allows %q", file, imported, r.uses))
			}
		case within(r.pkg, "core/...") || within(r.pkg, "ports"):
			if slices.ContainsFunc(outsideCore, func(std string) bool { return within(imported, std+"/...") }) {
				problems = append(problems, fmt.Sprintf("%s imports %s, which is an adapter's business", file, imported))
			}
		}
	}
	return problems
}

// within reports whether a package is the one that pattern names, or is below it if pattern ends in
// "/...".
func within(pkg, pattern string) bool {
	above, ok := strings.CutSuffix(pattern, "/...")
	return pkg == above || ok && strings.HasPrefix(pkg, above+"/")
}

func anyWithin(pkg string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return within(pkg, pattern) })
}

// files has the imports of a folder's files, each with one file that has it.
type files struct {
	count                int // without tests
	imports, testImports map[string]string
}

// readPackages reads the imports of every package of the module, by its folder. It parses the files
// instead of asking the go command: so it also sees those for other systems, and go test does not
// cache the result after one of them changes.
func readPackages(t *testing.T) map[string]*files {
	t.Helper()
	packages := map[string]*files{}
	root := ".."
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return skipped(root, name)
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		pkg, err := filepath.Rel(root, filepath.Dir(name))
		if err != nil {
			return err
		}
		return readImports(packages, filepath.ToSlash(pkg), name)
	})
	if err != nil {
		t.Fatalf("read the packages of the module: %v", err)
	}
	maps.DeleteFunc(packages, func(_ string, f *files) bool { return f.count == 0 }) // folders of tests only, like this one
	return packages
}

// skipped returns fs.SkipDir for folders that the go command ignores too.
func skipped(root, dir string) error {
	base := filepath.Base(dir)
	if dir != root && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" || base == "node_modules") {
		return fs.SkipDir
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); dir != root && err == nil {
		return fs.SkipDir
	}
	return nil
}

func readImports(packages map[string]*files, pkg, name string) error {
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
	if err != nil {
		return err
	}
	if packages[pkg] == nil {
		packages[pkg] = &files{imports: map[string]string{}, testImports: map[string]string{}}
	}
	imports := packages[pkg].testImports
	if !strings.HasSuffix(name, "_test.go") {
		imports = packages[pkg].imports
		packages[pkg].count++
	}
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		imports[imported] = path.Join(pkg, filepath.Base(name))
	}
	return nil
}

// TestTheMapNamesEachPackage compares the map in CONTRIBUTING.md with the packages: each is named,
// or is below one that is, and all that is named exists.
func TestTheMapNamesEachPackage(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "## Where things are")
	where, _, _ := strings.Cut(rest, "## Adding an adapter")
	named := map[string]bool{}
	for line := range strings.Lines(where) {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		cell, _, _ := strings.Cut(line[2:], " |")
		for name := range strings.FieldsSeq(strings.ReplaceAll(cell, "`", "")) {
			named[name] = true
			if info, err := os.Stat("../" + name); err != nil || !info.IsDir() {
				t.Errorf("the map names %s, which is no folder", name)
			}
		}
	}
	for _, r := range rows {
		name := r.pkg
		for name != "." && !named[name] {
			name = path.Dir(name)
		}
		if name == "." {
			t.Errorf("the map does not name %s", r.pkg)
		}
	}
}
