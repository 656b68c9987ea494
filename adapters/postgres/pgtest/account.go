package pgtest

import (
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// account is the user that PostgreSQL's programs run as. The zero value is the user who runs the
// tests.
type account struct {
	credential *syscall.Credential
}

// findAccount returns the account to use: another than root where the tests run as root.
func findAccount() (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			continue
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			continue
		}
		return account{&syscall.Credential{Uid: uint32(uid), Gid: uint32(gid), Groups: []uint32{}}}, nil
	}
	return account{}, errors.New("PostgreSQL does not run as root, and there is neither a user postgres nor nobody to run it as")
}

// makeDir makes a temporary directory that belongs to the account, below one that it can reach:
// root's TMPDIR may be closed to others.
func (a account) makeDir() (string, error) {
	parent := ""
	if a.credential != nil {
		parent = "/tmp"
	}
	dir, err := os.MkdirTemp(parent, "parley-pgtest-")
	if err != nil {
		return "", err
	}
	return dir, a.own(dir)
}

// own gives a file that this process made to the account.
func (a account) own(path string) error {
	if a.credential == nil {
		return nil
	}
	return os.Chown(path, int(a.credential.Uid), int(a.credential.Gid))
}

// command prepares a program to run as the account in dir, in a process group of its own and
// without the environment variables that PostgreSQL reads (PGPORT, PGOPTIONS and so on).
func (a account) command(dir, program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: a.credential}
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "PG") && !strings.HasPrefix(variable, "LC_") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.Env = append(cmd.Env, "LC_ALL=C", "HOME="+dir, "PWD="+filepath.Clean(dir))
	return cmd
}
