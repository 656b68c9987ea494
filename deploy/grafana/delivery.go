package grafana

var delivery = board{
	name: "delivery", title: "Delivery",
	about: "From an entry's commit to its readers' sockets: live, from the log, and from other nodes.",
	rows: []row{
		{"Live", live},
		{"Readers", readers},
		{"From the log", fromLog},
		{"Feeds", feeds},
		{"Bus", bus},
		{"Sessions", sessions},
	},
}

var live = []panel{
	heat("From commit to the last reader", seconds,
		"How the times spread, pass by pass: a pass takes new entries of a room to its live readers. A second band above the first is one room, one node or slow sockets; all of it moving up is the machine or the store.",
		fanoutBy("last")),
	lines("Quantiles, last reader", seconds, "From the commit of new entries until all live readers had them written. The objective is 250 ms for 99 %.",
		quantiles("", fanoutBy("last"), "0.5", "0.9", "0.99", "0.999")...).wide(12).high(9).bad(0, 0.25),
	lines("Quantiles, first reader", seconds,
		"From the commit of new entries to the first write. High here: the shards are behind (CPU), or the commit is told late.",
		quantiles("", fanoutBy("first"), "0.5", "0.99")...),
	lines("Deliveries", perSec, "Entries written to live readers, on each instance: each entry counts once a reader.",
		q("{{instance}}", `sum by (instance) (rate(parley_hub_deliveries_total{SEL}[$__rate_interval]))`)),
	lines("Deliveries of a pass", number,
		"Entries written to readers in one pass: how large the rooms are that people talk in, and under load how many entries go out at once. It multiplies what every send costs.",
		q("mean", `sum(rate(parley_hub_deliveries_total{SEL}[$__rate_interval]))
/ sum(rate(parley_hub_fanout_latency_seconds_count{SEL,written="last"}[$__rate_interval]))`)),
}

var readers = []panel{
	lines("Sessions behind", number,
		"Sessions that have not got what was there seconds before. Alone on one instance: its CPU or its network. On all: a busy room, or clients that cannot keep up.",
		q("{{instance}}", `parley_hub_sessions_behind{SEL}`)).wide(6),
	lines("Share of sessions behind", ratio, "Of all connections. More than 5 % for ten minutes opens a ticket.",
		q("{{instance}}", `parley_hub_sessions_behind{SEL} / (parley_connections{SEL} > 0)`)).wide(6).bad(0, 0.05),
	lines("Entries behind", number, "How many entries are due to the sessions behind, together, and to the one that is furthest behind. "+
		"The furthest alone is one slow client; the sum growing is a node that does not keep up.",
		q("together {{instance}}", `parley_hub_behind_entries{SEL}`), q("furthest {{instance}}", `parley_hub_behind_entries_most{SEL}`)).wide(6),
	lines("Connections that block", number,
		"Connections whose socket takes less than is due to it now. Nothing is queued for them: they are served from their cursor when they read on, and closed after 10 s without progress.",
		q("{{instance}}", `parley_hub_blocked_connections{SEL}`)).wide(6),
}

var fromLog = []panel{
	lines("Reads of the log", perSec,
		"Times a second that a reader was served from the log: joins, reconnects, readers that fell behind the ring. After a restart it peaks and falls; where it stays high, readers fall "+
			"behind over and over: see Connections that block, and Ring.",
		q("{{instance}}", `sum by (instance) (rate(parley_hub_catchup_reads_total{SEL}[$__rate_interval]))`)).wide(6),
	lines("Entries of a read", number, "How many entries a read of the log served. 200 is the most; near it, readers have far to go.",
		q("mean", `sum(rate(parley_hub_catchup_entries_total{SEL}[$__rate_interval])) / sum(rate(parley_hub_catchup_reads_total{SEL}[$__rate_interval]))`)).wide(6),
	lines("How long a read takes", seconds, "From the question to the log until the entries are handed on. It is the store's time, and waits for the pool.",
		quantiles("", `sum by (le) (rate(parley_hub_catchup_seconds_bucket{SEL}[$__rate_interval]))`, "0.5", "0.99")...).wide(6),
	lines("Share from the log", ratio,
		"Of all entries that reached readers, how many came from the log. Low is good: live entries come from memory and cost the store nothing.",
		q("from the log", `sum(rate(parley_hub_catchup_entries_total{SEL}[$__rate_interval]))
/ (sum(rate(parley_hub_catchup_entries_total{SEL}[$__rate_interval])) + sum(rate(parley_hub_deliveries_total{SEL}[$__rate_interval])))`)).wide(6).toOne(),
}

var feeds = []panel{
	lines("Feeds", number, "Rooms that are followed on each instance. Each costs a ring, and a line in the question for heads every few seconds.",
		q("{{instance}}", `parley_hub_feeds{SEL}`)),
	lines("Ring", size, "Bytes of encoded entries that feeds keep for their readers. It is bounded; at the bound, rings get shorter and readers reach for the log sooner.",
		q("{{instance}}", `parley_hub_ring_bytes{SEL}`)),
	lines("Ring of a feed", size, "Bytes that a feed keeps, on average: how far behind its head a reader may be before it needs the log.",
		q("{{instance}}", `parley_hub_ring_bytes{SEL} / (parley_hub_feeds{SEL} > 0)`)),
}

var bus = []panel{
	lines("Notices", perSec,
		"What nodes tell each other, by direction and kind; a node that is alone on local:// tells nobody. Each node should receive what the others send to the rooms that it follows.",
		q("{{direction}} {{kind}}", `sum by (direction, kind) (rate(parley_bus_notices_total{SEL}[$__rate_interval]))`)).wide(6),
	lines("Entries that no notice told of", perSec,
		"Entries of other nodes that were found in the log only when heads were compared: the bus loses notices, and those entries were seconds late. It should be 0.",
		q("{{instance}}", `sum by (instance) (rate(parley_hub_missed_entries_total{SEL}[$__rate_interval]))`)).wide(6),
	lines("Errors and deafness", perSec, "Notices that could not be sent, and times that this node was deaf: cut off from the bus for a while.",
		q("errors {{instance}}", `sum by (instance) (rate(parley_bus_errors_total{SEL}[$__rate_interval]))`),
		q("deaf {{instance}}", `sum by (instance) (rate(parley_bus_deaf_total{SEL}[$__rate_interval]))`)).wide(6),
	lines("Bus within reach", number, "1 where an instance reached the bus when it last looked.",
		q("{{instance}}", `parley_part_up{SEL,part="bus"}`)).wide(6).toOne(),
}

var sessions = []panel{
	areas("Sessions opened", perSec, "Sessions that began. A flood after a restart is clients that come back; a steady high rate with few connections is clients that cannot stay.",
		q("{{instance}}", `sum by (instance) (rate(parley_sessions_opened_total{SEL}[$__rate_interval]))`)).wide(6),
	areas("Sessions closed", perSec, "Sessions that ended, by reason. slow, silent and flooding are the clients' doing, restart and internal are ours.",
		q("{{reason}}", `sum by (reason) (rate(parley_sessions_closed_total{SEL}[$__rate_interval]))`)).wide(6),
	areas("Commands", perSec, "What clients ask, by type. Typing and presence cost little; join and history read the store.",
		q("{{type}}", `sum by (type) (rate(parley_commands_total{SEL}[$__rate_interval]))`)).wide(6),
	lines("Commands, p99", seconds, "From a command's arrival to its answer, by type. Those that write wait for the store; typing and ping do not.",
		quantiles("{{type}}", `sum by (le, type) (rate(parley_command_seconds_bucket{SEL}[$__rate_interval]))`, "0.99")...).wide(6),
}
