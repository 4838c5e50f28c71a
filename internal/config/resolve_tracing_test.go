package config_test

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cardea/internal/config"
)

func TestWhereTracesGo(t *testing.T) {
	const otel = "tracing: {provider: otel, providers: {otlp: {server_url: 'collector.cardea.test:4318'}}}"
	for _, c := range []struct {
		name    string
		yaml    string
		environ []string
		url     string
		ratio   float64
		alone   bool
		service string
	}{
		{name: "nothing is said"},
		{name: "the keys of the contract", yaml: otel, url: "https://collector.cardea.test:4318/v1/traces", ratio: 1, service: "Cardea"},
		{name: "without TLS, and half of them", yaml: "tracing: {provider: otel, service_name: id, providers: {otlp: {server_url: 'a:1', insecure: true, sampling: {sampling_ratio: 0.5}}}}",
			url: "http://a:1/v1/traces", ratio: .5, service: "id"},
		{name: "a whole address", yaml: "tracing: {provider: otel, providers: {otlp: {server_url: 'http://a:1/own/path'}}}", url: "http://a:1/own/path", ratio: 1, service: "Cardea"},
		{name: "a provider and no address", yaml: "tracing: {provider: otel}"},
		{name: "no address at all", yaml: "tracing: {provider: otel, providers: {otlp: {server_url: '%%%'}}}"},
		{name: "another provider", yaml: "tracing: {provider: zipkin}", environ: []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://e:4318"}},
		{name: "variables alone", environ: []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://e:4318/", "OTEL_SERVICE_NAME=sign-in"}, url: "http://e:4318/v1/traces", ratio: 1, service: "sign-in"},
		{name: "the variable for traces, as it is", environ: []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://e:4318/x", "OTEL_EXPORTER_OTLP_ENDPOINT=http://f"}, url: "http://e:4318/x", ratio: 1, service: "Cardea"},
		{name: "keys before variables", yaml: otel, environ: []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://e:4318"}, url: "https://collector.cardea.test:4318/v1/traces", ratio: 1, service: "Cardea"},
		{name: "switched off", yaml: otel, environ: []string{"OTEL_SDK_DISABLED=true"}},
		{name: "switched off for traces", yaml: otel, environ: []string{"OTEL_TRACES_EXPORTER=none"}},
		{name: "a sampler", yaml: otel, environ: []string{"OTEL_TRACES_SAMPLER=parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG=0.1"}, url: "https://collector.cardea.test:4318/v1/traces", ratio: .1, service: "Cardea"},
		{name: "a sampler that asks nobody", yaml: otel, environ: []string{"OTEL_TRACES_SAMPLER=always_off"}, url: "https://collector.cardea.test:4318/v1/traces", alone: true, service: "Cardea"},
		{name: "a sampler that does not count to one", yaml: otel, environ: []string{"OTEL_TRACES_SAMPLER=traceidratio", "OTEL_TRACES_SAMPLER_ARG=7"}, url: "https://collector.cardea.test:4318/v1/traces", ratio: 1, alone: true, service: "Cardea"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := traced(t, c.yaml, c.environ...)
			e := s.Tracing.Export
			if e.URL != c.url || e.Ratio != c.ratio || e.Alone != c.alone || e.Resource["service.name"] != c.service {
				t.Errorf("%+v", e)
			}
		})
	}
}

// traced loads a configuration with something about traces.
func traced(t *testing.T, yaml string, environ ...string) *config.Snapshot {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.yml")
	text := `
dsn: memory
identity: {schemas: [{id: default, url: "base64://e30="}]}
selfservice: {default_browser_return_url: "https://www.cardea.test/"}
` + yaml
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := config.Load(config.Options{Files: []string{path}, Environ: environ})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWhatTracesCarry(t *testing.T) {
	e := traced(t, "tracing: {provider: otel, deployment_environment: staging, providers: {otlp: {server_url: 'a:1', authorization_header: Bearer of-mine}}}",
		"OTEL_EXPORTER_OTLP_HEADERS=X-Tenant=a%20b, nonsense,=x", "OTEL_RESOURCE_ATTRIBUTES=region=here,service.name=other").Tracing.Export
	if want := map[string]string{"X-Tenant": "a b", "Authorization": "Bearer of-mine"}; !maps.Equal(e.Headers, want) {
		t.Errorf("headers are %v, want %v", e.Headers, want)
	}
	if want := map[string]string{"region": "here", "service.name": "other", "deployment.environment.name": "staging"}; !maps.Equal(e.Resource, want) {
		t.Errorf("the process is described as %v, want %v", e.Resource, want)
	}
}

func TestWaysForTracesThatAreNotGoneAreNamed(t *testing.T) {
	for yaml, key := range map[string]string{
		"tracing: {provider: jaeger}": "tracing.provider",
		"tracing: {provider: zipkin, providers: {zipkin: {server_url: 'http://z:9411'}}}":         "tracing.providers.zipkin",
		"tracing: {provider: otel, providers: {jaeger: {local_agent_address: 'localhost:6831'}}}": "tracing.providers.jaeger",
	} {
		var named []string
		for _, u := range traced(t, yaml).Unsupported {
			named = append(named, u.Key)
		}
		if !strings.Contains(strings.Join(named, " "), key) {
			t.Errorf("%s: named are %v, want %s", yaml, named, key)
		}
	}
}
