// Package grafana is Parley's dashboards for Grafana 11 and later, as code:
//
//	overview.go   is it well, and if not, where to look
//	delivery.go   from an entry's commit to its readers' sockets
//	store.go      from a send to its commit
//	consumers.go  what follows the logs of rooms, and deliveries to hooks
//	runtime.go    the processes
//
// Each dashboard is a board: rows of panels, in the terms of board.go. model.go makes of it the
// JSON that Grafana reads. The files in dashboards/ are generated: change the code and run go
// generate. A test checks that they are up to date. The tests of deploy/prometheus run the queries
// on a real Prometheus.
//
// Queries of histograms use their classic buckets, which Prometheus keeps by default. With
// scrape_native_histograms, it keeps them only with always_scrape_classic_histograms.
package grafana

//go:generate go run ./generate
