// Package grafana is Parley's dashboards for Grafana 11 and later, as code:
//
//	overview.go   is it well, and if not, where to look
//	delivery.go   from an entry's commit to its readers' sockets
//	store.go      from a send to its commit
//	runtime.go    the processes
//
// Each is a board: rows of panels, in words of its own (board.go), of which model.go makes the JSON
// that Grafana reads. The files in dashboards/ are generated, so change the code and run go
// generate; a test sees to it that they are in step. What the queries ask is asked of a real
// Prometheus by the tests of deploy/prometheus.
//
// Queries of histograms are about their classic buckets, which every Prometheus keeps that does not
// choose otherwise. One that is configured with scrape_native_histograms keeps them with
// always_scrape_classic_histograms.
package grafana

//go:generate go run ./generate
