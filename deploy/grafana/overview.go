package grafana

var overview = board{
	name: "overview", title: "Overview",
	about: "Whether Parley is well, and if not, where to look. For the alerts and what to do about each see deploy/ALERTS.md.",
	rows: []row{
		{"Objectives", objectives},
		{"Traffic", traffic},
		{"How long it takes", waits},
		{"What piles up", pilesUp},
		{"What goes wrong", goesWrong},
	},
}

var objectives = []panel{
	stat("Live delivery within 250 ms", ratio,
		"Share of passes whose last reader was written to within 250 ms of the commit, in the time shown. A pass writes new entries of a room to its "+
			"live readers. The objective is 99 %. "+
			"If it is lower, the dashboard Delivery shows whether the store, the bus or the sockets take the time.",
		q("", `sum(rate(parley_hub_fanout_latency_seconds_bucket{SEL,written="last",le="0.25"}[$__range]))
/ sum(rate(parley_hub_fanout_latency_seconds_count{SEL,written="last"}[$__range]))`)).good(0.99).digits(2),
	stat("Sends without a fault", ratio,
		"Share of sends that did not end in unavailable or internal, in the time shown. The objective is 99.9 %. Mistakes of clients do "+
			"not count. If it is lower, see the dashboard Store.",
		q("", `sum(rate(parley_sends_total{SEL,result="ok"}[$__range]))
/ sum(rate(parley_sends_total{SEL,result=~"ok|unavailable|internal"}[$__range]))`)).good(0.999).digits(3),
	stat("Ready", number,
		"Instances that accept clients, and instances that are scraped. One that drains or cannot reach its store is not ready.",
		q("ready", `sum(parley_ready{SEL})`), q("scraped", `count(parley_ready{SEL})`)),
	stat("Parts", number,
		"Whether every instance reaches the store and the bus, as last checked. Without the store no message is accepted. Without the bus, entries "+
			"of other nodes arrive seconds late.",
		q("{{part}}", `min by (part) (parley_part_up{SEL})`)).says(mapped{"away", "red"}, mapped{"up", "green"}),
	stat("Connections", number, "Authenticated connections that are open now.", q("", `sum(parley_connections{SEL})`)),
	stat("Alerts", number, "Alerts of Parley that fire now; the red marks in all panels say which and since when.",
		q("", `count(ALERTS{alertname=~"Parley.+",alertstate="firing",JOB}) or vector(0)`)).bad(0, 1),
	lines("Budget burn, live delivery", number,
		"How fast the error budget is used: at 1 it lasts exactly 30 days. 14.4 over an hour and 6 over six hours page, 3 over a day and 1 over "+
			"three days open a ticket. From the recording rules; empty while nothing is delivered.",
		q("1 h", `job:parley_fanout_slow:ratio_rate1h{JOB} / 0.01`), q("6 h", `job:parley_fanout_slow:ratio_rate6h{JOB} / 0.01`),
		q("3 d", `job:parley_fanout_slow:ratio_rate3d{JOB} / 0.01`)).wide(12).high(7).bad(1, 6),
	lines("Budget burn, sends", number,
		"The same for sends that ended in unavailable or internal. From the recording rules; empty while nothing is sent.",
		q("1 h", `job:parley_sends_failed:ratio_rate1h{JOB} / 0.001`), q("6 h", `job:parley_sends_failed:ratio_rate6h{JOB} / 0.001`),
		q("3 d", `job:parley_sends_failed:ratio_rate3d{JOB} / 0.001`)).wide(12).high(7).bad(1, 6),
}

var traffic = []panel{
	areas("Connections", number,
		"Open connections of each instance. Fewer on one and more on others: a drain or a crash. Fewer on all: the network, or a proxy before them.",
		q("{{instance}}", `sum by (instance) (parley_connections{SEL})`)),
	areas("Streams", number,
		"Of these, connections that only read, without a socket, by kind: server-sent events, long polls, and both by the Durable Streams protocol.",
		q("{{kind}}", `sum by (kind) (parley_streams{SEL})`)),
	areas("Sends", perSec, "Messages that clients asked to send, on sockets and by HTTP, by result: ok (durable), or the code of the error.",
		q("{{result}}", `sum by (result) (rate(parley_sends_total{SEL}[$__rate_interval]))`)),
	lines("Sends refused and failed", perSec,
		"The same without ok. unavailable and internal are faults of the service and count against the objective. The rest are mistakes of clients, "+
			"and limits. If one code rises after a release of a client, look at that release.",
		q("{{result}}", `sum by (result) (rate(parley_sends_total{SEL,result!="ok"}[$__rate_interval])) or on () vector(0)`)),
	lines("Deliveries", perSec, "Entries written to readers, live and from the log. An entry counts once for each reader.",
		q("live", `sum(rate(parley_hub_deliveries_total{SEL}[$__rate_interval]))`),
		q("from the log", `sum(rate(parley_hub_catchup_entries_total{SEL}[$__rate_interval]))`)),
	areas("HTTP requests", requests, "Requests to the HTTP API by status, probes aside. 5xx are faults of the service, 4xx mistakes of callers.",
		q("{{status}}", `sum by (status) (rate(parley_http_requests_total{SEL,route!~"/healthz|/readyz"}[$__rate_interval]))`)),
	areas("Sessions closed", perSec,
		"Sessions that ended, by reason. gone: the client left, or lost its network. restart: the service stops. slow: the client could not keep up. "+
			"silent: it vanished. flooding, bad_requests: it misbehaves. internal: a fault of the service.",
		q("{{reason}}", `sum by (reason) (rate(parley_sessions_closed_total{SEL}[$__rate_interval]))`)),
}

var waits = []panel{
	lines("Live delivery", seconds,
		"Time from the commit of new entries until they are written to their first and last live reader. The time to the first is spent in the service. From there to the last it "+
			"depends on how many readers there are, and on the speed of their sockets. The dots are single traces.",
		append(quantiles("last", fanoutBy("last"), "0.5", "0.99"), quantiles("first", fanoutBy("first"), "0.5", "0.99")...)...).bad(0, 0.25),
	lines("Sends", seconds, "Time from a send's arrival to its answer: its wait in the journal and the store's commit.",
		quantiles("", `sum by (le) (rate(parley_command_seconds_bucket{SEL,type="send"}[$__rate_interval]))`, "0.5", "0.99")...),
	lines("HTTP requests", seconds, "Time from a request's arrival to its answer, probes aside.",
		quantiles("", `sum by (le) (rate(parley_http_request_seconds_bucket{SEL,route!~"/healthz|/readyz"}[$__rate_interval]))`, "0.5", "0.99")...),
}

var pilesUp = []panel{
	lines("Journal", number,
		"Messages that wait for an earlier append to end. Under load it rises and falls. If it only grows, the store takes less than comes in: see the dashboard Store.",
		q("{{instance}}", `parley_journal_depth{SEL}`)).wide(6),
	lines("Sessions behind", number,
		"Sessions that have not got entries which were there seconds before. A few: slow clients. Many for long: the instance does not keep up.",
		q("{{instance}}", `parley_hub_sessions_behind{SEL}`)).wide(6),
	lines("Entries behind", number, "Entries that those sessions have yet to get, in total. If it grows for minutes, it does not recover by itself.",
		q("{{instance}}", `parley_hub_behind_entries{SEL}`)).wide(6),
	lines("Connections that block", number, "Connections whose client reads more slowly than entries are due to it. Each costs a cursor and a socket buffer, and is closed after 10 s without progress.",
		q("{{instance}}", `parley_hub_blocked_connections{SEL}`)).wide(6),
}

var goesWrong = []panel{
	lines("Faults", perSec, "Faults inside the service, by what was being done. Each is in the log with its id and trace. None is expected.",
		q("{{while}}", `sum by (while) (rate(parley_faults_total{SEL}[$__rate_interval])) or on () vector(0)`)),
	lines("Store errors", perSec, "Operations of the store that failed, by operation and kind. unavailable: the store is away or too slow.",
		q("{{operation}} {{kind}}", `sum by (operation, kind) (rate(parley_store_errors_total{SEL}[$__rate_interval])) or on () vector(0)`)),
	lines("Tokens refused", perSec,
		"Tokens that were refused, by reason. A sudden rise: the issuer has a new key that the service does not know, or its clock is wrong. "+
			"A low steady rate of expired: clients do not refresh their tokens.",
		q("{{reason}}", `sum by (reason) (rate(parley_token_refusals_total{SEL}[$__rate_interval])) or on () vector(0)`)),
	table("Most frequent errors on sockets", number, "Commands that were answered with an error in the time shown, the ten most frequent by type and code.",
		`topk(10, sum by (type, result) (increase(parley_commands_total{SEL,result!="ok"}[$__range]))) or on () vector(0)`),
	table("Most frequent errors over HTTP", number, "Requests that were answered with 4xx and 5xx in the time shown, the ten most frequent by route and status.",
		`topk(10, sum by (method, route, status) (increase(parley_http_requests_total{SEL,status=~"[45].."}[$__range]))) or on () vector(0)`),
}

// fanoutBy returns the rate of the classic buckets of live delivery's time to the first or the last
// reader.
func fanoutBy(written string) string {
	return `sum by (le) (rate(parley_hub_fanout_latency_seconds_bucket{SEL,written="` + written + `"}[$__rate_interval]))`
}
