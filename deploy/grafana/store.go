package grafana

var store = board{
	name: "store", title: "Store",
	about: "From a send to its commit: the journal, the appends, other operations of the store, and PostgreSQL's pool.",
	rows: []row{
		{"Journal", journal},
		{"Appends", appends},
		{"Operations", operations},
		{"PostgreSQL pool (empty with other stores)", pool},
	},
}

var journal = []panel{
	lines("Depth", number,
		"Messages that wait for an earlier append to end. When 8,192 wait in a lane, sends are refused as unavailable.",
		q("{{instance}}", `parley_journal_depth{SEL}`)),
	lines("Wait in the journal", seconds,
		"Depth divided by the messages that are appended a second: how long a new message waits. More than a second for five minutes pages.",
		q("{{instance}}", `parley_journal_depth{SEL} / (rate(parley_journal_batch_size_sum{SEL}[$__rate_interval]) > 0)`)).bad(0, 1),
	lines("Batch", number,
		"Proposals in one append. It grows by itself under load, so that a slower store still keeps up. The max is 512.",
		append(quantiles("", `sum by (le) (rate(parley_journal_batch_size_bucket{SEL}[$__rate_interval]))`, "0.5", "0.99"),
			q("mean", `sum(rate(parley_journal_batch_size_sum{SEL}[$__rate_interval])) / sum(rate(parley_journal_batch_size_count{SEL}[$__rate_interval]))`))...),
}

var appends = []panel{
	heat("Time of an append", seconds, "How long batches took to commit. A band that moves up: the disk or the database is slow. Single points far above: locks, vacuum or a failover.",
		`sum by (le) (rate(parley_log_append_seconds_bucket{SEL}[$__rate_interval]))`),
	lines("Quantiles of an append", seconds, "Time from the call to the commit of a batch.",
		quantiles("", `sum by (le) (rate(parley_log_append_seconds_bucket{SEL}[$__rate_interval]))`, "0.5", "0.9", "0.99")...).wide(12).high(9),
	areas("Appends", perSec, "Batches committed, by result: ok, or the kind of error that the whole batch met.",
		q("{{result}}", `sum by (result) (rate(parley_log_appends_total{SEL}[$__rate_interval]))`)),
	areas("Proposals", perSec, "Messages, edits and other changes that went into appends.",
		q("{{instance}}", `sum by (instance) (rate(parley_journal_batch_size_sum{SEL}[$__rate_interval]))`)),
	lines("Appends under way", number,
		"How many appends are under way at a time, on average. At the number of lanes (4 on PostgreSQL, 1 otherwise) the store is the limit, and further messages wait in the journal.",
		q("{{instance}}", `sum by (instance) (rate(parley_log_append_seconds_sum{SEL}[$__rate_interval]))`)),
}

var operations = []panel{
	areas("Operations", perSec, "Calls to the store a second, by operation.",
		q("{{operation}}", `sum by (operation) (rate(parley_store_seconds_count{SEL}[$__rate_interval]))`)).wide(6),
	lines("Operations, p99", seconds, "How long each kind of operation takes, including its wait for a connection.",
		quantiles("{{operation}}", `sum by (le, operation) (rate(parley_store_seconds_bucket{SEL}[$__rate_interval]))`, "0.99")...).wide(6),
	areas("Where its time goes", number, "How many operations of each kind are under way at a time, on average. The one with the most is the first to make cheaper.",
		q("{{operation}}", `sum by (operation) (rate(parley_store_seconds_sum{SEL}[$__rate_interval]))`)).wide(6),
	lines("Errors", perSec, "Operations that failed, by operation and kind. Errors of clients (not_found, conflict, …) are no failures of the store.",
		q("{{operation}} {{kind}}", `sum by (operation, kind) (rate(parley_store_errors_total{SEL}[$__rate_interval])) or on () vector(0)`)).wide(6),
	lines("Store within reach", number, "1 if an instance reached the store at its last check, 0 if not.",
		q("{{instance}}", `parley_part_up{SEL,part="store"}`)).wide(24).high(5).toOne(),
}

var pool = []panel{
	areas("Connections", number, "Connections to PostgreSQL, by state. If many are being made for long, the server refuses them or is far away.",
		q("{{state}} {{instance}}", `parley_store_pool_connections{SEL}`)).wide(6),
	lines("In use", ratio, "Share of the pool's connections that are in use. At 100 % further operations wait.",
		q("{{instance}}", `parley_store_pool_connections{SEL,state="acquired"} / on (job, instance) parley_store_pool_max_connections{SEL}`)).wide(6).toOne().bad(0, 0.9),
	lines("Waits", perSec, "Operations a second that had to wait for a connection.",
		q("{{instance}}", `rate(parley_store_pool_waits_total{SEL}[$__rate_interval])`)).wide(6),
	lines("Operations that wait", number, "How many operations wait for a connection at a time, on average. More than one for five minutes opens a ticket: the pool is too small, or queries are too slow.",
		q("{{instance}}", `rate(parley_store_pool_wait_seconds_total{SEL}[$__rate_interval])`)).wide(6).bad(0, 1),
}
