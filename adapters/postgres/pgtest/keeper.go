package pgtest

import (
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
)

// keeperScript waits until nobody holds the other end of its standard input, then removes what is
// left of a server: $1 is its directory, $2 its pg_ctl. Processes that were frozen must thaw before
// they can end.
const keeperScript = `
trap '' HUP INT TERM
read -r line
[ -d "$1" ] || exit 0
[ -f "$1/frozen" ] && kill -CONT $(cat "$1/frozen")
"$2" stop -D "$1/data" -m immediate -w -t 30
rm -rf "$1"
`

// keeper is a process that stops a server when this process has ended.
type keeper struct {
	cmd  *exec.Cmd
	pipe io.Closer // held, so that the garbage collector does not close it
}

func startKeeper(a account, dir, bin string) (*keeper, error) {
	// It does not run in dir, because it removes dir.
	cmd := a.command("/", "/bin/sh", "-c", keeperScript, "parley-pgtest", dir, filepath.Join(bin, "pg_ctl"))
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("make the keeper's pipe: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the keeper: %w", err)
	}
	return &keeper{cmd, pipe}, nil
}

// dismiss tells the keeper that the process is done with the server, and waits until it has stopped
// and removed it.
func (k *keeper) dismiss() error {
	if err := k.pipe.Close(); err != nil {
		return err
	}
	return k.cmd.Wait()
}
