{{- define "hydrometer.fullname" -}}
{{- if contains "hydrometer" .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-hydrometer{{ end -}}
{{- end }}

{{/* Labels by which pods are selected. Takes root and component. */}}
{{- define "hydrometer.selector" -}}
app.kubernetes.io/name: hydrometer
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "hydrometer.labels" -}}
{{ include "hydrometer.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "hydrometer.meta" -}}
name: {{ include "hydrometer.fullname" .root }}-{{ .component }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "hydrometer.labels" . | nindent 2 }}
{{- end }}

{{- define "hydrometer.image" -}}
{{- $repository := required "image.repository is empty: push the image of deploy/Dockerfile to a registry, and name it" .Values.image.repository }}
{{- if .Values.image.digest }}{{ $repository }}@{{ .Values.image.digest }}{{ else }}{{ $repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end -}}
{{- end }}

{{- define "hydrometer.kafkaPorts" -}}
{{- $ports := list }}
{{- range splitList "," .Values.kafka.bootstrap }}{{ $ports = append $ports (splitList ":" . | last | int) }}{{ end }}
{{- $ports | uniq | toJson -}}
{{- end }}

{{/* The Secret and the key of a secret, as JSON. Takes root and name. */}}
{{- define "hydrometer.secret" -}}
{{- $elsewhere := get .root.Values.secrets.elsewhere .name }}
{{- if $elsewhere }}{{ dict "secret" $elsewhere.secret "key" $elsewhere.key | toJson }}
{{- else }}
{{- $existing := required (printf "secrets.existingSecret is empty: name a Secret that has the key %s, or that key's own in secrets.elsewhere" .name) .root.Values.secrets.existingSecret }}
{{- dict "secret" $existing "key" .name | toJson }}
{{- end }}
{{- end }}

{{/*
The pod of one process. Takes root and process:
  component, args
  kafka, clickhouse: the role there; unset: it does not go there
  secrets: the secrets of its own, by the names of settings
  settings: lists of settings of its own, the last goes first
  metrics: whether it serves them
  env: variables of paths, by name; volumes, mounts: what they need
  ports, probes, resources, grace, account, restart, spread, nodeSelector, tolerations
*/}}
{{- define "hydrometer.pod" -}}
{{- $root := .root }}
{{- $process := .process }}
{{- $values := $root.Values }}
{{- $env := dict "HYDROMETER_MODE" "production" }}
{{- $files := dict }}
{{- $mounts := list (dict "name" "tmp" "mountPath" "/tmp") }}
{{- $volumes := list (dict "name" "tmp" "emptyDir" (dict "sizeLimit" "256Mi")) }}
{{- range $process.secrets }}{{ $_ := set $files . . }}{{ end }}
{{- with $process.kafka }}
{{- $_ := set $env "HYDROMETER_KAFKA" (required "kafka.bootstrap is empty: name your brokers, host:port,host:port" $values.kafka.bootstrap) }}
{{- $_ := set $env "HYDROMETER_KAFKA_SECURITY_PROTOCOL" $values.kafka.securityProtocol }}
{{- $_ := set $env "HYDROMETER_PARTITIONS" ($values.partitions | int | toString) }}
{{- $_ := set $env "HYDROMETER_REPLICATION" ($values.replication | int | toString) }}
{{- if hasPrefix "SASL" $values.kafka.securityProtocol }}
{{- $_ := set $env "HYDROMETER_KAFKA_SASL_MECHANISM" $values.kafka.saslMechanism }}
{{- $_ := set $env "HYDROMETER_KAFKA_SASL_USERNAME" (get $values.kafka.users .) }}
{{- $_ := set $files "kafka_sasl_password" (printf "kafka_%s_password" .) }}
{{- end }}
{{- if $values.kafka.ca.secret }}
{{- $_ := set $env "HYDROMETER_KAFKA_SSL_CAFILE" "/run/hydrometer/kafka-ca/ca.crt" }}
{{- $mounts = append $mounts (dict "name" "kafka-ca" "mountPath" "/run/hydrometer/kafka-ca" "readOnly" true) }}
{{- $items := list (dict "key" $values.kafka.ca.key "path" "ca.crt") }}
{{- $volumes = append $volumes (dict "name" "kafka-ca" "secret" (dict "secretName" $values.kafka.ca.secret "items" $items)) }}
{{- end }}
{{- end }}
{{- with $process.clickhouse }}
{{- $_ := set $env "HYDROMETER_CLICKHOUSE_HOST" (required "clickhouse.host is empty: name your ClickHouse" $values.clickhouse.host) }}
{{- $_ := set $env "HYDROMETER_CLICKHOUSE_PORT" ($values.clickhouse.port | int | toString) }}
{{- $_ := set $env "HYDROMETER_CLICKHOUSE_SECURE" ($values.clickhouse.secure | toString) }}
{{- $_ := set $env "HYDROMETER_CLICKHOUSE_DATABASE" $values.clickhouse.database }}
{{- $_ := set $env "HYDROMETER_CLICKHOUSE_USER" (get $values.clickhouse.users .) }}
{{- $_ := set $files "clickhouse_password" (printf "clickhouse_%s_password" .) }}
{{- if $values.clickhouse.ca.secret }}
{{- $_ := set $env "HYDROMETER_CLICKHOUSE_SSL_CAFILE" "/run/hydrometer/clickhouse-ca/ca.crt" }}
{{- $mounts = append $mounts (dict "name" "clickhouse-ca" "mountPath" "/run/hydrometer/clickhouse-ca" "readOnly" true) }}
{{- $items := list (dict "key" $values.clickhouse.ca.key "path" "ca.crt") }}
{{- $volumes = append $volumes (dict "name" "clickhouse-ca" "secret" (dict "secretName" $values.clickhouse.ca.secret "items" $items)) }}
{{- end }}
{{- end }}
{{- if $process.metrics }}
{{- $_ := set $env "HYDROMETER_METRICS_HOST" "0.0.0.0" }}
{{- $_ := set $env "HYDROMETER_METRICS_PORT" "9464" }}
{{- end }}
{{- range $name, $value := $process.env }}{{ $_ := set $env $name $value }}{{ end }}
{{- range prepend $process.settings $values.settings }}
{{- range $name, $value := . }}
{{- if not (regexMatch "^HYDROMETER_[A-Z_]+$" $name) }}{{ fail (printf "settings: %s is not a variable of Hydrometer" $name) }}{{ end }}
{{- if and (regexMatch "_(KEY|PASSWORD|TOKEN|SECRET)(_PREVIOUS)?$" $name) (ne $name "HYDROMETER_HISTORY_PUBLIC_KEY") }}
{{- fail (printf "settings: %s is a secret: put it into a Secret, and name that under secrets" $name) }}
{{- end }}
{{- $_ := set $env $name (toString $value) }}
{{- end }}
{{- end }}
{{- $sources := list }}
{{- range $setting, $name := $files }}
{{- $secret := include "hydrometer.secret" (dict "root" $root "name" $name) | fromJson }}
{{- $_ := set $env (printf "HYDROMETER_%s_FILE" (upper $setting)) (printf "/run/hydrometer/secrets/%s" $setting) }}
{{- $sources = append $sources (dict "secret" (dict "name" $secret.secret "items" (list (dict "key" $secret.key "path" $setting)))) }}
{{- end }}
{{- if $sources }}
{{- $mounts = append $mounts (dict "name" "secrets" "mountPath" "/run/hydrometer/secrets" "readOnly" true) }}
{{- $volumes = append $volumes (dict "name" "secrets" "projected" (dict "defaultMode" 288 "sources" $sources)) }}
{{- end }}
metadata:
  labels:
    {{- include "hydrometer.labels" (dict "root" $root "component" $process.component) | nindent 4 }}
    {{- with $values.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
  {{- with $values.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ $process.account }}
  automountServiceAccountToken: false
  # Kubernetes would add HYDROMETER_COLLECT_PORT and the like, which are unknown settings
  enableServiceLinks: false
  {{- with $process.restart }}
  restartPolicy: {{ . }}
  {{- end }}
  terminationGracePeriodSeconds: {{ $process.grace }}
  {{- with $values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    fsGroup: 10001
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile: {type: RuntimeDefault}
  {{- with $process.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $process.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if $process.spread }}
  affinity:
    podAntiAffinity:
      preferredDuringSchedulingIgnoredDuringExecution:
        - weight: 100
          podAffinityTerm:
            topologyKey: kubernetes.io/hostname
            labelSelector:
              matchLabels:
                {{- include "hydrometer.selector" (dict "root" $root "component" $process.component) | nindent 16 }}
  {{- end }}
  containers:
    - name: {{ $process.component }}
      image: {{ include "hydrometer.image" $root | quote }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      args: {{ toJson $process.args }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
      env:
        {{- range $name, $value := $env }}
        - name: {{ $name }}
          value: {{ quote $value }}
        {{- end }}
      {{- with $process.ports }}
      ports:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $process.probes }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
      resources:
        {{- toYaml $process.resources | nindent 8 }}
      volumeMounts:
        {{- toYaml (concat $mounts ($process.mounts | default list)) | nindent 8 }}
  volumes:
    {{- toYaml (concat $volumes ($process.volumes | default list)) | nindent 4 }}
{{- end }}

{{/* Which of secrets.previous a process reads. Takes root and names. */}}
{{- define "hydrometer.previous" -}}
{{- $names := list }}
{{- $known := list "pseudonym_key_previous" "seal_key_previous" "worker_key_previous" "analyst_key_previous" "signing_key_previous" }}
{{- range .root.Values.secrets.previous }}
{{- if not (has . $known) }}{{ fail (printf "secrets.previous: %s is not one of %s" . (join ", " $known)) }}{{ end }}
{{- if has . $.names }}{{ $names = append $names . }}{{ end }}
{{- end }}
{{- $names | toJson -}}
{{- end }}
