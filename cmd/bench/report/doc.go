// Package report holds the results of a benchmark and writes them: as JSON for machines, and as
// tables for people.
//
// # The JSON
//
// A report is one object. Names and units do not change while format is "parley-bench/1"; fields
// may be added.
//
//	{
//	  "format": "parley-bench/1",
//	  "at": "2026-09-20T12:00:00Z",             when the report was begun
//	  "version": "v1.2.3",                      of Parley, as it was built
//	  "command": ["parley-bench", "-repeat=3"], passwords in it are masked
//	  "machine": {"cpu", "cores", "gomaxprocs", "memory_bytes", "os", "kernel", "go"},
//	  "base": "centrifuge",                     the server that ratios are against
//	  "results": [{                             one for each run
//	    "server": "parley/sqlite", "scenario": "fan-out", "repetition": 1,
//	    "params": [{"name": "readers", "value": "1000"}],
//	    "measures": [{"name": "deliveries", "unit": "/s", "value": 2310000}],
//	    "latency": {"count", "p50_ns", "p90_ns", "p99_ns", "p999_ns", "max_ns", "mean_ns", "below", "above"},
//	    "checks": {"entries", "lost", "twice", "out_of_order"},
//	    "error": "2 entries did not come"       only of a run that failed
//	  }]
//	}
//
// A measure that is not a number, such as a rate over no time, has the value null.
package report
