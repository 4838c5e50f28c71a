package config

import (
	"net/url"
	"strconv"
	"strings"
)

// tracing settles where traces go. The keys are Kratos'; the variables are those of
// OpenTelemetry and fill in what the keys leave open, so that a platform can switch
// tracing on by its usual means
// (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/).
func (r resolver) tracing() {
	env := variables(r.opts.Environ)
	if env["OTEL_SDK_DISABLED"] == "true" || env["OTEL_TRACES_EXPORTER"] == "none" {
		return
	}
	t := &r.Tracing
	address := r.collector(env)
	if address == "" {
		return
	}
	e := TraceExport{URL: address, Headers: pairs(first(env, "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"))}
	if own := t.Providers.OTLP.AuthorizationHeader; own != "" {
		e.Headers["Authorization"] = own
	}
	e.Resource = pairs(env["OTEL_RESOURCE_ATTRIBUTES"])
	name := t.ServiceName
	if r.layers.origin["tracing.service_name"] == "" {
		name = first(env, "OTEL_SERVICE_NAME")
		if name == "" {
			name = e.Resource["service.name"]
		}
		if name == "" {
			name = t.ServiceName
		}
	}
	e.Resource["service.name"] = name
	if t.DeploymentEnvironment != "" {
		e.Resource["deployment.environment.name"] = t.DeploymentEnvironment
	}
	e.Ratio, e.Alone = r.sampling(env)
	switch p := first(env, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"); p {
	case "", "http/json":
	default:
		r.warn("tracing.providers.otlp", "traces are sent as http/json, not as "+strconv.Quote(p)+" as OTEL_EXPORTER_OTLP_PROTOCOL asks: collectors take both on their port for HTTP")
	}
	t.Export = e
}

// collector is the address for traces, "" for none.
func (r resolver) collector(env map[string]string) string {
	own := r.Tracing.Providers.OTLP
	switch {
	case r.Tracing.Provider != "" && r.Tracing.Provider != "otel":
		return ""
	case r.Tracing.Provider == "otel" && own.ServerURL != "":
		address := own.ServerURL
		if !strings.Contains(address, "://") {
			scheme := "https://"
			if own.Insecure {
				scheme = "http://"
			}
			address = scheme + address
		}
		return r.traces("tracing.providers.otlp.server_url", address)
	case env["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] != "":
		return env["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] // as it is
	case env["OTEL_EXPORTER_OTLP_ENDPOINT"] != "":
		return r.traces("tracing.providers.otlp.server_url", strings.TrimSuffix(env["OTEL_EXPORTER_OTLP_ENDPOINT"], "/")+tracesPath)
	case r.Tracing.Provider == "otel":
		r.warn("tracing.provider", "is otel, and neither tracing.providers.otlp.server_url nor OTEL_EXPORTER_OTLP_ENDPOINT names a collector: no traces are sent")
	}
	return ""
}

// tracesPath is where a collector takes traces (OTLP/HTTP, "OTLP/HTTP Request").
const tracesPath = "/v1/traces"

// traces is a collector's address with the path for traces, unless it has one.
func (r resolver) traces(key, address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		r.warn(key, "is no address of a collector: no traces are sent")
		return ""
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = tracesPath
	}
	return u.String()
}

// sampling is which traces are kept: all, unless somebody says otherwise.
func (r resolver) sampling(env map[string]string) (ratio float64, alone bool) {
	ratio = r.Tracing.Providers.OTLP.Sampling.SamplingRatio
	if r.layers.origin["tracing.providers.otlp.sampling.sampling_ratio"] != "" {
		return ratio, false
	}
	sampler, parentBased := strings.CutPrefix(env["OTEL_TRACES_SAMPLER"], "parentbased_")
	switch sampler {
	case "always_on":
		ratio = 1
	case "always_off":
		ratio = 0
	case "traceidratio":
		ratio = 1
		if n, err := strconv.ParseFloat(env["OTEL_TRACES_SAMPLER_ARG"], 64); err == nil && n >= 0 && n <= 1 {
			ratio = n
		}
	default:
		return ratio, false
	}
	return ratio, !parentBased
}

// variables are an environment by names.
func variables(environ []string) map[string]string {
	all := make(map[string]string, len(environ))
	for _, v := range environ {
		if name, value, _ := strings.Cut(v, "="); strings.HasPrefix(name, "OTEL_") {
			all[name] = value
		}
	}
	return all
}

func first(env map[string]string, names ...string) string {
	for _, name := range names {
		if env[name] != "" {
			return env[name]
		}
	}
	return ""
}

// pairs reads "name=value,name=value" with values in percent-encoding, as the
// variables have them. What is no pair is left out.
func pairs(text string) map[string]string {
	all := map[string]string{}
	for pair := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(pair, "=")
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if name = strings.TrimSpace(name); ok && name != "" && err == nil {
			all[name] = value
		}
	}
	return all
}
