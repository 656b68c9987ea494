{{/* The environment of the service. */}}
{{- define "parley.env" -}}
{{- $v := .Values -}}
- name: PARLEY_HTTP_ADDR
  value: ":8080"
- name: PARLEY_ADMIN_ADDR
  value: ":8081"
- name: PARLEY_DATA_DIR
  value: /data
{{- if not (include "parley.storeIsFile" .) }}
- name: PARLEY_STORE_URL_FILE
  value: /etc/parley/store/url
{{- end }}
{{- if $v.bus.existingSecret.name }}
- name: PARLEY_BUS_URL_FILE
  value: /etc/parley/bus/url
{{- else }}
- name: PARLEY_BUS_URL
  value: {{ $v.bus.url | quote }}
{{- end }}
{{- if eq $v.migrations.mode "job" }}
- name: PARLEY_MIGRATE
  value: "false"
{{- end }}
{{- if $v.development }}
- name: PARLEY_DEVELOPMENT
  value: "true"
{{- end }}
{{- if or $v.auth.publicKeys.existingSecret $v.auth.publicKeys.existingConfigMap }}
{{- $files := list }}
{{- range $v.auth.publicKeys.files }}
{{- $files = append $files (printf "/etc/parley/keys/%s" .) }}
{{- end }}
- name: PARLEY_JWT_PUBLIC_KEY_FILE
  value: {{ join "," $files | quote }}
{{- end }}
{{- with $v.auth.jwksUrl }}
- name: PARLEY_JWT_JWKS_URL
  value: {{ . | quote }}
{{- end }}
{{- with $v.auth.issuer }}
- name: PARLEY_JWT_ISSUER
  value: {{ . | quote }}
{{- end }}
{{- with $v.auth.audience }}
- name: PARLEY_JWT_AUDIENCE
  value: {{ . | quote }}
{{- end }}
{{- with $v.auth.algorithms }}
- name: PARLEY_JWT_ALGORITHMS
  value: {{ join "," . | quote }}
{{- end }}
{{- if $v.hooks.existingSecret.name }}
- name: PARLEY_HOOKS_KEY_FILE
  value: /etc/parley/hooks/key
{{- end }}
{{- with $v.hooks.allow }}
- name: PARLEY_HOOKS_ALLOW
  value: {{ join "," . | quote }}
{{- end }}
{{- with include "parley.drainDelay" . | int }}
- name: PARLEY_DRAIN_DELAY
  value: {{ printf "%ds" . }}
{{- end }}
- name: PARLEY_DRAIN
  value: {{ printf "%ds" (int $v.stop.drainSeconds) }}
- name: PARLEY_STOP_TIMEOUT
  value: {{ printf "%ss" (include "parley.stopTimeout" .) }}
{{- if $v.tracing.endpoint }}
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: OTEL_SERVICE_NAME
  value: {{ include "parley.name" . }}
- name: OTEL_RESOURCE_ATTRIBUTES
  value: k8s.namespace.name=$(POD_NAMESPACE),k8s.pod.name=$(POD_NAME),service.instance.id=$(POD_NAME)
- name: OTEL_EXPORTER_OTLP_TRACES_ENDPOINT
  value: {{ if eq $v.tracing.protocol "grpc" }}{{ $v.tracing.endpoint | quote }}{{ else }}{{ printf "%s/v1/traces" (trimSuffix "/" $v.tracing.endpoint) | quote }}{{ end }}
- name: OTEL_EXPORTER_OTLP_TRACES_PROTOCOL
  value: {{ $v.tracing.protocol }}
- name: OTEL_TRACES_SAMPLER
  value: {{ $v.tracing.sampler }}
- name: OTEL_TRACES_SAMPLER_ARG
  value: {{ $v.tracing.ratio | quote }}
{{- end }}
{{- range $name, $value := $v.settings }}
- name: {{ $name }}
  value: {{ $value | toString | quote }}
{{- end }}
{{- with $v.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}
