{{/* The name of everything: quorate-operator, unless the release says otherwise. */}}
{{- define "operator.name" -}}
{{- if eq .Release.Name "quorate" -}}quorate-operator{{- else -}}{{ printf "%s-quorate-operator" .Release.Name | trunc 52 | trimSuffix "-" }}{{- end -}}
{{- end -}}

{{/* What selects the pods. The broker's NetworkPolicy lets pods of this name in. */}}
{{- define "operator.selector" -}}
app.kubernetes.io/name: quorate-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "operator.labels" -}}
{{ include "operator.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: quorate
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "operator.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
