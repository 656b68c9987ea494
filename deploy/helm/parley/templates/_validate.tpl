{{/*
Says all at once what of the values does not fit together. What concerns one value alone is in values.schema.json.
*/}}
{{- define "parley.validate" -}}
{{- $v := .Values }}
{{- $faults := list }}
{{- $keys := or $v.auth.publicKeys.existingSecret $v.auth.publicKeys.existingConfigMap }}

{{- if not (or $keys $v.auth.jwksUrl $v.development) }}
{{- $faults = append $faults "auth: say whose tokens to trust, by auth.publicKeys.existingSecret, auth.publicKeys.existingConfigMap or auth.jwksUrl (or development: true, to try it out)" }}
{{- end }}
{{- if gt (len (compact (list $v.auth.publicKeys.existingSecret $v.auth.publicKeys.existingConfigMap $v.auth.jwksUrl))) 1 }}
{{- $faults = append $faults "auth: set one of publicKeys.existingSecret, publicKeys.existingConfigMap and jwksUrl" }}
{{- end }}
{{- if and $v.auth.jwksUrl (not $v.auth.audience) }}
{{- $faults = append $faults "auth.audience: with auth.jwksUrl, say which aud the tokens for this service have: the same keys sign others for other applications (or none, to take them all the same)" }}
{{- end }}
{{- if and $v.development (or $keys $v.auth.jwksUrl $v.auth.issuer $v.auth.audience) }}
{{- $faults = append $faults "development: with auth of your own there is no development mode; set one of them" }}
{{- end }}

{{- $stores := compact (list $v.store.existingSecret.name $v.store.url (ternary "sqlite" "" $v.store.sqlite.enabled)) }}
{{- if and (not $stores) (not $v.development) }}
{{- $faults = append $faults "store: say where messages are kept, by store.existingSecret.name, store.url or store.sqlite.enabled" }}
{{- end }}
{{- if gt (len $stores) 1 }}
{{- $faults = append $faults "store: set one of existingSecret.name, url and sqlite.enabled" }}
{{- end }}

{{- $several := or $v.autoscaling.enabled (gt (int $v.replicaCount) 1) }}
{{- $alone := and (not $v.bus.existingSecret.name) (hasPrefix "local:" $v.bus.url) }}
{{- if and $several $alone }}
{{- $faults = append $faults "replicaCount, autoscaling: several pods need a bus between them, and bus.url is local://, which is none: each would hear seconds late, from the store, what the others were told" }}
{{- end }}
{{- if and $several (include "parley.storeIsFile" .) }}
{{- $faults = append $faults "replicaCount, autoscaling: several pods need a store that they share: store.existingSecret.name or store.url" }}
{{- end }}
{{- if gt (int $v.autoscaling.minReplicas) (int $v.autoscaling.maxReplicas) }}
{{- $faults = append $faults "autoscaling: minReplicas is above maxReplicas" }}
{{- end }}

{{- if and (eq $v.migrations.mode "job") (not $v.store.existingSecret.name) }}
{{- $faults = append $faults "migrations.mode: a job runs before the release's own objects are there, so it needs store.existingSecret.name" }}
{{- end }}

{{- $needed := include "parley.stopSeconds" . | int }}
{{- if and (not (kindIs "invalid" $v.terminationGracePeriodSeconds)) (lt (int $v.terminationGracePeriodSeconds) $needed) }}
{{- $faults = append $faults (printf "terminationGracePeriodSeconds: is %d, and stopping may take %d (stop.preStopSeconds + drainDelaySeconds + drainSeconds + finishSeconds): sockets would be cut" (int $v.terminationGracePeriodSeconds) $needed) }}
{{- end }}

{{- if and $v.ingress.enabled (not $v.ingress.hosts) }}
{{- $faults = append $faults "ingress.hosts: say which names clients connect to" }}
{{- end }}

{{- $ours := list "PARLEY_HTTP_ADDR" "PARLEY_ADMIN_ADDR" "PARLEY_DATA_DIR" "PARLEY_STORE_URL" "PARLEY_STORE_URL_FILE" "PARLEY_BUS_URL" "PARLEY_BUS_URL_FILE" "PARLEY_MIGRATE" "PARLEY_DEVELOPMENT" "PARLEY_JWT_PUBLIC_KEY_FILE" "PARLEY_JWT_JWKS_URL" "PARLEY_JWT_ISSUER" "PARLEY_JWT_AUDIENCE" "PARLEY_JWT_ALGORITHMS" "PARLEY_HOOKS_KEY" "PARLEY_HOOKS_KEY_FILE" "PARLEY_HOOKS_ALLOW" "PARLEY_DRAIN" "PARLEY_DRAIN_DELAY" "PARLEY_STOP_TIMEOUT" }}
{{- range $name, $_ := $v.settings }}
{{- if has $name $ours }}
{{- $faults = append $faults (printf "settings: %s has a value of its own in this chart" $name) }}
{{- end }}
{{- end }}

{{- if $faults }}
{{- fail (printf "\n\nThe values do not fit together:\n  - %s\n" (join "\n  - " $faults)) }}
{{- end }}
{{- end }}
