package helm_test

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/cmd/server"
	"github.com/parley-chat/parley/deploy/deploytest"
)

// container returns the only container of a workload, and its pod.
func container(t *testing.T, workload map[string]any) (container, pod map[string]any) {
	t.Helper()
	pod = deploytest.At[map[string]any](t, workload, "spec.template.spec")
	all := deploytest.At[[]any](t, pod, "containers")
	if len(all) != 1 {
		t.Fatalf("got %d containers, want 1", len(all))
	}
	return all[0].(map[string]any), pod
}

// environment returns a container's environment. Values that the cluster fills in are given as
// their own names.
func environment(t *testing.T, container map[string]any) map[string]string {
	t.Helper()
	env := map[string]string{}
	for _, variable := range deploytest.At[[]any](t, container, "env") {
		name := deploytest.At[string](t, variable, "name")
		if _, twice := env[name]; twice {
			t.Errorf("%s is set twice", name)
		}
		value, given := variable.(map[string]any)["value"]
		if !given {
			value = name
		}
		text, ok := value.(string)
		if !ok {
			t.Errorf("%s is %v, and must be a string", name, value)
		}
		env[name] = text
	}
	return env
}

// texts returns a map of strings, such as labels.
func texts(t *testing.T, object any, path string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for name, value := range deploytest.At[map[string]any](t, object, path) {
		all[name] = deploytest.Text(value)
	}
	return all
}

// seconds returns a setting's duration.
func seconds(t *testing.T, text string) time.Duration {
	t.Helper()
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Error(err)
	}
	return d
}

func TestAPodHasTheTimeToStop(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, all objects) {
		c, pod := container(t, all.one(t, "Deployment"))
		env := environment(t, c)
		pause := time.Duration(deploytest.At[int](t, c, "lifecycle.preStop.sleep.seconds")) * time.Second
		grace := time.Duration(deploytest.At[int](t, pod, "terminationGracePeriodSeconds")) * time.Second
		delay, drain, stop := seconds(t, env["PARLEY_DRAIN_DELAY"]), seconds(t, env["PARLEY_DRAIN"]), seconds(t, env["PARLEY_STOP_TIMEOUT"])
		if drain == 0 || stop <= delay+drain {
			t.Errorf("it stops within %v, of which %v and %v are for clients to go: nothing is left for the rest", stop, delay, drain)
		}
		if grace <= pause+stop {
			t.Errorf("it is killed after %v, and may take %v and %v", grace, pause, stop)
		}
		if pause+delay == 0 {
			t.Error("clients are sent elsewhere before proxies know that it goes")
		}
	})
}

// TestAnOldClusterWaitsToo checks that the service itself waits before a stop if the cluster is too
// old to do so.
func TestAnOldClusterWaitsToo(t *testing.T) {
	t.Parallel()
	r := releases["on a cluster that cannot sleep"]
	old, _ := container(t, r.objects(t).one(t, "Deployment"))
	if got := environment(t, old)["PARLEY_DRAIN_DELAY"]; got != "10s" || old["lifecycle"] != nil {
		t.Errorf("got a delay of %s and %v, want 7 s and 3 s by the service", got, old["lifecycle"])
	}
	r.kubernetes = "1.30.0"
	young, _ := container(t, r.objects(t).one(t, "Deployment"))
	if got := environment(t, young)["PARLEY_DRAIN_DELAY"]; got != "3s" || deploytest.At[int](t, young, "lifecycle.preStop.sleep.seconds") != 7 {
		t.Errorf("got a delay of %s and %v, want 3 s by the service and 7 s by the cluster", got, young["lifecycle"])
	}
}

// TestSettingsAreThoseOfTheService parses every container's environment like the service.
func TestSettingsAreThoseOfTheService(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, all objects) {
		for _, workload := range slices.Concat(all.of("Deployment"), all.of("Job")) {
			c, _ := container(t, workload)
			var environ []string
			for name, value := range environment(t, c) {
				if strings.HasPrefix(name, "PARLEY_") && !strings.HasSuffix(name, "_FILE") {
					environ = append(environ, name+"="+value)
				}
			}
			if err := server.NewSettings("serve", &server.Config{}).LoadPart(nil, environ); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestFilesThatTheServiceReadsAreMounted follows settings that name files to a volume.
func TestFilesThatTheServiceReadsAreMounted(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, all objects) {
		for _, workload := range slices.Concat(all.of("Deployment"), all.of("Job")) {
			c, pod := container(t, workload)
			volumes, mounts := map[string]bool{}, map[string]string{}
			for _, v := range deploytest.At[[]any](t, pod, "volumes") {
				volumes[deploytest.At[string](t, v, "name")] = true
			}
			for _, m := range deploytest.At[[]any](t, c, "volumeMounts") {
				name := deploytest.At[string](t, m, "name")
				mounts[deploytest.At[string](t, m, "mountPath")] = name
				if !volumes[name] {
					t.Errorf("%s is mounted and is no volume", name)
				}
				delete(volumes, name)
			}
			for name := range volumes {
				t.Errorf("the volume %s is mounted nowhere", name)
			}
			for name, value := range environment(t, c) {
				if !strings.HasPrefix(name, "PARLEY_") || !strings.HasPrefix(value, "/") {
					continue
				}
				for file := range strings.SplitSeq(value, ",") {
					if mounts[file] == "" && mounts[path.Dir(file)] == "" {
						t.Errorf("%s is %s, which no volume holds", name, file)
					}
				}
			}
		}
	})
}

// TestHooksGetOut checks that a policy which restricts connections lets hooks out.
func TestHooksGetOut(t *testing.T) {
	t.Parallel()
	const values = "development: true\nnetworkPolicy: {egress: {enabled: true}}\n"
	for with, want := range map[string]bool{values: false, values + "hooks: {existingSecret: {name: h}}": true} {
		got := false
		policy := release{values: with}.objects(t).one(t, "NetworkPolicy")
		for _, rule := range deploytest.At[[]any](t, policy, "spec.egress") {
			got = got || deploytest.At[int](t, rule, "ports.0.port") == 443 && deploytest.At[any](t, rule, "to") == nil
		}
		if got != want {
			t.Errorf("port 443 can be reached: %v, want %v, with\n%s", got, want, with)
		}
	}
}

func TestContainersAreConfined(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, all objects) {
		for _, workload := range slices.Concat(all.of("Deployment"), all.of("Job")) {
			c, pod := container(t, workload)
			for what, ok := range map[string]bool{
				"runs as root":             deploytest.At[bool](t, pod, "securityContext.runAsNonRoot") && deploytest.At[int](t, pod, "securityContext.runAsUser") > 0,
				"has no seccomp profile":   deploytest.At[string](t, pod, "securityContext.seccompProfile.type") == "RuntimeDefault",
				"has a token":              off(pod, "automountServiceAccountToken"),
				"hears of other services":  off(pod, "enableServiceLinks"),
				"may write to its root":    deploytest.At[bool](t, c, "securityContext.readOnlyRootFilesystem"),
				"may gain privileges":      off(deploytest.At[map[string]any](t, c, "securityContext"), "allowPrivilegeEscalation"),
				"keeps capabilities":       deploytest.At[string](t, c, "securityContext.capabilities.drop.0") == "ALL",
				"asks for no memory":       deploytest.At[string](t, c, "resources.requests.memory") != "",
				"has no limit of memory":   deploytest.At[string](t, c, "resources.limits.memory") != "",
				"runs what is not pinned":  regexp.MustCompile(`(:\d+\.\d+\.\d+|@sha256:[0-9a-f]{64})$`).MatchString(deploytest.At[string](t, c, "image")),
				"is throttled by a limit":  deploytest.At[any](t, c, "resources.limits.cpu") == nil,
				"belongs to another group": deploytest.At[int](t, pod, "securityContext.fsGroup") == deploytest.At[int](t, pod, "securityContext.runAsGroup"),
			} {
				if !ok {
					t.Errorf("the container of %s %s", workload["kind"], what)
				}
			}
		}
	})
}

// off reports whether an object sets a field to false. A missing field is not off, because the
// cluster chooses its value.
func off(object map[string]any, name string) bool {
	on, said := object[name].(bool)
	return said && !on
}

// TestSelectorsFindTheirPods compares all selectors of pods with the labels of the deployment's
// pods.
func TestSelectorsFindTheirPods(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, all objects) {
		deployment := all.one(t, "Deployment")
		labels := texts(t, deployment, "spec.template.metadata.labels")
		selectors := map[string]map[string]string{"Deployment": texts(t, deployment, "spec.selector.matchLabels")}
		for _, service := range all.of("Service") {
			selectors["Service "+deploytest.At[string](t, service, "metadata.name")] = texts(t, service, "spec.selector")
		}
		for _, kind := range []string{"NetworkPolicy", "PodDisruptionBudget"} {
			for _, object := range all.of(kind) {
				selectors[kind] = texts(t, object, map[string]string{
					"NetworkPolicy": "spec.podSelector.matchLabels", "PodDisruptionBudget": "spec.selector.matchLabels",
				}[kind])
			}
		}
		for what, selector := range selectors {
			if len(selector) == 0 || !within(selector, labels) {
				t.Errorf("%s selects %v, the pods are %v", what, selector, labels)
			}
			for _, job := range all.of("Job") {
				if within(selector, texts(t, job, "spec.template.metadata.labels")) {
					t.Errorf("%s selects the migration's pod too", what)
				}
			}
		}
		for _, scaler := range all.of("HorizontalPodAutoscaler") {
			if deploytest.At[string](t, scaler, "spec.scaleTargetRef.name") != deploytest.At[string](t, deployment, "metadata.name") {
				t.Error("the autoscaler scales something else")
			}
			if deploytest.At[any](t, deployment, "spec.replicas") != nil {
				t.Error("every upgrade would undo what the autoscaler did")
			}
		}
	})
}

func within(selector, labels map[string]string) bool {
	for name, value := range selector {
		if labels[name] != value {
			return false
		}
	}
	return true
}

// TestPortsLeadSomewhere follows the names of ports to the container.
func TestPortsLeadSomewhere(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, all objects) {
		c, _ := container(t, all.one(t, "Deployment"))
		ports := map[string]int{}
		for _, port := range deploytest.At[[]any](t, c, "ports") {
			ports[deploytest.At[string](t, port, "name")] = deploytest.At[int](t, port, "containerPort")
		}
		env := environment(t, c)
		for name, variable := range map[string]string{"http": "PARLEY_HTTP_ADDR", "admin": "PARLEY_ADMIN_ADDR"} {
			if env[variable] != ":"+deploytest.Text(ports[name]) {
				t.Errorf("%s is %s, the port %s is %d", variable, env[variable], name, ports[name])
			}
		}
		var used []string
		for _, service := range all.of("Service") {
			used = append(used, deploytest.At[string](t, service, "spec.ports.0.targetPort"))
		}
		for _, probe := range []string{"startupProbe", "livenessProbe", "readinessProbe"} {
			used = append(used, deploytest.At[string](t, c, probe+".httpGet.port"))
		}
		for _, policy := range all.of("NetworkPolicy") {
			for _, rule := range deploytest.At[[]any](t, policy, "spec.ingress") {
				used = append(used, deploytest.At[string](t, rule, "ports.0.port"))
			}
		}
		for _, name := range used {
			if ports[name] == 0 {
				t.Errorf("something uses the port %q; there are %v", name, ports)
			}
		}
		for _, ingress := range all.of("Ingress") {
			at := "spec.rules.0.http.paths.0.backend.service."
			i := slices.IndexFunc(all.of("Service"), func(s map[string]any) bool {
				return deploytest.At[string](t, s, "metadata.name") == deploytest.At[string](t, ingress, at+"name")
			})
			if i < 0 || deploytest.At[string](t, all.of("Service")[i], "spec.ports.0.name") != deploytest.At[string](t, ingress, at+"port.name") {
				t.Error("the ingress leads nowhere")
			}
		}
	})
}

// TestOnlyOperatorsReachTheAdminAddress evaluates the network policy like the cluster.
func TestOnlyOperatorsReachTheAdminAddress(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, all objects) {
		for _, rule := range deploytest.At[[]any](t, all.one(t, "NetworkPolicy"), "spec.ingress") {
			for _, port := range deploytest.At[[]any](t, rule, "ports") {
				if deploytest.At[string](t, port, "port") == "admin" && len(deploytest.At[[]any](t, rule, "from")) == 0 {
					t.Error("everybody reaches the admin address")
				}
			}
			if len(deploytest.At[[]any](t, rule, "ports")) == 0 {
				t.Error("a rule is for all ports")
			}
		}
		for _, service := range all.of("Service") {
			if deploytest.At[string](t, service, "spec.ports.0.targetPort") == "admin" && deploytest.At[string](t, service, "spec.clusterIP") != "None" {
				t.Error("the admin address has a service of its own")
			}
		}
	})
}

func TestAnUpdateNeverLacksAPod(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, all objects) {
		deployment := all.one(t, "Deployment")
		way := deploytest.At[string](t, deployment, "spec.strategy.type")
		if len(all.of("PersistentVolumeClaim")) > 0 {
			if way != "Recreate" {
				t.Errorf("the strategy is %s: two processes would have the file at once", way)
			}
			return
		}
		if missing, ok := deploytest.At[map[string]any](t, deployment, "spec.strategy.rollingUpdate")["maxUnavailable"]; !ok || missing != 0 {
			t.Errorf("%v pods may be missing during an update", missing)
		}
	})
}

func TestWhatIsMonitoredIsThere(t *testing.T) {
	t.Parallel()
	all := releases["with all that there is"].objects(t)
	monitor := all.one(t, "ServiceMonitor")
	selector, port := texts(t, monitor, "spec.selector.matchLabels"), deploytest.At[string](t, monitor, "spec.endpoints.0.port")
	var found []string
	for _, service := range all.of("Service") {
		if within(selector, texts(t, service, "metadata.labels")) {
			found = append(found, deploytest.At[string](t, service, "spec.ports.0.name"))
		}
	}
	if !slices.Equal(found, []string{port}) {
		t.Errorf("the monitor finds ports %q, and looks at %s", found, port)
	}
	rules := all.one(t, "PrometheusRule")
	if got := len(deploytest.At[[]any](t, rules, "spec.groups")); got == 0 {
		t.Error("there are no rules")
	}
	boards := deploytest.Glob(t, "deploy/grafana/dashboards/*.json")
	if maps := all.of("ConfigMap"); len(maps) != len(boards) {
		t.Errorf("got %d dashboards, want %d", len(maps), len(boards))
	}
}

// TestRulesOfTheObjectAreThoseOfTheFile checks that the template loses nothing of the rules.
func TestRulesOfTheObjectAreThoseOfTheFile(t *testing.T) {
	t.Parallel()
	object := releases["with all that there is"].objects(t).one(t, "PrometheusRule")
	got := deploytest.At[map[string]any](t, object, "spec")
	want := deploytest.YAML(t, deploytest.Read(t, "deploy/prometheus/rules.yaml"))[0]
	if !equal(t, got, want) {
		t.Error("they differ")
	}
}

// TestTheAdapterIsAskedForAMetricThatIsThere compares the autoscaler, the README's rule and the
// service's metrics.
func TestTheAdapterIsAskedForAMetricThatIsThere(t *testing.T) {
	t.Parallel()
	scaler := releases["with all that there is"].objects(t).one(t, "HorizontalPodAutoscaler")
	metric := deploytest.At[string](t, scaler, "spec.metrics.0.pods.metric.name")
	if readme := string(deploytest.Read(t, chart+"README.md")); !strings.Contains(readme, "name: {as: "+metric+"}") {
		t.Errorf("the README tells the adapter nothing of %s", metric)
	}
	if !slices.ContainsFunc(deploytest.Glob(t, "observability/*.go"), func(name string) bool {
		return strings.Contains(string(deploytest.Read(t, name)), `"`+metric+`"`)
	}) {
		t.Errorf("the service has no metric %s", metric)
	}
}

func equal(t *testing.T, a, b map[string]any) bool {
	t.Helper()
	return maps.EqualFunc(a, b, func(x, y any) bool { return marshal(t, x) == marshal(t, y) })
}
