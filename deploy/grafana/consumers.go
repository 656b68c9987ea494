package grafana

var consumers = board{
	name: "consumers", title: "Consumers and hooks",
	about: "What follows the logs of rooms: how far each consumer is behind and why, which nodes run them, how deliveries to hooks end, and how searches fare. A hook is a consumer named hook: and its id; search: and a number is the one that writes the search index.",
	rows: []row{
		{"How far behind", lag},
		{"Batches", batches},
		{"Shares", shares},
		{"Hooks", hooks},
		{"Search", searches},
	},
}

// lag is about all nodes. One node reports it, whichever that is, so the chosen instances do not
// matter.
var lag = []panel{
	lines("Age of the oldest entry", seconds,
		"How long the oldest entry has waited that a consumer has yet to take, for the 15 consumers that are furthest behind. A line that rises steadily is a room that "+
			"fails, or a receiver that is slower than its rooms. More than 15 minutes and rising for as long opens a ticket.",
		q("{{consumer}}", behindMost("parley_consumer_behind_seconds"))).wide(6).bad(0, 900),
	lines("Entries behind", number,
		"Entries that a consumer has yet to take or to skip, in all its rooms. High for a moment after a burst is normal. Nothing is lost: the entries are in the log.",
		q("{{consumer}}", behindMost("parley_consumer_behind_entries"))).wide(6),
	lines("Rooms that wait", number,
		"Rooms where a consumer has failed and waits to try again. Few rooms: these entries are refused. All its rooms: its receiver is away. Other rooms and consumers go on meanwhile. "+
			"/debug/consumers on the admin address has the last error of each room.",
		q("{{consumer}}", behindMost("parley_consumer_waiting_rooms"))).wide(6),
	lines("Rooms that are stalled", number,
		"Rooms where a consumer has failed for 7 days, so that nothing is tried there any more. Somebody must seek or skip. It should be 0; more opens a ticket.",
		q("{{consumer}}", behindMost("parley_consumer_stalled_rooms"))).wide(6).bad(0, 1),
}

var batches = []panel{
	areas("Entries taken", perSec, "Entries of the batches that consumers took, for the 15 consumers that take most.",
		q("{{consumer}}", `topk(15, sum by (consumer) (rate(parley_consumer_entries_total{SEL}[$__rate_interval])))`)).wide(6),
	areas("Attempts", perSec,
		"Attempts to take a batch, of all consumers, by result. failed is tried again, after seconds first and hours later; stalled is the last attempt in a room; "+
			"paused has the whole consumer rest for a while.",
		q("{{result}}", `sum by (result) (rate(parley_consumer_attempts_total{SEL}[$__rate_interval]))`)).wide(6),
	lines("Attempts that failed", perSec, "The same without those that succeeded, by consumer and result: whose receiver fails. The 15 highest are shown.",
		q("{{consumer}} {{result}}",
			`topk(15, sum by (consumer, result) (rate(parley_consumer_attempts_total{SEL,result!="ok"}[$__rate_interval]))) or on () vector(0)`)).wide(6),
	lines("Time of an attempt", seconds, "From handing a batch to a consumer until it took or refused it. For a hook that includes its endpoint's answer, and what the answer has its bot do.",
		quantiles("", `sum by (le) (rate(parley_consumer_take_seconds_bucket{SEL}[$__rate_interval]))`, "0.5", "0.99")...).wide(6),
}

var shares = []panel{
	areas("Shares", number,
		"The rooms are divided into 256 shares, and each instance runs all consumers for the shares that it leases. Together they hold 256, except during a change of hands; "+
			"0 where there are no consumers. Fewer than 256 for five minutes opens a ticket.",
		q("{{instance}}", `parley_consumer_shares{SEL}`)),
	lines("Nodes", number, "Nodes that run consumers, as each instance knows them. All instances should say the same number. One that says fewer does not reach the store.",
		q("{{instance}}", `parley_consumer_nodes{SEL}`)),
	lines("Takeovers", number,
		"Shares that an instance took over, within five minutes, from a node that was silent for 12 seconds. Some after a crash are normal. Without a crash, a node was too slow to renew "+
			"its leases: look at its CPU and at the store.",
		q("{{instance}}", `sum by (instance) (increase(parley_consumer_takeovers_total{SEL}[5m]))`)),
}

var hooks = []panel{
	lines("Hooks", number,
		"Hooks that there are, by state. One is paused by its owner, by an answer of 410, or because its maker does not moderate the room any more; GET /v1/hooks says why. "+
			"While it is paused its entries wait.",
		q("{{state}}", `max by (state) (parley_hooks{JOB})`)).wide(6),
	areas("Tries", perSec,
		"Tries to deliver to a hook, by result. failed is an answer of 5xx, busy is 429 or 503, gone is 410 and pauses the hook, refused is any other answer than 2xx. unreachable is no answer. "+
			"forbidden is an address that PARLEY_HOOKS_ALLOW does not name.",
		q("{{result}}", `sum by (result) (rate(parley_hook_tries_total{SEL}[$__rate_interval]))`)).wide(6),
	lines("Time of a try", seconds, "From the connection to a hook's endpoint to the end of its answer. After 15 s a try is given up, and counts as unreachable.",
		quantiles("", `sum by (le) (rate(parley_hook_try_seconds_bucket{SEL}[$__rate_interval]))`, "0.5", "0.9", "0.99")...).wide(6),
	areas("Commands of bots", perSec, "Commands in the answers of hooks, by result: ok, or the code of the error. One that is refused is not tried again.",
		q("{{result}}", `sum by (result) (rate(parley_hook_commands_total{SEL}[$__rate_interval]))`)).wide(6),
	areas("Signals", perSec, "Signals for hooks that ask for them, by fate: told; dropped, as there were too many or the hook is told nothing for now; failed, posted and not taken. None is tried again.",
		q("{{fate}}", `sum by (fate) (rate(parley_hook_signals_total{SEL}[$__rate_interval]))`)).wide(6),
}

// behindMost returns the query for the 15 consumers with the highest values of a metric that one
// node reports for all. While that changes hands, two may.
func behindMost(metric string) string {
	return `topk(15, max by (consumer) (` + metric + `{JOB}))`
}

var searches = []panel{
	areas("Searches", perSec,
		"Searches, by result: ok, or the code of the error. invalid is a query that makes no sense, not_found a room that the user may not know of. Those that the limit refuses are not counted here.",
		q("{{result}}", `sum by (result) (rate(parley_searches_total{SEL}[$__rate_interval]))`)).wide(8),
	lines("Time of a search", seconds,
		"From the question to the answer: finding the user's rooms, asking the index, and reading each message anew. A search with at_least may wait up to two seconds for the index.",
		quantiles("", `sum by (le) (rate(parley_search_seconds_bucket{SEL}[$__rate_interval]))`, "0.5", "0.9", "0.99")...).wide(8),
	lines("Hits of a search", number, "Messages in an answer, on average, of the pages that clients ask for. Near 0 for long where there were more before: look whether the index is behind.",
		q("hits", `sum(rate(parley_search_hits_total{SEL}[$__rate_interval])) / sum(rate(parley_search_seconds_count{SEL}[$__rate_interval]))`)).wide(8),
}
