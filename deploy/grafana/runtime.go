package grafana

var runtime = board{
	name: "runtime", title: "Runtime",
	about: "The processes: builds, CPU, memory, garbage collection, scheduler, files.",
	rows: []row{
		{"Builds", builds},
		{"CPU", cpu},
		{"Memory", memory},
		{"Garbage collection", collection},
		{"Files and scrapes", files},
	},
}

var builds = []panel{
	table("Builds", number, "Which build each instance runs. Two versions for longer than a rollout takes: the rollout is stuck.",
		`parley_build_info{SEL}`, "__name__", "Value").high(6),
	lines("Up since", seconds, "Age of each process. If it falls to 0 again and again, the process is killed each time: look at its last log lines, and at its memory limit.",
		q("{{instance}}", `time() - process_start_time_seconds{SEL}`)).high(6).wide(6),
	lines("Starts", number, "How often each instance started in the hour before.",
		q("{{instance}}", `changes(process_start_time_seconds{SEL}[1h])`)).high(6).wide(6),
}

var cpu = []panel{
	lines("CPU", number, "Cores in use, and cores that the process may use. At the limit, live delivery is the first to slow down.",
		q("{{instance}}", `rate(process_cpu_seconds_total{SEL}[$__rate_interval])`), q("may use {{instance}}", `go_sched_gomaxprocs_threads{SEL}`)),
	lines("Wait for a CPU", seconds,
		"How long goroutines that could run waited for a CPU. If p99 is more than a few milliseconds, the machine or the CPU limit is too small.",
		quantiles("", `sum by (le) (rate(go_sched_latencies_seconds_bucket{SEL}[$__rate_interval]))`, "0.5", "0.99")...),
	lines("Goroutines", number, "Goroutines, and system threads. Idle connections need none if sockets are polled. Growth without more connections is a leak: /debug/pprof/goroutine on the admin address shows where.",
		q("goroutines {{instance}}", `go_goroutines{SEL}`), q("threads {{instance}}", `go_threads{SEL}`)),
}

var memory = []panel{
	lines("Memory", size, "Resident memory of the process, and how much of it is the heap.",
		q("resident {{instance}}", `process_resident_memory_bytes{SEL}`), q("heap {{instance}}", `go_memstats_heap_inuse_bytes{SEL}`)),
	lines("Memory and its limit", ratio,
		"Share of the memory limit (GOMEMLIMIT, 90 % of the container's) that is in use; 0 without one. Near the limit the collector runs all the time. More than 90 % for ten minutes opens a ticket.",
		q("{{instance}}", `process_resident_memory_bytes{SEL} / go_gc_gomemlimit_bytes{SEL}`)).bad(0, 0.9),
	lines("Memory of a connection", size, "Resident memory divided by connections. It says something only with thousands of connections.",
		q("{{instance}}", `process_resident_memory_bytes{SEL} / (parley_connections{SEL} > 0)`)),
}

var collection = []panel{
	lines("Longest pause", seconds, "The collector's longest recent pause. Normal is far below a millisecond. If it is longer, the machine does not give the process its CPUs.",
		q("{{instance}}", `max by (instance) (go_gc_duration_seconds{SEL})`)).wide(6),
	lines("Collections", perSec, "Collections a second. Above ten, GOGC or the memory limit is too low.",
		q("{{instance}}", `rate(go_gc_duration_seconds_count{SEL}[$__rate_interval])`)).wide(6),
	lines("Allocated", perByte, "Bytes allocated a second. The more, the more often the collector runs.",
		q("{{instance}}", `rate(go_memstats_alloc_bytes_total{SEL}[$__rate_interval])`)).wide(6),
	lines("Objects", number, "Objects on the heap, including dead ones that are not collected yet.",
		q("{{instance}}", `go_memstats_heap_objects{SEL}`)).wide(6),
}

var files = []panel{
	lines("Open files", number, "Files and sockets that are open, and how many may be open.",
		q("{{instance}}", `process_open_fds{SEL}`), q("may be open {{instance}}", `process_max_fds{SEL}`)),
	lines("Share of open files", ratio, "Each connection needs one. At 100 % no client can connect, and the service can open no connection to the store. More than 85 % for ten minutes opens a ticket.",
		q("{{instance}}", `process_open_fds{SEL} / process_max_fds{SEL}`)).bad(0, 0.85),
	lines("Time of a scrape", seconds, "How long Prometheus took to read the metrics. If it is more than a second, the instance has too little CPU.",
		q("{{instance}}", `scrape_duration_seconds{SEL}`)),
}
