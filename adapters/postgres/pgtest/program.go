package pgtest

import "errors"

// Program is a PostgreSQL server of a program that is not a test. Its methods are for one goroutine
// at a time.
type Program struct{ cluster *cluster }

// Begin starts a server for a program that is not a test. Remove ends it, and so does the end of
// the program.
func Begin(options ...Option) (*Program, error) {
	c, err := makeCluster(settingsOf(options))
	if err != nil {
		return nil, err
	}
	if err := c.launch(); err != nil {
		return nil, errors.Join(err, c.remove())
	}
	return &Program{c}, nil
}

// URL returns the URL of the server's database postgres, as a superuser. It stays the same when the
// server is started again.
func (p *Program) URL() string { return p.cluster.url() }

// Stop ends the server, as Server.Stop does.
func (p *Program) Stop(mode Mode) error { return p.cluster.stop(mode) }

// Start starts a stopped server, as Server.Start does.
func (p *Program) Start() error { return p.cluster.start() }

// Pause freezes the server: connections stay open, the system accepts new ones, and the server does
// not answer.
func (p *Program) Pause() error { return p.cluster.pause() }

// Resume ends Pause.
func (p *Program) Resume() error { return p.cluster.resume() }

// Processes returns the server's processes as they are now, the one that starts others first.
func (p *Program) Processes() ([]int, error) { return p.cluster.pids() }

// Remove stops the server, if it runs, and removes all that is on disk.
func (p *Program) Remove() error { return p.cluster.remove() }
