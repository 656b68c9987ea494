package helm_test

import (
	"cmp"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/deploy/deploytest"
)

// A release is the chart with values, in a cluster of some version. Its name is also the name of
// its subtests.
type release struct {
	kubernetes string // 1.30.0 unless set
	chart      string // ours unless set
	values     string
}

// releases are rendered, validated and checked.
var releases = map[string]release{
	"to try it out": {values: `development: true`},
	"with PostgreSQL and a key set": {values: `
store: {existingSecret: {name: parley-store}}
auth: {jwksUrl: "https://id.example/keys", issuer: "https://id.example", audience: chat, algorithms: [RS256, ES256]}
`},
	"with the store's URL among the values, and keys in a secret": {values: `
store: {url: "postgres://parley:secret@db:5432/parley"}
auth: {publicKeys: {existingSecret: parley-keys, files: [new.pem, old.pem]}}
settings: {PARLEY_RATE_LIMIT: "50/s:250", PARLEY_SESSIONS: 20000, PARLEY_ROOMS_AUTOCREATE: false}
tracing: {endpoint: "http://collector:4318/", ratio: 1, sampler: traceidratio}
`},
	"with SQLite on a volume, and keys in a config map": {values: `
store: {sqlite: {enabled: true, size: 20Gi, storageClassName: fast}}
auth: {publicKeys: {existingConfigMap: parley-keys}}
hooks: {existingSecret: {name: parley-hooks}, allow: [10.0.0.0/8, "fd00::/8"]}
`},
	"with migrations by a job": {values: `
store: {existingSecret: {name: parley-store, key: dsn}}
auth: {publicKeys: {existingSecret: parley-keys}}
migrations: {mode: job}
`},
	"on a cluster that cannot sleep": {kubernetes: "1.27.0", values: `
development: true
stop: {preStopSeconds: 7, drainDelaySeconds: 3}
`},
	"that stops at length": {values: `
development: true
stop: {preStopSeconds: 15, drainDelaySeconds: 20, drainSeconds: 120, finishSeconds: 60}
`},
	"with all that there is": {values: `
fullnameOverride: chat
image: {digest: "sha256:` + strings.Repeat("0a", 32) + `", pullSecrets: [{name: registry}]}
replicaCount: 3
bus: {existingSecret: {name: parley-bus}}
store: {existingSecret: {name: parley-store}}
auth: {jwksUrl: "https://id.example/keys", audience: chat}
hooks: {existingSecret: {name: parley-hooks, key: base64}}
extraEnv: [{name: HTTPS_PROXY, value: "http://proxy:3128"}]
migrations: {mode: job}
terminationGracePeriodSeconds: 90
service: {type: LoadBalancer, annotations: {idle: "3600"}}
ingress: {enabled: true, className: nginx, hosts: [chat.example], tls: [{secretName: tls, hosts: [chat.example]}]}
tracing: {endpoint: "http://collector.observability:4318/"}
metrics:
  serviceMonitor: {enabled: true, labels: {release: prometheus}}
  prometheusRule: {enabled: true, labels: {release: prometheus}}
  dashboards: {enabled: true, annotations: {grafana_folder: Parley}}
autoscaling: {enabled: true, cpuPercent: 80}
networkPolicy:
  clients: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ingress-nginx}}}]
  egress:
    enabled: true
    database: {to: [{ipBlock: {cidr: 10.1.0.0/16}}], port: 6432}
    otlp: {to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: observability}}}]}
    extra: [{ports: [{port: 4222}]}]
serviceAccount: {name: chat, annotations: {role: chat}}
podLabels: {team: chat}
podAnnotations: {note: "1"}
priorityClassName: high
nodeSelector: {kubernetes.io/os: linux}
tolerations: [{key: chat, operator: Exists}]
affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: zone, operator: Exists}]}]}}}
topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {a: b}}}]
extraVolumes: [{name: certificates, secret: {secretName: certificates}}]
extraVolumeMounts: [{name: certificates, mountPath: /etc/parley/tls, readOnly: true}]
`},
}

// render returns helm's rendering of the chart, or its error.
func (r release) render(t *testing.T) (string, error) {
	t.Helper()
	kubernetes, dir := cmp.Or(r.kubernetes, "1.30.0"), cmp.Or(r.chart, filepath.Join(deploytest.Root(t), chart))
	return deploytest.ToolReading(t, r.values, "helm", "template", "test", dir, "--namespace", "chat", "--kube-version", kubernetes, "--values", "-")
}

// objects are the documents of a release.
type objects []map[string]any

func (r release) objects(t *testing.T) objects {
	t.Helper()
	text, err := r.render(t)
	if err != nil {
		t.Fatal(err)
	}
	return deploytest.YAML(t, []byte(text))
}

// of returns the objects of a kind.
func (o objects) of(kind string) (some objects) {
	for _, object := range o {
		if object["kind"] == kind {
			some = append(some, object)
		}
	}
	return some
}

// one returns the only object of a kind.
func (o objects) one(t *testing.T, kind string) map[string]any {
	t.Helper()
	some := o.of(kind)
	if len(some) != 1 {
		t.Fatalf("got %d of %s, want 1", len(some), kind)
	}
	return some[0]
}

// each runs a test for each release.
func each(t *testing.T, test func(t *testing.T, all objects)) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(releases)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, releases[name].objects(t))
		})
	}
}

func TestHelmFindsNoFault(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(deploytest.Root(t), chart)
	if out, err := deploytest.Tool(t, "helm", "lint", "--strict", "--quiet", "--kube-version", "1.30.0", "--set", "development=true", dir); err != nil {
		t.Errorf("%v%s", err, out)
	}
}

// TestObjectsAreWhatKubernetesTakes validates all releases against the schemas of Kubernetes, each
// against that of its cluster.
func TestObjectsAreWhatKubernetesTakes(t *testing.T) {
	t.Parallel()
	takes := map[string]*kubernetes{"1.27": newKubernetes(t, "1.27"), "1.30": newKubernetes(t, "1.30")}
	for name, r := range releases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			version := cmp.Or(strings.TrimSuffix(r.kubernetes, ".0"), "1.30")
			for _, object := range r.objects(t) {
				if err := takes[version].refused(t, object); err != nil {
					t.Errorf("Kubernetes %s does not take %s %v: %v", version, object["kind"], deploytest.At[string](t, object, "metadata.name"), err)
				}
			}
		})
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestValuesThatDoNotFitAreRefused(t *testing.T) {
	t.Parallel()
	const ready = "store: {existingSecret: {name: s}}\nauth: {jwksUrl: https://id.example/keys, audience: chat}\n"
	for name, row := range map[string]struct {
		values string
		want   []string
	}{
		"nothing said":                 {"", []string{"auth: say whose tokens", "store: say where messages", "development: true"}},
		"keys twice":                   {"store: {url: postgres://db/x}\nauth: {jwksUrl: https://id.example/keys, publicKeys: {existingSecret: k}}", []string{"auth: set one of"}},
		"development with an issuer":   {ready + "development: true", []string{"development: with auth of your own"}},
		"no audience":                  {"store: {url: postgres://db/x}\nauth: {jwksUrl: https://id.example/keys}", []string{"auth.audience: with auth.jwksUrl"}},
		"two stores":                   {"store: {url: postgres://db/x, sqlite: {enabled: true}}\nauth: {jwksUrl: https://id.example/keys, audience: chat}", []string{"store: set one of"}},
		"several pods without a bus":   {ready + "replicaCount: 2", []string{"bus.url is local://, which is none"}},
		"autoscaling without a bus":    {ready + "autoscaling: {enabled: true}", []string{"bus.url is local://, which is none"}},
		"several pods with a file":     {"development: true\nreplicaCount: 2\nbus: {url: nats://n:4222}", []string{"need a store that they share"}},
		"fewer than the fewest":        {ready + "autoscaling: {minReplicas: 5, maxReplicas: 2}", []string{"minReplicas is above maxReplicas"}},
		"a job without a secret":       {"store: {url: postgres://db/x}\nauth: {jwksUrl: https://id.example/keys, audience: chat}\nmigrations: {mode: job}", []string{"needs store.existingSecret.name"}},
		"too little time to stop":      {ready + "terminationGracePeriodSeconds: 30", []string{"is 30, and stopping may take 35"}},
		"too little for a longer stop": {ready + "terminationGracePeriodSeconds: 60\nstop: {drainSeconds: 40}", []string{"is 60, and stopping may take 65"}},
		"an ingress without a name":    {ready + "ingress: {enabled: true}", []string{"ingress.hosts"}},
		"a setting of the chart's own": {ready + "settings: {PARLEY_DRAIN: 1s, PARLEY_HOOKS_KEY: x}", []string{"PARLEY_DRAIN has a value", "PARLEY_HOOKS_KEY has a value"}},
		"a network that is none":       {ready + "hooks: {allow: [internal]}", []string{"allow"}},
		"a misspelt value":             {ready + "replicas: 2", []string{"replicas"}},
		"a misspelt value further in":  {ready + "metrics: {serviceMonitor: {enable: true}}", []string{"enable"}},
		"a value of the wrong kind":    {ready + "replicaCount: two", []string{"replicaCount"}},
		"a store that is none":         {"store: {url: mysql://db/x}\nauth: {jwksUrl: https://id.example/keys, audience: chat}", []string{"url"}},
		"a setting that is none":       {ready + "settings: {RATE_LIMIT: off}", []string{"RATE_LIMIT"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := release{values: row.values}.render(t)
			if err == nil {
				t.Fatalf("it is taken:\n%s", text)
			}
			for _, want := range row.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want it to say %q", err, want)
				}
			}
		})
	}
}

// TestNotesSayWhatToDoNext has helm render the notes as an object, because it prints them only in a
// cluster.
func TestNotesSayWhatToDoNext(t *testing.T) {
	t.Parallel()
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(filepath.Join(deploytest.Root(t), chart))); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(copied, "templates", "notes.yaml"),
		`{{ define "notes" }}`+string(deploytest.Read(t, chart+"templates/NOTES.txt"))+`{{ end }}kind: Notes`+"\n"+`text: {{ include "notes" . | toJson }}`)
	for values, want := range map[string][]string{
		"development: true":                       {"DEVELOPMENT MODE", "-- /parley token --sub alice", "gone with it", "port-forward service/test-parley 8080:80"},
		releases["with all that there is"].values: {"https://chat.example/"},
		"{development: true, networkPolicy: {enabled: false}, store: {sqlite: {enabled: true}}}": {"reaches the admin address"},
	} {
		out, err := release{values: values, chart: copied}.render(t)
		if err != nil {
			t.Fatal(err)
		}
		var text string
		for _, object := range deploytest.YAML(t, []byte(out)) {
			if object["kind"] == "Notes" {
				text = object["text"].(string)
			}
		}
		for _, words := range want {
			if !strings.Contains(text, words) {
				t.Errorf("the notes do not say %q:\n%s", words, text)
			}
		}
	}
}
