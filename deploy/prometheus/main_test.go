package prometheus_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(traced{m},
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),    // lives as long as the process
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"), // ends with its pause
	)
}

// traced runs the tests with traces on, for exemplars. They are sent to a server that drops them.
type traced struct{ *testing.M }

// Run implements goleak.TestingM.
func (t traced) Run() int {
	collector := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer collector.Close()
	for name, value := range map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "OTEL_TRACES_SAMPLER": "always_on",
	} {
		if err := os.Setenv(name, value); err != nil { // the services of these tests are in this process, and read its environment
			panic(err)
		}
	}
	return t.M.Run()
}
