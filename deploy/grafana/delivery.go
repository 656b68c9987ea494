package grafana

var delivery = board{
	name: "delivery", title: "Delivery",
	about: "How entries get from their commit to their readers' sockets: live, from the log, and from other nodes.",
	rows: []row{
		{"Live", live},
		{"Readers", readers},
		{"From the log", fromLog},
		{"Feeds", feeds},
		{"Compression", compression},
		{"Bus", bus},
		{"Sessions", sessions},
	},
}

var live = []panel{
	heat("From commit to the last reader", seconds,
		"Distribution of the times of passes. A pass writes new entries of a room to its live readers. A second band above the first: one room, one node or some sockets are slow. All bands move up: the machine or the store is slow.",
		fanoutBy("last")),
	lines("Quantiles, last reader", seconds, "Time from the commit of new entries until they are written to all live readers. The objective is 250 ms for 99 %.",
		quantiles("", fanoutBy("last"), "0.5", "0.9", "0.99", "0.999")...).wide(12).high(9).bad(0, 0.25),
	lines("Quantiles, first reader", seconds,
		"Time from the commit of new entries to the first write. If it is high, the writer shards are behind (CPU), or notices of commits arrive late.",
		quantiles("", fanoutBy("first"), "0.5", "0.99")...),
	lines("Deliveries", perSec, "Entries written to live readers, by instance. An entry counts once for each reader.",
		q("{{instance}}", `sum by (instance) (rate(parley_hub_deliveries_total{SEL}[$__rate_interval]))`)),
	lines("Deliveries of a pass", number,
		"Mean number of entries that a pass writes. It grows with the number of readers of busy rooms and, under load, with the number of entries that are written at once. The cost of a send grows with it.",
		q("mean", `sum(rate(parley_hub_deliveries_total{SEL}[$__rate_interval]))
/ sum(rate(parley_hub_fanout_latency_seconds_count{SEL,written="last"}[$__rate_interval]))`)),
}

var readers = []panel{
	lines("Sessions behind", number,
		"Sessions that have not got entries which were there seconds before. High on one instance only: look at its CPU and its network. High on all: a room is very busy, or clients cannot keep up.",
		q("{{instance}}", `parley_hub_sessions_behind{SEL}`)).wide(6),
	lines("Share of sessions behind", ratio, "Of all connections. More than 5 % for ten minutes opens a ticket.",
		q("{{instance}}", `parley_hub_sessions_behind{SEL} / (parley_connections{SEL} > 0)`)).wide(6).bad(0, 0.05),
	lines("Entries behind", number, "Entries that sessions have yet to get: all sessions in total, and the one that is furthest behind. "+
		"If only the max is high, one client is slow. If the total grows, the instance does not keep up.",
		q("total {{instance}}", `parley_hub_behind_entries{SEL}`), q("max {{instance}}", `parley_hub_behind_entries_max{SEL}`)).wide(6),
	lines("Connections that block", number,
		"Connections whose client reads more slowly than entries are due to it. Nothing is queued for them: when they read again, they go on from their cursor. They are closed after 10 s without progress.",
		q("{{instance}}", `parley_hub_blocked_connections{SEL}`)).wide(6),
}

var fromLog = []panel{
	lines("Reads of the log", perSec,
		"How often readers are served from the log: after joins and reconnects, and when they have fallen behind the ring. It peaks after a restart. If it stays high, readers fall "+
			"behind repeatedly: see Connections that block, and Ring.",
		q("{{instance}}", `sum by (instance) (rate(parley_hub_catchup_reads_total{SEL}[$__rate_interval]))`)).wide(6),
	lines("Entries of a read", number, "Mean number of entries that a read of the log serves. The max is 200. Near it, readers are far behind.",
		q("mean", `sum(rate(parley_hub_catchup_entries_total{SEL}[$__rate_interval])) / sum(rate(parley_hub_catchup_reads_total{SEL}[$__rate_interval]))`)).wide(6),
	lines("How long a read takes", seconds, "Time from the query until the entries are passed on. It is the store's time, including waits for a connection of the pool.",
		quantiles("", `sum by (le) (rate(parley_hub_catchup_seconds_bucket{SEL}[$__rate_interval]))`, "0.5", "0.99")...).wide(6),
	lines("Share from the log", ratio,
		"Share of the entries written to readers that came from the log. Low is good: live entries come from memory and put no load on the store.",
		q("from the log", `sum(rate(parley_hub_catchup_entries_total{SEL}[$__rate_interval]))
/ (sum(rate(parley_hub_catchup_entries_total{SEL}[$__rate_interval])) + sum(rate(parley_hub_deliveries_total{SEL}[$__rate_interval])))`)).wide(6).toOne(),
}

var feeds = []panel{
	lines("Feeds", number, "Rooms that are followed, by instance. Each needs memory for a ring, and a row in the query for heads every few seconds.",
		q("{{instance}}", `parley_hub_feeds{SEL}`)),
	lines("Ring", size, "Bytes of encoded entries that feeds keep for their readers. The total is bounded. At the bound rings get shorter, and readers need the log sooner.",
		q("{{instance}}", `parley_hub_ring_bytes{SEL}`)),
	lines("Ring of a feed", size, "Bytes that a feed keeps, on average: how far behind its head a reader may be before it needs the log.",
		q("{{instance}}", `parley_hub_ring_bytes{SEL} / (parley_hub_feeds{SEL} > 0)`)),
}

var compression = []panel{
	lines("Saved", perByte, "Bytes that compression keeps off the network, by what is sent: entries, answers, pages, and commands of clients. An entry is compressed once for all readers, and counts for each.",
		q("{{what}}", `sum by (what) (rate(parley_compressed_bytes_total{SEL,size="plain"}[$__rate_interval]))
- sum by (what) (rate(parley_compressed_bytes_total{SEL,size="packed"}[$__rate_interval]))`)).wide(8),
	lines("Size after compression", ratio, "What is left of messages that went compressed. 0.3 is usual for entries in one busy room. Near 1, compression is not worth its CPU: PARLEY_COMPRESSION=false turns it off.",
		q("{{what}}", `sum by (what) (rate(parley_compressed_bytes_total{SEL,size="packed"}[$__rate_interval]))
/ (sum by (what) (rate(parley_compressed_bytes_total{SEL,size="plain"}[$__rate_interval])) > 0)`)).wide(8).toOne(),
	lines("Compressed", perSec, "Messages that went compressed, by what is sent. If entries are few beside Deliveries, clients do not offer permessage-deflate, or follow several busy rooms at once.",
		q("{{what}}", `sum by (what) (rate(parley_compressed_messages_total{SEL}[$__rate_interval]))`)).wide(8),
}

var bus = []panel{
	lines("Notices", perSec,
		"Notices between nodes, by direction and kind. A node on local:// sends none. Each node should receive the notices that the others send for the rooms that it follows.",
		q("{{direction}} {{kind}}", `sum by (direction, kind) (rate(parley_bus_notices_total{SEL}[$__rate_interval]))`)).wide(6),
	lines("Entries without a notice", perSec,
		"Entries of other nodes whose notices the bus lost. They were found in the log when heads were compared, seconds late. It should be 0.",
		q("{{instance}}", `sum by (instance) (rate(parley_hub_missed_entries_total{SEL}[$__rate_interval]))`)).wide(6),
	lines("Errors and gaps", perSec, "Notices that could not be sent (errors), and how often an instance was cut off from the bus for a while, so that it may have missed notices (deaf).",
		q("errors {{instance}}", `sum by (instance) (rate(parley_bus_errors_total{SEL}[$__rate_interval]))`),
		q("deaf {{instance}}", `sum by (instance) (rate(parley_bus_deaf_total{SEL}[$__rate_interval]))`)).wide(6),
	lines("Bus within reach", number, "1 if an instance reached the bus at its last check, 0 if not.",
		q("{{instance}}", `parley_part_up{SEL,part="bus"}`)).wide(6).toOne(),
}

var sessions = []panel{
	areas("Sessions opened", perSec, "Sessions that began. A peak after a restart: clients reconnect. A high rate for long with few connections: clients connect and lose their connection at once.",
		q("{{instance}}", `sum by (instance) (rate(parley_sessions_opened_total{SEL}[$__rate_interval]))`)).wide(6),
	areas("Sessions closed", perSec, "Sessions that ended, by reason. slow, silent and flooding are caused by clients, restart and internal by the service.",
		q("{{reason}}", `sum by (reason) (rate(parley_sessions_closed_total{SEL}[$__rate_interval]))`)).wide(6),
	areas("Commands", perSec, "Commands that clients sent, by type. Typing and presence cost little; join and history read the store.",
		q("{{type}}", `sum by (type) (rate(parley_commands_total{SEL}[$__rate_interval]))`)).wide(6),
	lines("Commands, p99", seconds, "Time from a command's arrival to its answer, by type. Commands that write wait for the store; typing and ping do not.",
		quantiles("{{type}}", `sum by (le, type) (rate(parley_command_seconds_bucket{SEL}[$__rate_interval]))`, "0.99")...).wide(6),
}
