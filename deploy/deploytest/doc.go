// Package deploytest does the work of a container engine, without one, for tests of the files in
// deploy.
//
//	image := deploytest.Build(t)                 // the Dockerfile's own steps, in a temporary folder
//	c := image.Container(t, deploytest.Change{Env: …})
//	p := c.Start("the service runs")             // as its user, in its root that may not be written to
//	code, out := c.Run("healthcheck")
//
// Under root a container is confined to its root folder (chroot) and runs as the image's user.
// Without root, the container's files have their paths on this machine, and its user is the user
// who runs the tests.
//
// It runs on Linux and macOS; the program is then made for that system.
package deploytest
