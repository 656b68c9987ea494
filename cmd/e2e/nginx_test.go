package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/parley-chat/parley/adapters/freeaddr"
)

// behindNginx returns a service as it is seen through nginx, whose settings are its defaults.
func behindNginx(t *testing.T, s *service) *service {
	t.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil {
		program = "/usr/sbin/nginx"
	}
	dir, addr := t.TempDir(), freeaddr.Must(t)
	var own strings.Builder
	for _, name := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&own, "%s_temp_path %s/%s;\n", name, dir, name)
	}
	config := fmt.Sprintf("daemon off; pid %s/pid; error_log stderr;\nevents {}\nhttp { access_log off;\n%sserver { listen %s; location / { proxy_pass %s; } } }\n",
		dir, &own, addr, s.url)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-p", dir, "-e", "stderr", "-c", file)
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v (run make parts if it is not there)", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	through := *s
	through.url = "http://" + addr
	eventually(t, "nginx serves", func() error {
		response, err := http.Get(through.url + "/healthz")
		if err == nil {
			response.Body.Close()
		}
		return err
	})
	return &through
}

// TestStreamsPassNginx reads through nginx: events come at once, and the longest poll has its
// answer before nginx gives up.
func TestStreamsPassNginx(t *testing.T) {
	t.Parallel()
	s := start(t, "memory://", nil)
	through := behindNginx(t, s)
	room, alice := s.room(), s.connects(t, "alice")
	alice.asks("join", "room", room)
	bob := byEvents(t, through, "bob", at{room, 0})
	for i := int64(1); i <= 3; i++ {
		saysAll(t, alice, room, int(i), int(i))
		bob.reads(room, i, i)
	}
	client := &http.Client{Timeout: 2 * time.Minute}
	defer client.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, through.url+"/v1/rooms/"+room+"/stream?after=3&wait=50", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.token(t, "carol"))
	began := time.Now()
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if took := time.Since(began); response.StatusCode != http.StatusOK || took < 50*time.Second {
		t.Errorf("the poll: %d after %v", response.StatusCode, took)
	}
	saysAll(t, alice, room, 4, 4)
	bob.reads(room, 4, 4)
}
