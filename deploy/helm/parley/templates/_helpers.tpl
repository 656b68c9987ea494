{{- define "parley.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "parley.fullname" -}}
{{- $name := include "parley.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "parley.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/name: {{ include "parley.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* What selects the pods of the service. It must not change: a deployment's selector cannot. */}}
{{- define "parley.selector" -}}
app.kubernetes.io/name: {{ include "parley.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: server
{{- end }}

{{- define "parley.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default (trimPrefix "v" $.Chart.AppVersion) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "parley.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "parley.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* Says "true" where the store is a file of the pod. */}}
{{- define "parley.storeIsFile" -}}
{{- if not (or .Values.store.existingSecret.name .Values.store.url) }}true{{ end }}
{{- end }}

{{/* The secret with the store's URL, and its key in it. */}}
{{- define "parley.storeSecret" -}}
{{- .Values.store.existingSecret.name | default (printf "%s-store" (include "parley.fullname" .)) }}
{{- end }}
{{- define "parley.storeKey" -}}
{{- if .Values.store.existingSecret.name }}{{ .Values.store.existingSecret.key }}{{ else }}url{{ end }}
{{- end }}

{{/* Says "true" where the cluster itself can wait before it sends SIGTERM. */}}
{{- define "parley.clusterSleeps" -}}
{{- if and (gt (int .Values.stop.preStopSeconds) 0) (semverCompare ">=1.30.0-0" .Capabilities.KubeVersion.Version) }}true{{ end }}
{{- end }}

{{/* Seconds from SIGTERM to the first client that is sent elsewhere. */}}
{{- define "parley.drainDelay" -}}
{{- if include "parley.clusterSleeps" . }}
{{- int .Values.stop.drainDelaySeconds }}
{{- else }}
{{- add (int .Values.stop.preStopSeconds) (int .Values.stop.drainDelaySeconds) }}
{{- end }}
{{- end }}

{{/* Seconds from SIGTERM to the process' end. */}}
{{- define "parley.stopTimeout" -}}
{{- add (include "parley.drainDelay" . | int) (int .Values.stop.drainSeconds) (int .Values.stop.finishSeconds) }}
{{- end }}

{{/* Seconds from the pod's deletion to the process' end. */}}
{{- define "parley.stopSeconds" -}}
{{- add (int .Values.stop.preStopSeconds) (int .Values.stop.drainDelaySeconds) (int .Values.stop.drainSeconds) (int .Values.stop.finishSeconds) }}
{{- end }}

{{- define "parley.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- end }}

{{- define "parley.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}

{{- define "parley.storeVolume" -}}
- name: store
  secret:
    secretName: {{ include "parley.storeSecret" . }}
    defaultMode: 0440
    items:
      - key: {{ include "parley.storeKey" . }}
        path: url
{{- end }}
