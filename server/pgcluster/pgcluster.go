// Package pgcluster keeps a private PostgreSQL with PostGIS for a Gridward that
// was given no DATABASE_URL: it finds the installed server, makes a cluster
// under the data directory, runs `postgres` as a child and stops it again.
//
// Growing up means setting DATABASE_URL; what this package hands out is a DSN
// like any other, so nothing else in the house knows the difference.
//
//	DIR/lock                  flock; the pid of the Gridward that owns DIR
//	DIR/postgres/dsn          how to reach the running cluster (0600)
//	DIR/postgres/*.conf       written at each start; local.conf is the operator's
//	DIR/postgres/cluster/     PGDATA: UTF8, C.UTF-8, checksums
//	DIR/postgres/socket/      0700; the only way in, there is no TCP port
//	DIR/postgres/log/         one file per weekday, overwritten after a week
//
// Who may connect: whoever may enter the socket directory, which is 0700. Inside
// it every role is trusted without a password: a password would have to lie in a
// file with the same protection. As root the server runs as the user postgres
// (PostgreSQL refuses root) and root owns every file that it does not write.
//
// What happens when somebody is killed:
//
//   - Gridward is told to stop: SIGINT to the child, PostgreSQL's fast shutdown.
//     The child has its own session, so a Ctrl-C in the terminal reaches only
//     Gridward, which drains before it stops the database.
//   - Gridward is killed: the server lives on as an orphan. The next Start finds
//     it in postmaster.pid, stops it and starts its own. (Pdeathsig would be
//     neater, but the kernel binds it to the thread that forked, and Go moves
//     goroutines between threads: the server would die at random.)
//   - PostgreSQL is killed: Start's goroutine starts it again, with a growing
//     pause. Callers see connection errors meanwhile. When it does not come
//     back for two minutes, Wait delivers the reason.
package pgcluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// The roles and the database that every start makes sure of. The owner migrates
// the schema; serving connections take on the application role, which may read
// and write rows (see server/postgres).
const (
	ownerRole = "gridward_owner"
	appRole   = "gridward_app"
	database  = "gridward"
	superuser = "postgres"
)

const (
	startPatience   = 3 * time.Minute  // crash recovery after a kill may replay 2 GB of WAL
	restartPatience = 2 * time.Minute  // then Wait tells the program to give up
	launchPatience  = 15 * time.Second // for a failure that does not say what it is
	stopPatience    = 60 * time.Second // fast shutdown writes a checkpoint
)

// Cluster is a running private PostgreSQL.
type Cluster struct {
	home  home
	srv   server
	lock  *Lock
	log   *slog.Logger
	stop  chan struct{} // closed by Stop
	gone  chan struct{} // closed when the supervisor has returned and no child is left
	fate  chan error    // one error when the supervisor gave up; closed with gone
	once  sync.Once
	close func() error // gives the directory back, once
	mu    sync.Mutex
	child *child
}

// Start takes the data directory dir for this process, makes the cluster if
// there is none, and returns when it accepts connections. The context bounds the
// start only; Stop ends the cluster.
func Start(ctx context.Context, dir string, log *slog.Logger) (*Cluster, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	lock, err := TakeLock(dir)
	if err != nil {
		return nil, err
	}
	c, err := start(ctx, dir, log, lock)
	if err != nil {
		return nil, errors.Join(err, lock.Release())
	}
	return c, nil
}

func start(ctx context.Context, dir string, log *slog.Logger, lock *Lock) (*Cluster, error) {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	h, srv, err := prepare(ctx, dir, log)
	if err != nil {
		return nil, err
	}
	if err := h.stopOrphan(ctx, log); err != nil {
		return nil, err
	}
	if err := h.writeConfig(settings); err != nil {
		return nil, err
	}
	c := &Cluster{
		home: h, srv: srv, lock: lock, log: log,
		stop: make(chan struct{}), gone: make(chan struct{}), fate: make(chan error, 1),
	}
	c.close = sync.OnceValue(c.giveBack)
	if c.child, err = launchPatiently(ctx, h, srv, log); err != nil {
		return nil, err
	}
	if err := h.furnish(ctx, srv); err != nil {
		c.child.interrupt()
		<-c.child.exited
		return nil, err
	}
	if err := os.WriteFile(h.dsnFile(), []byte(c.DSN()+"\n"), 0o600); err != nil {
		c.child.interrupt()
		<-c.child.exited
		return nil, fmt.Errorf("writing the DSN: %w", err)
	}
	go c.supervise()
	return c, nil
}

// prepare finds a server, checks that it fits the cluster on disk, and makes the
// cluster when there is none. The caller holds the lock.
func prepare(ctx context.Context, dir string, log *slog.Logger) (home, server, error) {
	h, err := newHome(dir)
	if err != nil {
		return home{}, server{}, err
	}
	made, err := h.majorOnDisk()
	if err != nil {
		return home{}, server{}, err
	}
	srv, err := find(made, dir)
	if err != nil {
		return home{}, server{}, err
	}
	if h.user, err = serverUser(); err != nil {
		return home{}, server{}, err
	}
	if err := h.user.made(h.cluster()); err != nil {
		return home{}, server{}, err
	}
	if err := h.makeDirs(ctx); err != nil {
		return home{}, server{}, err
	}
	if made == "" {
		log.Info("making a private PostgreSQL cluster", "version", srv.major, "dir", h.cluster())
		if err := h.initdb(ctx, srv); err != nil {
			return home{}, server{}, err
		}
	}
	return h, srv, nil
}

// DSN reaches the database as the owner of its schema.
func (c *Cluster) DSN() string { return c.home.dsn(ownerRole, database) }

// Wait delivers an error when the cluster is lost for good, and is closed when
// it has stopped.
func (c *Cluster) Wait() <-chan error { return c.fate }

// Stop shuts the cluster down and gives the data directory back. When ctx ends
// first, PostgreSQL is told to leave at once; it will recover from its log at
// the next start. A second call waits for the first.
func (c *Cluster) Stop(ctx context.Context) error {
	c.once.Do(func() { close(c.stop) })
	select {
	case <-c.gone:
		return c.close()
	case <-ctx.Done():
	}
	c.mu.Lock()
	if c.child != nil {
		c.child.signal(syscall.SIGQUIT)
	}
	c.mu.Unlock()
	select {
	case <-c.gone:
		return errors.Join(fmt.Errorf("PostgreSQL did not stop in time and was told to leave at once: %w", ctx.Err()), c.close())
	case <-time.After(10 * time.Second):
		return fmt.Errorf("PostgreSQL (process %d) does not stop: %w", c.pid(), ctx.Err())
	}
}

func (c *Cluster) giveBack() error {
	if err := os.Remove(c.home.dsnFile()); err != nil && !errors.Is(err, os.ErrNotExist) {
		c.log.Warn("could not remove the DSN file", "err", err)
	}
	return c.lock.Release()
}

func (c *Cluster) pid() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.child == nil {
		return 0
	}
	return c.child.cmd.Process.Pid
}

// supervise keeps one child running until Stop, or until it cannot be brought back.
func (c *Cluster) supervise() {
	defer close(c.gone)
	defer close(c.fate)
	for {
		select {
		case <-c.stop:
			c.child.interrupt()
			<-c.child.exited
			return
		case <-c.child.exited:
		}
		c.log.Error("PostgreSQL went away; starting it again", "pid", c.child.cmd.Process.Pid, "exit", c.child.err)
		next, err := c.revive()
		if err != nil {
			c.fate <- err
			return
		}
		if next == nil { // Stop came while nothing was running
			return
		}
		c.mu.Lock()
		c.child = next
		c.mu.Unlock()
		c.log.Info("PostgreSQL is back", "pid", next.cmd.Process.Pid)
	}
}

// revive tries to start the server again with a growing pause. It returns nil
// and no error when Stop was called.
func (c *Cluster) revive() (*child, error) {
	ctx, cancel := context.WithTimeout(context.Background(), restartPatience)
	defer cancel()
	go func() {
		select {
		case <-c.stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	next, err := launchPatiently(ctx, c.home, c.srv, c.log)
	select {
	case <-c.stop:
		if next != nil {
			next.interrupt()
			<-next.exited
		}
		return nil, nil
	default:
	}
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not come back: %w", err)
	}
	return next, nil
}

// launchPatiently launches until the server is ready or ctx ends. A failure that
// passes by itself is tried again for as long: the backends of a killed server
// hold its shared memory until they notice. Its log does not always tell in time
// which failure it was, so every other is tried again for launchPatience.
func launchPatiently(ctx context.Context, h home, srv server, log *slog.Logger) (*child, error) {
	pause, began := 50*time.Millisecond, time.Now()
	for attempt := 1; ; attempt++ {
		ch, err := launch(ctx, h, srv)
		if err == nil {
			return ch, nil
		}
		if ctx.Err() != nil || (time.Since(began) > launchPatience && !passing(err)) {
			return nil, err
		}
		log.Warn("PostgreSQL did not start; trying again", "attempt", attempt, "err", err)
		if attempt > 2 {
			h.quitLeftovers(log)
			h.forgetDead(log)
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(pause):
		}
		pause = min(2*pause, 5*time.Second)
	}
}

func passing(err error) bool {
	s := err.Error()
	return strings.Contains(s, "shared memory block") || strings.Contains(s, "is already in use") || strings.Contains(s, "another server might be running") ||
		strings.Contains(s, `lock file "postmaster.pid" already exists`)
}

// child is one run of postgres.
type child struct {
	cmd    *exec.Cmd
	exited chan struct{}
	err    error // how it ended; read it after exited is closed
}

func (c *child) interrupt()                { c.signal(syscall.SIGINT) }
func (c *child) signal(sig syscall.Signal) { _ = c.cmd.Process.Signal(sig) } // it may be gone: then there is nothing to stop

// launch starts postgres and returns when it accepts connections.
func launch(ctx context.Context, h home, srv server) (*child, error) {
	out, err := os.OpenFile(h.startLog(), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("starting PostgreSQL: %w", err)
	}
	defer out.Close()
	cmd := exec.Command(srv.bin("postgres"), h.postgresArgs()...) // its life is longer than ctx
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Dir = "/"
	h.user.dress(cmd)
	cmd.SysProcAttr.Setsid = true // see the package comment: Ctrl-C
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting PostgreSQL: %w", err)
	}
	ch := &child{cmd: cmd, exited: make(chan struct{})}
	go func() {
		ch.err = cmd.Wait()
		close(ch.exited)
	}()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if pid, ready := h.postmaster(); ready && pid == cmd.Process.Pid {
			return ch, nil
		}
		select {
		case <-ch.exited:
			return nil, fmt.Errorf("PostgreSQL ended while starting (%v):\n%s", ch.err, h.lastWords())
		case <-ctx.Done():
			ch.interrupt()
			<-ch.exited
			return nil, fmt.Errorf("PostgreSQL was not ready in time (%w):\n%s", context.Cause(ctx), h.lastWords())
		case <-tick.C:
		}
	}
}

// ReadDSN returns the DSN of the private cluster that is running under dir.
func ReadDSN(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("data directory: %w", err)
	}
	h, err := newHome(dir)
	if err != nil {
		return "", err
	}
	b, err := os.ReadFile(h.dsnFile())
	if errors.Is(err, os.ErrPermission) {
		return "", fmt.Errorf("reading the DSN of %s: %w (run it as the user that runs Gridward)", dir, err)
	}
	if _, ready := h.postmaster(); err != nil || !ready {
		return "", fmt.Errorf("no private database is running under %s: start it with `gridward serve -data %s`, or use your DATABASE_URL", dir, dir)
	}
	return string(bytes.TrimSpace(b)), nil
}

func (h home) dsn(role, db string) string {
	u := url.URL{Scheme: "postgres", User: url.User(role), Path: "/" + db}
	q := url.Values{"host": {h.socket}, "port": {port}}
	return u.String() + "?" + q.Encode()
}
