package grafana

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// schema is the version of Grafana's dashboard model: that of Grafana 11.0. Later ones read it too.
const schema = 39

const columns = 24

var boards = []board{overview, delivery, store, consumers, runtime}

// Files returns the dashboards by the names of their files.
func Files() map[string][]byte {
	files := map[string][]byte{}
	for _, b := range boards {
		var content bytes.Buffer
		encoder := json.NewEncoder(&content)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(b.model()); err != nil {
			panic(err) // the boards are constant
		}
		files[b.name+".json"] = content.Bytes()
	}
	return files
}

// object is a part of the model without a type of its own.
type object = map[string]any

var datasource = object{"type": "prometheus", "uid": "${datasource}"}

func (b board) model() object {
	return object{
		"uid": "parley-" + b.name, "title": "Parley / " + b.title, "description": b.about, "tags": []string{"parley"},
		"schemaVersion": schema, "editable": true, "graphTooltip": 1, // a shared crosshair
		"timezone": "browser", "refresh": "30s", "time": object{"from": "now-1h", "to": "now"}, "timepicker": object{},
		"templating":  object{"list": variables},
		"annotations": object{"list": annotations()},
		"links": []object{{
			"type": "dashboards", "title": "Parley", "tags": []string{"parley"}, "asDropdown": false, "includeVars": true,
			"keepTime": true, "targetBlank": false, "icon": "external link", "tooltip": "", "url": "",
		}},
		"panels": b.panels(),
	}
}

var variables = []object{
	{"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "hide": 0, "refresh": 1, "regex": "", "includeAll": false, "multi": false},
	labelValues("job", "Job", "label_values(parley_build_info, job)"),
	labelValues("instance", "Instance", `label_values(parley_build_info{job=~"$job"}, instance)`),
}

// labelValues is a variable with the values of a label. Several of them, or all, can be chosen.
// They are refreshed when the time range changes.
func labelValues(name, label, definition string) object {
	return object{
		"name": name, "label": label, "type": "query", "datasource": datasource, "definition": definition,
		"query": object{"query": definition, "refId": "Variable-" + name}, "hide": 0, "refresh": 2, "regex": "", "sort": 1,
		"includeAll": true, "multi": true, "allValue": ".+", "current": object{"text": []string{"All"}, "value": []string{"$__all"}},
	}
}

func annotations() []object {
	started := `process_start_time_seconds{SEL} * 1000 * on (job, instance) group_left (version, revision) parley_build_info{SEL}`
	return []object{
		annotation("Starts", "blue", started, "{{instance}} started", "version {{version}}, revision {{revision}}", true),
		annotation("Drains", "purple", "(parley_drain_start_time_seconds{SEL} > 0) * 1000", "{{instance}} drains", "clients are told to go elsewhere", true),
		annotation("Alerts", "red", `ALERTS{alertname=~"Parley.+",alertstate="firing",JOB}`, "{{alertname}}", "{{severity}} {{instance}}", false),
	}
}

// annotation marks points in time: those of the samples or, if timed, those in the values, in
// milliseconds.
func annotation(name, color, expr, title, text string, timed bool) object {
	return object{
		"name": name, "enable": true, "hide": false, "iconColor": color, "datasource": datasource, "expr": selected(expr),
		"titleFormat": title, "textFormat": text, "tagKeys": "job,instance", "step": "15s", "useValueForTime": timed,
	}
}

// panels returns the panels of the rows with their positions.
func (b board) panels() (all []object) {
	y := 0
	for _, r := range b.rows {
		all = append(all, object{
			"id": len(all) + 1, "type": "row", "title": r.title, "collapsed": false, "panels": []object{},
			"gridPos": object{"x": 0, "y": y, "w": columns, "h": 1},
		})
		y++
		x, lineHeight := 0, 0
		for _, p := range r.panels {
			if x+p.width > columns {
				x, y, lineHeight = 0, y+lineHeight, 0
			}
			m := p.model()
			m["id"], m["gridPos"] = len(all)+1, object{"x": x, "y": y, "w": p.width, "h": p.height}
			all = append(all, m)
			x, lineHeight = x+p.width, max(lineHeight, p.height)
		}
		y += lineHeight
	}
	return all
}

func (p panel) model() object {
	m := object{
		"type": string(p.kind), "title": p.title, "description": p.about, "datasource": datasource, "targets": p.targets(),
		"fieldConfig": object{"defaults": p.defaults(), "overrides": []object{}}, "options": p.options(),
	}
	if p.kind == tabular {
		m["transformations"] = []object{{"id": "organize", "options": object{"excludeByName": p.excluded(), "indexByName": object{}, "renameByName": object{}}}}
	}
	return m
}

func (p panel) targets() (targets []object) {
	for i, each := range p.queries {
		format := each.format
		if format == "" {
			format = "time_series"
		}
		targets = append(targets, object{
			"refId": string(rune('A' + i)), "datasource": datasource, "editorMode": "code", "expr": selected(each.expr),
			"legendFormat": each.legend, "format": format, "range": !each.instant, "instant": each.instant,
			// Exemplars, in panels of durations: over a heatmap's cells, or among the lines.
			"exemplar": p.unit == seconds && strings.Contains(each.expr, "_bucket"),
		})
	}
	return targets
}

func (p panel) defaults() object {
	steps := []object{{"color": "green", "value": nil}}
	for i, s := range p.steps {
		if i == 0 {
			steps[0]["color"] = s.color
			continue
		}
		steps = append(steps, object{"color": s.color, "value": s.from})
	}
	d := object{"unit": string(p.unit), "thresholds": object{"mode": "absolute", "steps": steps}, "noValue": "–", "mappings": p.mappings()}
	d["color"] = object{"mode": "thresholds"}
	if p.kind == timeseries {
		d["color"] = object{"mode": "palette-classic"}
		d["custom"] = p.drawing()
	}
	if p.floor != nil {
		d["min"] = *p.floor
	}
	if p.ceiling != nil {
		d["max"] = *p.ceiling
	}
	if p.decimals != nil {
		d["decimals"] = *p.decimals
	}
	return d
}

// drawing is how a time series is drawn.
func (p panel) drawing() object {
	stacking, fill, thresholds := "none", 8, "off"
	if p.stacked {
		stacking, fill = "normal", 40
	}
	if p.marked {
		thresholds = "dashed"
	}
	return object{
		"drawStyle": "line", "lineInterpolation": "linear", "lineWidth": 1, "fillOpacity": fill, "showPoints": "never", "spanNulls": false,
		"stacking": object{"mode": stacking, "group": "A"}, "thresholdsStyle": object{"mode": thresholds},
	}
}

func (p panel) mappings() []object {
	if len(p.names) == 0 {
		return []object{}
	}
	options := object{}
	for i, value := range slices.Sorted(maps.Keys(p.names)) {
		options[value] = object{"text": p.names[value].text, "color": p.names[value].color, "index": i}
	}
	return []object{{"type": "value", "options": options}}
}

func (p panel) options() object {
	newest := object{"calcs": []string{"lastNotNull"}, "fields": "", "values": false}
	switch p.kind {
	case timeseries:
		return object{
			"legend":  object{"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []string{}},
			"tooltip": object{"mode": "multi", "sort": "desc"},
		}
	case statistic:
		return object{
			"reduceOptions": newest, "colorMode": "value", "graphMode": "area", "justifyMode": "auto", "orientation": "auto",
			"textMode": "auto", "wideLayout": true,
		}
	case heatmap:
		return object{
			"calculate": false, "yAxis": object{"unit": string(p.unit), "axisPlacement": "left"}, "cellGap": 1,
			"color":        object{"mode": "scheme", "scheme": "Oranges", "exponent": 0.5, "scale": "exponential", "steps": 64, "reverse": false},
			"rowsFrame":    object{"layout": "auto"},
			"filterValues": object{"le": 1e-9}, "showValue": "never", "legend": object{"show": true},
			"tooltip": object{"mode": "single", "yHistogram": true}, "exemplars": object{"color": "rgba(31,120,193,0.9)"},
		}
	case tabular:
		return object{"showHeader": true, "cellHeight": "sm", "footer": object{"show": false, "reducer": []string{"sum"}, "countRows": false, "fields": ""}}
	}
	panic(fmt.Sprintf("no options for a panel of kind %q", p.kind))
}

// excluded are the columns of a table that are not shown.
func (p panel) excluded() object {
	excluded := object{"Time": true}
	for _, name := range p.hidden {
		excluded[name] = true
	}
	return excluded
}
