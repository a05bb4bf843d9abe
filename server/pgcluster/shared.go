package pgcluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// watch lets the shared server end by itself half an hour after it was last
// used, and ends with it.
const watch = `"$@" & pid=$!
while kill -0 $pid 2>/dev/null; do
  sleep 20
  [ -n "$(find "$USED" -mmin -30 2>/dev/null)" ] || kill -INT $pid
done`

// Shared returns the superuser's DSN of the one cluster under dir that all test
// processes of this user share, and starts it when nobody has: it outlives the
// process, ends half an hour after its last use, and is made anew by the next
// one. Without fsync it is fast. Never keep anything in it.
func Shared(ctx context.Context, dir string, log *slog.Logger) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return "", fmt.Errorf("making the directory of the test cluster: %w", err)
	}
	// A name under /tmp can be guessed: what somebody else put there is not ours.
	if err := (account{uid: os.Geteuid()}).mine(dir); err != nil {
		return "", err
	}
	lock, err := flock(filepath.Join(dir, "lock"), syscall.LOCK_EX) // the others wait until it is up
	if err != nil {
		return "", fmt.Errorf("waiting for the test cluster: %w", err)
	}
	defer func() { _ = lock.Release() }() // the kernel has the last word
	h, err := newHome(dir)
	if err != nil {
		return "", err
	}
	if h.user, err = serverUser(); err != nil {
		return "", err
	}
	if pid, ready := h.postmaster(); ready && h.isOurs(pid) {
		return h.dsn(superuser, superuser), h.used()
	}
	if err := h.stopOrphan(ctx, log); err != nil {
		return "", err
	}
	srv, err := find("", dir)
	if err != nil {
		return "", err
	}
	if err := h.makeDirs(ctx); err != nil {
		return "", err
	}
	// Made anew each time: without fsync old files prove nothing, and databases
	// of failed tests and outdated templates go away with them.
	if err := os.RemoveAll(h.cluster()); err != nil {
		return "", fmt.Errorf("clearing the test cluster: %w", err)
	}
	if err := h.initdb(ctx, srv, "--no-sync"); err != nil {
		return "", err
	}
	if err := h.writeConfig(testSettings); err != nil {
		return "", err
	}
	if err := h.used(); err != nil {
		return "", err
	}
	return h.dsn(superuser, superuser), h.detach(ctx, srv)
}

// used notes that somebody needs the cluster now.
func (h home) used() error {
	path := filepath.Join(h.dir, "used")
	now := time.Now()
	err := os.Chtimes(path, now, now)
	if errors.Is(err, fs.ErrNotExist) {
		err = os.WriteFile(path, nil, 0o644) // an empty file, which the server's user looks at
	}
	if err != nil {
		return fmt.Errorf("noting the use of the test cluster: %w", err)
	}
	return nil
}

// detach starts a server that outlives us and waits until it is ready.
func (h home) detach(ctx context.Context, srv server) error {
	out, err := os.OpenFile(h.startLog(), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("starting the test cluster: %w", err)
	}
	defer out.Close()
	cmd := exec.Command("/bin/sh", append([]string{"-c", watch, "gridward-test-pg", srv.bin("postgres")}, h.postgresArgs()...)...) // it outlives us
	cmd.Dir = "/"
	h.user.dress(cmd)
	cmd.Env = append(cmd.Env, "USED="+filepath.Join(h.dir, "used"))
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr.Setsid = true
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting the test cluster: %w", err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, ready := h.postmaster(); ready {
			return nil
		}
		select {
		case err := <-exited:
			return fmt.Errorf("the test cluster ended while starting (%v):\n%s", err, h.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("the test cluster was not ready in time (%w):\n%s", ctx.Err(), h.lastWords())
		case <-tick.C:
		}
	}
}
