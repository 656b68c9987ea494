// Package deploytest lets tests of what is in deploy do as a container engine does, without one.
//
//	image := deploytest.Build(t)                 // the Dockerfile's own steps, in a temporary folder
//	c := image.Container(t, deploytest.Change{Env: …})
//	p := c.Start("serve")                        // as its user, in its root where that may not be written to
//	p.Until("the service runs")
//	code, out := c.Run("healthcheck")
//
// Under root a container is confined to its root folder (chroot) and runs as the image's user.
// Without root, files of the container are named by where they are on this machine instead, and
// whoever runs the tests is its user.
//
// It runs on Linux and macOS; the program is then made for that system.
package deploytest
