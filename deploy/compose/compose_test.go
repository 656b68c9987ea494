// Package compose_test checks deploy/compose.yaml against the Compose specification, the files that
// it mounts and the service, without an engine.
package compose_test

import (
	"bytes"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/adapters/bustest"
	"github.com/parley-chat/parley/adapters/freeaddr"
	"github.com/parley-chat/parley/adapters/postgres/pgtest"
	"github.com/parley-chat/parley/cmd/server"
	"github.com/parley-chat/parley/deploy/deploytest"
)

const file = "deploy/compose.yaml"

// project is the file in Compose's view: merged, with the defaults of its variables.
func project(t *testing.T) map[string]any {
	t.Helper()
	variable := regexp.MustCompile(`\$\{\w+:-([^}]*)\}`)
	text := variable.ReplaceAll(deploytest.Read(t, file), []byte("$1"))
	if strings.Contains(string(text), "${") {
		t.Fatal("a variable has no default: a newcomer would have to set it")
	}
	documents := deploytest.YAML(t, text)
	if len(documents) != 1 {
		t.Fatalf("got %d documents, want 1", len(documents))
	}
	return documents[0]
}

func services(t *testing.T) map[string]any {
	t.Helper()
	return deploytest.At[map[string]any](t, project(t), "services")
}

func environment(t *testing.T, service string) map[string]string {
	t.Helper()
	env := map[string]string{}
	for name, value := range deploytest.At[map[string]any](t, services(t), service+".environment") {
		env[name] = deploytest.Text(value)
	}
	return env
}

func TestItIsAComposeFile(t *testing.T) {
	t.Parallel()
	if _, err := deploytest.Tool(t, "compose-spec", filepath.Join(deploytest.Root(t), file)); err != nil {
		t.Error(err)
	}
	broken := filepath.Join(t.TempDir(), "compose.yaml")
	if err := os.WriteFile(broken, bytes.Replace(deploytest.Read(t, file), []byte("\n    image:"), []byte("\n    imagee:"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := deploytest.Tool(t, "compose-spec", broken); err == nil || !strings.Contains(err.Error(), "imagee") {
		t.Errorf("a misspelt key is taken: %v", err)
	}
}

func TestServicesAreConfined(t *testing.T) {
	t.Parallel()
	for name, service := range services(t) {
		if !deploytest.At[bool](t, service, "read_only") {
			t.Errorf("%s may write to its root", name)
		}
		if drop := deploytest.At[string](t, service, "cap_drop.0"); drop != "ALL" {
			t.Errorf("%s keeps capabilities: it drops %q", name, drop)
		}
		if opt := deploytest.At[string](t, service, "security_opt.0"); opt != "no-new-privileges:true" {
			t.Errorf("%s may gain privileges: %q", name, opt)
		}
		for _, port := range deploytest.At[[]any](t, service, "ports") {
			if !strings.HasPrefix(deploytest.Text(port), "127.0.0.1:") {
				t.Errorf("%s is published to more than this machine: %v", name, port)
			}
		}
	}
}

func TestImagesArePinned(t *testing.T) {
	t.Parallel()
	for name, service := range services(t) {
		image := deploytest.At[string](t, service, "image")
		if deploytest.At[any](t, service, "build") == nil && !regexp.MustCompile(`:v?\d+\.\d+(\.\d+)?(-alpine)?$`).MatchString(image) {
			t.Errorf("%s runs %s, want an exact version", name, image)
		}
	}
}

// withoutCheck are services without a health check, because no other service waits for them and
// their image may have no program for it. Parley's check is in its image.
var withoutCheck = []string{"jaeger", "parley", "parley-2"}

func TestNothingWaitsForWhatIsNotChecked(t *testing.T) {
	t.Parallel()
	all := services(t)
	for name, service := range all {
		checked := deploytest.At[any](t, service, "healthcheck") != nil
		if checked == slices.Contains(withoutCheck, name) {
			t.Errorf("%s has a health check: %v", name, checked)
		}
		for needed, how := range deploytest.At[map[string]any](t, service, "depends_on") {
			if got := deploytest.At[string](t, how, "condition"); got != "service_healthy" || slices.Contains(withoutCheck, needed) {
				t.Errorf("%s waits for %s to be %s", name, needed, got)
			}
		}
	}
}

func TestWhatIsMountedIsThere(t *testing.T) {
	t.Parallel()
	volumes := deploytest.At[map[string]any](t, project(t), "volumes")
	used := map[string]bool{}
	for name, service := range services(t) {
		for _, mount := range deploytest.At[[]any](t, service, "volumes") {
			parts := strings.Split(mount.(string), ":")
			if !strings.HasPrefix(parts[0], ".") {
				if _, ok := volumes[parts[0]]; !ok {
					t.Errorf("%s mounts %s, which is no volume", name, parts[0])
				}
				used[parts[0]] = true
				continue
			}
			if _, err := os.Stat(filepath.Join(deploytest.Root(t), "deploy", parts[0])); err != nil {
				t.Errorf("%s mounts what is not there: %v", name, err)
			}
			if len(parts) != 3 || parts[2] != "ro" {
				t.Errorf("%s may write to %s", name, parts[0])
			}
		}
	}
	for name := range volumes {
		if !used[name] {
			t.Errorf("nobody uses the volume %s", name)
		}
	}
	build := deploytest.At[map[string]any](t, services(t), "parley.build")
	if _, err := os.Stat(filepath.Join(deploytest.Root(t), "deploy", build["context"].(string), build["dockerfile"].(string))); err != nil {
		t.Error(err)
	}
}

// mounted returns the path on this machine of a file in a service's container.
func mounted(t *testing.T, service, name string) string {
	t.Helper()
	for _, mount := range deploytest.At[[]any](t, services(t), service+".volumes") {
		parts := strings.Split(mount.(string), ":")
		if rest, ok := strings.CutPrefix(name, parts[1]); ok && strings.HasPrefix(parts[0], ".") && (rest == "" || rest[0] == '/') {
			return filepath.Join(deploytest.Root(t), "deploy", parts[0], rest)
		}
	}
	t.Fatalf("%s has no %s", service, name)
	return ""
}

// reference is a host and port in some file.
var reference = regexp.MustCompile(`(?:[a-z]+://(?:[^@/\s"]*@)?|")([a-z][a-z0-9-]*):(\d+)`)

func TestServicesFindEachOther(t *testing.T) {
	t.Parallel()
	open := map[string]bool{}
	for name, service := range services(t) {
		for _, port := range slices.Concat(deploytest.At[[]any](t, service, "expose"), deploytest.At[[]any](t, service, "ports")) {
			text := deploytest.Text(port)
			open[name+":"+text[strings.LastIndex(text, ":")+1:]] = true
		}
	}
	var texts []string
	for name := range services(t) {
		for variable, value := range environment(t, name) {
			texts = append(texts, fmt.Sprintf("%s: %q", variable, value))
		}
	}
	for _, name := range []string{"prometheus.yml", "grafana/datasources/datasources.yaml"} {
		texts = append(texts, string(deploytest.Read(t, "deploy/compose/"+name)))
	}
	found := 0
	for _, at := range reference.FindAllStringSubmatch(strings.Join(texts, "\n"), -1) {
		found++
		if !open[at[1]+":"+at[2]] {
			t.Errorf("something connects to %s:%s; open are %q", at[1], at[2], slices.Sorted(maps.Keys(open)))
		}
	}
	if found < 5 {
		t.Errorf("only %d connections are found: the pattern finds too little", found)
	}
}

func TestPrometheusTakesItsConfiguration(t *testing.T) {
	t.Parallel()
	var args []string
	for _, arg := range deploytest.At[[]any](t, services(t), "prometheus.command") {
		args = append(args, arg.(string))
	}
	inside, ok := strings.CutPrefix(args[0], "--config.file=")
	if !ok || !slices.Contains(args, "--enable-feature=exemplar-storage") {
		t.Errorf("prometheus runs with %q", args)
	}
	dir := t.TempDir() // with the container's layout
	rules := path.Join(path.Dir(inside), "rules/parley.yaml")
	for _, name := range []string{inside, rules} {
		content, err := os.ReadFile(mounted(t, "prometheus", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := deploytest.Tool(t, "promtool", "check", "config", filepath.Join(dir, inside))
	if err != nil || !strings.Contains(out, "1 rule files found") {
		t.Errorf("promtool check config: %v\n%s", err, out)
	}
}

func TestGrafanaFindsItsDashboards(t *testing.T) {
	t.Parallel()
	provider := deploytest.YAML(t, deploytest.Read(t, "deploy/compose/grafana/dashboards/dashboards.yaml"))[0]
	dir := deploytest.At[string](t, provider, "providers.0.options.path")
	home := environment(t, "grafana")["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
	if path.Dir(home) != dir {
		t.Errorf("the home dashboard is %s, the others are in %s", home, dir)
	}
	if _, err := os.Stat(mounted(t, "grafana", home)); err != nil {
		t.Error(err)
	}
	sources := deploytest.YAML(t, deploytest.Read(t, "deploy/compose/grafana/datasources/datasources.yaml"))[0]
	uids := map[string]bool{}
	for _, source := range deploytest.At[[]any](t, sources, "datasources") {
		uids[deploytest.At[string](t, source, "uid")] = true
	}
	for _, to := range deploytest.At[[]any](t, sources, "datasources.0.jsonData.exemplarTraceIdDestinations") {
		if uid := deploytest.At[string](t, to, "datasourceUid"); uid != "" && !uids[uid] {
			t.Errorf("exemplars lead to %s, which is no data source", uid)
		}
		if name := deploytest.At[string](t, to, "name"); name != "trace_id" {
			t.Errorf("exemplars lead on by the label %s; the service's have trace_id", name)
		}
	}
}

func TestTheNodesAreAlike(t *testing.T) {
	t.Parallel()
	one, two := services(t)["parley"].(map[string]any), maps.Clone(services(t)["parley-2"].(map[string]any))
	two["ports"] = one["ports"]
	if !reflect.DeepEqual(one, two) {
		t.Errorf("got %v\nand %v", one, two)
	}
	if cfg := settings(t); strings.HasPrefix(cfg.BusURL, "local:") {
		t.Error("several nodes have no bus")
	}
}

func TestParleyHasTheTimeToStop(t *testing.T) {
	t.Parallel()
	cfg := settings(t)
	grace, err := time.ParseDuration(deploytest.At[string](t, services(t), "parley.stop_grace_period"))
	if err != nil {
		t.Fatal(err)
	}
	if cfg.StopTimeout == 0 {
		cfg.StopTimeout = cfg.Drain + 20*time.Second // the default
	}
	if grace <= cfg.StopTimeout {
		t.Errorf("it is killed after %v, and may take %v", grace, cfg.StopTimeout)
	}
}

// settings are the service's environment variables, including those of the image.
func settings(t *testing.T) (cfg server.Config) {
	t.Helper()
	env := environment(t, "parley")
	all := deploytest.Describe(t).Env
	maps.Copy(all, env)
	var environ []string
	for name, value := range all {
		environ = append(environ, name+"="+value)
	}
	if err := server.NewSettings("serve", &cfg).Load(nil, environ); err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestParleyListensWhereOthersLook(t *testing.T) {
	t.Parallel()
	cfg := settings(t)
	if cfg.AdminAddr != ":8081" || cfg.HTTPAddr != ":8080" {
		t.Errorf("it listens on %s and %s; Prometheus looks at :8081, and :8080 is published", cfg.AdminAddr, cfg.HTTPAddr)
	}
	store, err := url.Parse(cfg.StoreURL)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := store.User.Password()
	database := environment(t, "postgres")
	if store.User.Username() != database["POSTGRES_USER"] || password != database["POSTGRES_PASSWORD"] || store.Path[1:] != database["POSTGRES_DB"] {
		t.Errorf("the store is %s, the database is made with %v", store, database)
	}
}

// TestParleyRunsAsTheFileSays runs the image with the file's environment, on a real PostgreSQL, and
// follows the instructions in the file's first lines.
func TestParleyRunsAsTheFileSays(t *testing.T) {
	t.Parallel()
	env := environment(t, "parley")
	http, admin := freeaddr.Must(t), freeaddr.Must(t)
	env["PARLEY_HTTP_ADDR"], env["PARLEY_ADMIN_ADDR"], env["PARLEY_STORE_URL"] = http, admin, pgtest.URL(t)
	env["PARLEY_BUS_URL"] = "nats://" + bustest.NATS(t).Addr
	collector := deploytest.Collect(t)
	env["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.URL // instead of jaeger
	image := deploytest.Build(t)
	parley := image.Container(t, deploytest.Change{Env: env})
	p := parley.Start("the service runs")
	if code, out := parley.Exec(image.Healthcheck...); code != 0 {
		t.Errorf("the health check ends with %d: %s", code, out)
	}
	command := regexp.MustCompile(`exec parley (/parley token .*)`).FindSubmatch(deploytest.Read(t, file))
	if command == nil {
		t.Fatal("the file does not say how to get a token")
	}
	code, token := parley.Exec(strings.Fields(string(command[1]))...)
	if code != 0 {
		t.Fatalf("%s: %d %s", command[1], code, token)
	}
	if got := deploytest.Get(t, "http://"+http+"/v1/rooms", strings.TrimSpace(token)); got != 200 {
		t.Errorf("with the token: got %d, want 200", got)
	}
	if got := deploytest.Get(t, "http://"+admin+"/metrics", ""); got != 200 {
		t.Errorf("what Prometheus fetches: got %d, want 200", got)
	}
	if code := p.Stop(); code != 0 {
		t.Errorf("it stops with code %d, want 0", code)
	}
	if got := collector.Paths(); !slices.Equal(got, []string{"/v1/traces"}) {
		t.Errorf("jaeger takes traces only, and gets %q", got)
	}
}
