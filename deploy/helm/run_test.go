package helm_test

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/adapters/freeaddr"
	"github.com/parley-chat/parley/adapters/postgres/pgtest"
	"github.com/parley-chat/parley/deploy/deploytest"
)

// TestTheImageDoesAsTheChartSays builds the image once.
func TestTheImageDoesAsTheChartSays(t *testing.T) {
	t.Parallel()
	image := deploytest.Build(t)
	t.Run("the first pod becomes ready", func(t *testing.T) { t.Parallel(); firstPod(t, image) })
	t.Run("its commands are those of the program", func(t *testing.T) { t.Parallel(); commands(t, image) })
}

// commands checks that the program has the commands which the chart uses.
func commands(t *testing.T, image deploytest.Image) {
	t.Helper()
	c, known := image.Container(t, deploytest.Change{}), map[string]bool{}
	for _, r := range releases {
		all := r.objects(t)
		for _, workload := range slices.Concat(all.of("Deployment"), all.of("Job")) {
			spec, _ := container(t, workload)
			known[deploytest.At[string](t, spec, "args.0")] = true
		}
	}
	if len(known) < 2 {
		t.Errorf("the chart uses %v only", known)
	}
	for command := range known {
		if code, out := c.Run(command, "-h"); code != 0 {
			t.Errorf("parley %s: %d %s", command, code, out)
		}
	}
}

// firstPod runs the image like the releases' pods, with the files that the cluster would mount, and
// makes the requests of their probes. It changes only the deployment's addresses, because the pod
// has no network of its own, and invents its secrets.
func firstPod(t *testing.T, image deploytest.Image) {
	t.Helper()
	for _, name := range []string{
		"to try it out",
		"with the store's URL among the values, and keys in a secret",
		"with SQLite on a volume, and keys in a config map",
		"with migrations by a job",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := releases[name].objects(t)
			mounted := files(t)
			for _, job := range all.of("Job") {
				run(t, image, job, mounted)
			}
			serves(t, image, all.one(t, "Deployment"), mounted)
		})
	}
}

// files are the files in the pods' volumes.
func files(t *testing.T) map[string][]byte {
	t.Helper()
	all := map[string][]byte{
		"/etc/parley/store/url": []byte(pgtest.URL(t) + "\n"),
		"/etc/parley/hooks/key": []byte(base64.StdEncoding.EncodeToString(make([]byte, 32)) + "\n"),
	}
	for _, name := range []string{"public.pem", "new.pem", "old.pem"} {
		all["/etc/parley/keys/"+name] = deploytest.PublicKey(t)
	}
	return all
}

// pod is the container of a workload, as the cluster would make it.
func pod(t *testing.T, image deploytest.Image, workload map[string]any, mounted map[string][]byte, env map[string]string) *deploytest.Container {
	t.Helper()
	c, spec := container(t, workload)
	all := environment(t, c)
	maps.Copy(all, env)
	change := deploytest.Change{Env: all, Files: map[string][]byte{}}
	for _, mount := range deploytest.At[[]any](t, c, "volumeMounts") {
		dir := deploytest.At[string](t, mount, "mountPath")
		if !deploytest.At[bool](t, mount, "readOnly") {
			change.Writable = append(change.Writable, dir)
		}
		for file, content := range mounted {
			if path.Dir(file) == dir {
				change.Files[file] = content
			}
		}
	}
	if uid := deploytest.Text(deploytest.At[int](t, spec, "securityContext.runAsUser")); !strings.HasPrefix(image.User, uid+":") {
		t.Errorf("the pod runs as %s, the image as %s", uid, image.User)
	}
	made := image.Container(t, change)
	made.Command = nil
	for _, arg := range deploytest.At[[]any](t, c, "args") {
		made.Command = append(made.Command, arg.(string))
	}
	return made
}

func run(t *testing.T, image deploytest.Image, job map[string]any, mounted map[string][]byte) {
	t.Helper()
	c := pod(t, image, job, mounted, nil)
	for range 2 { // a job may be run again
		if code, out := c.Run(c.Command...); code != 0 || strings.Contains(out, "not applied") {
			t.Fatalf("%q ends with %d:\n%s", c.Command, code, out)
		}
	}
}

func serves(t *testing.T, image deploytest.Image, deployment map[string]any, mounted map[string][]byte) {
	t.Helper()
	addresses := map[string]string{"http": freeaddr.Must(t), "admin": freeaddr.Must(t)}
	changed := map[string]string{"PARLEY_HTTP_ADDR": addresses["http"], "PARLEY_ADMIN_ADDR": addresses["admin"]}
	spec, _ := container(t, deployment)
	collector := deploytest.Collect(t)
	traces, traced := strings.CutPrefix(environment(t, spec)["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"], "http://collector:4318")
	if traced {
		changed["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = collector.URL + traces
	}
	c := pod(t, image, deployment, mounted, changed)
	p := c.Start("the service runs")
	for _, probe := range []string{"startupProbe", "livenessProbe", "readinessProbe"} {
		get := deploytest.At[map[string]any](t, spec, probe+".httpGet")
		url := "http://" + addresses[get["port"].(string)] + get["path"].(string)
		if status := deploytest.Get(t, url, ""); status != http.StatusOK {
			t.Errorf("%s at %s: got %d, want 200", probe, url, status)
		}
	}
	// The chart's command for newcomers makes tokens in development mode only.
	_, development := c.Env["PARLEY_DEVELOPMENT"]
	if code, out := c.Exec("/parley", "token", "--sub", "alice"); (code == 0) != development {
		t.Errorf("parley token ends with %d: %s", code, out)
	}
	if status := deploytest.Get(t, "http://"+addresses["http"]+"/v1/rooms", ""); status != http.StatusUnauthorized {
		t.Errorf("without a token: got %d, want 401", status)
	}
	if code := p.Stop(); code != 0 {
		t.Errorf("it stops with code %d, want 0", code)
	}
	if got := collector.Paths(); traced != slices.Equal(got, []string{"/v1/traces"}) {
		t.Errorf("the collector gets %q", got)
	}
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
