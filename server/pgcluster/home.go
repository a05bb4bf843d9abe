package pgcluster

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// port names the socket file; nothing listens on TCP.
const port = "5432"

// maxSocketPath is what fits into sockaddr_un with its closing NUL.
const maxSocketPath = 107

// home is where a cluster lives on disk, and as whom it runs.
type home struct {
	dir    string // DIR/postgres
	socket string // directory of the socket
	user   account
}

func newHome(dataDir string) (home, error) {
	h := home{dir: filepath.Join(dataDir, "postgres")}
	h.socket = filepath.Join(h.dir, "socket")
	if len(socketFile(h.socket)) <= maxSocketPath {
		return h, nil
	}
	// A deep data directory: a short name of its own under a directory that is
	// ours or sticky. makeDirs checks whose it is before anything is put there.
	sum := sha256.Sum256([]byte(h.dir))
	base := os.TempDir()
	if run := os.Getenv("XDG_RUNTIME_DIR"); run != "" && os.Geteuid() != 0 {
		base = run
	}
	h.socket = filepath.Join(base, "gridward-"+hex.EncodeToString(sum[:6]))
	if n := len(socketFile(h.socket)); n > maxSocketPath {
		return home{}, fmt.Errorf("the socket path %s has %d bytes, more than %d: set TMPDIR to a shorter directory", socketFile(h.socket), n, maxSocketPath)
	}
	return h, nil
}

func socketFile(dir string) string { return filepath.Join(dir, ".s.PGSQL."+port) }

func (h home) cluster() string    { return filepath.Join(h.dir, "cluster") }
func (h home) logDir() string     { return filepath.Join(h.dir, "log") }
func (h home) dsnFile() string    { return filepath.Join(h.dir, "dsn") }
func (h home) startLog() string   { return filepath.Join(h.dir, "start.log") }
func (h home) confFile() string   { return filepath.Join(h.dir, "postgresql.conf") }
func (h home) hbaFile() string    { return filepath.Join(h.dir, "pg_hba.conf") }
func (h home) localFile() string  { return filepath.Join(h.dir, "local.conf") }
func (h home) pidFile() string    { return filepath.Join(h.cluster(), "postmaster.pid") }
func (h home) newCluster() string { return filepath.Join(h.dir, "cluster.new") }

// majorOnDisk is the major version that made the cluster, or "" when there is none yet.
func (h home) majorOnDisk() (string, error) {
	b, err := os.ReadFile(filepath.Join(h.cluster(), "PG_VERSION"))
	switch {
	case err == nil:
		return strings.TrimSpace(string(b)), nil
	case !errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("reading the version of the private cluster: %w", err)
	}
	if _, err := os.Stat(h.cluster()); err == nil {
		return "", fmt.Errorf("%s exists but holds no PostgreSQL cluster: move it away, or restore it from a backup", h.cluster())
	}
	return "", nil
}

// makeDirs makes the directories, gives the server those it writes to, and makes
// sure that it can reach them.
func (h home) makeDirs(ctx context.Context) error {
	mode := fs.FileMode(0o700)
	if h.user.other {
		mode = 0o711 // root owns it, the server passes through
	}
	if err := os.MkdirAll(h.dir, mode); err != nil {
		return fmt.Errorf("making %s: %w", h.dir, err)
	}
	if h.user.other {
		// Only these two directories are ours to open; for those above see mayEnter.
		for _, d := range []string{filepath.Dir(h.dir), h.dir} {
			if st, err := os.Stat(d); err == nil && st.Mode().Perm()&0o001 == 0 {
				if err := os.Chmod(d, st.Mode().Perm()|0o011); err != nil {
					return fmt.Errorf("letting user %s pass through %s: %w", h.user.name, d, err)
				}
			}
		}
		if err := h.user.mayEnter(ctx, h.dir); err != nil {
			return err
		}
	}
	for _, d := range []string{h.logDir(), h.socket} {
		if err := os.Mkdir(d, 0o700); err == nil {
			if err := h.user.give(d); err != nil {
				return err
			}
		} else if !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("making %s: %w", d, err)
		}
		if err := h.user.private(d); err != nil {
			return err
		}
	}
	return nil
}

// postmaster reads postmaster.pid: whose server it is, and whether it accepts
// connections. PostgreSQL's own pg_ctl waits in the same way.
func (h home) postmaster() (pid int, ready bool) {
	b, err := os.ReadFile(h.pidFile())
	if err != nil {
		return 0, false
	}
	lines := strings.Split(string(b), "\n")
	pid, err = strconv.Atoi(strings.TrimSpace(lines[0]))
	if err != nil {
		return 0, false
	}
	return pid, len(lines) > 7 && strings.TrimSpace(lines[7]) == "ready" && alive(pid)
}

// stopOrphan stops the server that a killed Gridward left behind. We hold the
// lock of the data directory, so nobody else's server can be running here.
func (h home) stopOrphan(ctx context.Context, log *slog.Logger) error {
	pid, _ := h.postmaster()
	if pid == 0 || !h.isOurs(pid) {
		return nil // none, or a stale file whose number now belongs to somebody else
	}
	log.Warn("stopping the PostgreSQL that an earlier Gridward left behind", "pid", pid)
	for _, step := range []struct {
		sig  syscall.Signal
		wait time.Duration
	}{{syscall.SIGINT, stopPatience}, {syscall.SIGQUIT, 10 * time.Second}} {
		if err := syscall.Kill(pid, step.sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("stopping the PostgreSQL left behind (process %d): %w", pid, err)
		}
		if waitGone(ctx, pid, step.wait) {
			return nil
		}
	}
	return fmt.Errorf("the PostgreSQL left behind (process %d) in %s does not stop", pid, h.cluster())
}

// quitLeftovers tells the backends of a server that was killed to go. We hold the
// lock and our own server has ended, so whoever works in the cluster directory
// is one of them.
func (h home) quitLeftovers(log *slog.Logger) {
	procs, _ := filepath.Glob("/proc/[0-9]*/cwd") // the pattern is constant and well-formed
	here, err := filepath.EvalSymlinks(h.cluster())
	if err != nil {
		return
	}
	for _, p := range procs {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(p)))
		if cwd, lerr := os.Readlink(p); err != nil || lerr != nil || cwd != here || pid == os.Getpid() {
			continue
		}
		log.Warn("ending a backend of the PostgreSQL that was killed", "pid", pid)
		_ = syscall.Kill(pid, syscall.SIGQUIT) // it may be gone by now
	}
}

// forgetDead removes a pid file whose server is dead but not yet waited for by
// its parent: PostgreSQL takes such a process for a living one. The shared
// memory of a killed server's backends is guarded by its own key.
func (h home) forgetDead(log *slog.Logger) {
	pid, _ := h.postmaster()
	if pid == 0 || alive(pid) {
		return
	}
	log.Warn("removing the pid file of a PostgreSQL that was killed", "pid", pid)
	if err := os.Remove(h.pidFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("the pid file could not be removed", "err", err)
	}
}

// isOurs reports whether pid is a live postgres working in our cluster directory:
// a process number alone may have been given to another program since.
func (h home) isOurs(pid int) bool {
	if !alive(pid) {
		return false
	}
	cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	if err != nil {
		return true // not ours to look at: let PostgreSQL judge its own pid file
	}
	real, err := filepath.EvalSymlinks(h.cluster())
	return err == nil && cwd == real
}

// alive reports whether the process runs; a dead child that nobody has waited
// for yet does not.
func alive(pid int) bool {
	if err := syscall.Kill(pid, 0); err != nil && !errors.Is(err, syscall.EPERM) {
		return false
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	_, after, _ := bytes.Cut(b, []byte(") "))
	return len(after) == 0 || after[0] != 'Z'
}

func waitGone(ctx context.Context, pid int, patience time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for alive(pid) {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return true
}

// lastWords is what the server said before it ended: until it collects its log
// it speaks to us, then into the newest file of the log directory.
func (h home) lastWords() string {
	words := tail(h.startLog(), 2<<10)
	if bytes.Contains(words, []byte("redirecting log output")) {
		if newest := newestFile(h.logDir()); newest != "" {
			words = append(append(words, '\n'), tail(newest, 1<<10)...)
		}
	}
	return fmt.Sprintf("%s\n(more in %s)", words, h.logDir())
}

// tail is the end of a file, at most keep bytes of it, or why there is none.
func tail(file string, keep int) []byte {
	b, err := os.ReadFile(file)
	if err != nil {
		return []byte(err.Error())
	}
	b = bytes.TrimSpace(b)
	return b[max(0, len(b)-keep):]
}

// newestFile is the file of the directory that was written last, "" if there is none.
func newestFile(dir string) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ""
	}
	var newest string
	var at time.Time
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && info.ModTime().After(at) {
			newest, at = filepath.Join(dir, e.Name()), info.ModTime()
		}
	}
	return newest
}
