package pgcluster

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test binary play a Gridward that gets killed: with the
// variable set it starts a cluster, says so, and lives until its input closes.
func TestMain(m *testing.M) {
	dir := os.Getenv("GRIDWARD_TEST_VICTIM")
	if dir == "" {
		os.Exit(m.Run())
	}
	if _, err := Start(context.Background(), dir, quiet()); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("started")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// dataDir is a temporary directory that the user postgres may pass through;
// testing's own are closed to everybody but us.
func dataDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "gridward-pg-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o711); err != nil { // see above
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func mustStart(t *testing.T, dir string) *Cluster {
	t.Helper()
	c, err := Start(t.Context(), dir, quiet())
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	t.Cleanup(func() { mustStop(t, c) })
	return c
}

func mustStop(t *testing.T, c *Cluster) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
	defer cancel()
	if err := c.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// ask runs one statement over the DSN, as a user of the program would.
func ask(t *testing.T, dsn, sql string) (string, error) {
	t.Helper()
	servers, _ := installed()
	out, err := exec.CommandContext(t.Context(), servers[0].bin("psql"), "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", dsn, "-c", sql).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func mustAsk(t *testing.T, dsn, sql string) string {
	t.Helper()
	out, err := ask(t, dsn, sql)
	if err != nil {
		t.Fatalf("%s: %v\n%s", sql, err, out)
	}
	return out
}

func TestAClusterKeepsItsDataAndItsPromises(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	c := mustStart(t, dir)
	for sql, want := range map[string]string{
		`SHOW server_encoding`:                            "UTF8",
		`SELECT datcollate FROM pg_database LIMIT 1`:      "C.UTF-8",
		`SHOW data_checksums`:                             "on",
		`SHOW synchronous_commit`:                         "on",
		`SHOW fsync`:                                      "on",
		`SHOW listen_addresses`:                           "",
		`SHOW jit`:                                        "off",
		`SELECT current_user`:                             ownerRole,
		`SELECT ST_AsText(ST_Point(114.1, 22.6))`:         "POINT(114.1 22.6)",
		`SELECT pg_has_role('` + appRole + `', 'MEMBER')`: "t",
		`SELECT rolsuper FROM pg_roles WHERE rolname = current_user`: "f",
	} {
		if got := mustAsk(t, c.DSN(), sql); got != want {
			t.Errorf("%s = %q, want %q", sql, got, want)
		}
	}
	st, err := os.Stat(c.home.socket)
	if err != nil {
		t.Fatal(err)
	}
	if st.Mode().Perm() != 0o700 {
		t.Errorf("the socket directory has mode %v, want 0700", st.Mode().Perm())
	}
	if dsn, err := ReadDSN(dir); err != nil || dsn != c.DSN() {
		t.Errorf("ReadDSN = %q, %v, want %q", dsn, err, c.DSN())
	}

	_, err = Start(t.Context(), dir, quiet())
	if err == nil || !strings.Contains(err.Error(), "in use by process "+strconv.Itoa(os.Getpid())) {
		t.Errorf("a second start on the directory says %v, want who holds it", err)
	}

	mustAsk(t, c.DSN(), `CREATE TABLE kept AS SELECT 42 AS n`)
	mustStop(t, c)
	if err, open := <-c.Wait(); open {
		t.Errorf("Wait after Stop delivers %v, want a closed channel", err)
	}
	if _, err := ReadDSN(dir); err == nil || !strings.Contains(err.Error(), "gridward serve -data "+dir) {
		t.Errorf("ReadDSN of a stopped cluster says %v, want how to start it", err)
	}
	again := mustStart(t, dir)
	if got := mustAsk(t, again.DSN(), `SELECT n FROM kept`); got != "42" {
		t.Errorf("after a second start the table holds %q, want 42", got)
	}
}

func TestAKilledServerComesBack(t *testing.T) {
	t.Parallel()
	c := mustStart(t, dataDir(t))
	mustAsk(t, c.DSN(), `CREATE TABLE kept (n int)`)
	for n := range 3 {
		mustAsk(t, c.DSN(), fmt.Sprintf(`INSERT INTO kept VALUES (%d)`, n))
		before := c.pid()
		busy(t, c.DSN())
		if err := syscall.Kill(before, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the server comes back", func() bool {
			if c.pid() == before {
				return false
			}
			got, err := ask(t, c.DSN(), `SELECT count(*) FROM kept`)
			return err == nil && got == strconv.Itoa(n+1)
		})
	}
}

// busy leaves a statement running that does not look up for minutes.
func busy(t *testing.T, dsn string) {
	t.Helper()
	servers, _ := installed()
	cmd := exec.CommandContext(t.Context(), servers[0].bin("psql"), "-X", "-q", "-d", dsn, "-c", `SELECT count(*) FROM generate_series(1, 2000000000) /* busy */`)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() }) // its server is killed under it
	eventually(t, "the statement runs", func() bool {
		got, err := ask(t, dsn, `SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%/* busy */'`)
		return err == nil && got == "1"
	})
}

func TestAServerThatCannotComeBackIsReported(t *testing.T) {
	t.Parallel()
	c := mustStart(t, dataDir(t))
	if err := os.Remove(filepath.Join(c.home.cluster(), "global", "pg_control")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(c.pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-c.Wait():
		if err == nil || !strings.Contains(err.Error(), "pg_control") {
			t.Errorf("Wait delivers %v, want the server's own words", err)
		}
	case <-t.Context().Done():
		t.Fatal("Wait delivered nothing")
	}
}

func TestAKilledProgramLeavesNothingInTheWay(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	victim := exec.CommandContext(t.Context(), self)
	victim.Env = append(os.Environ(), "GRIDWARD_TEST_VICTIM="+dir)
	in, err := victim.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "started\n" {
		t.Fatalf("the victim says %q, %v", line, err)
	}
	dsn, err := ReadDSN(dir)
	if err != nil {
		t.Fatal(err)
	}
	mustAsk(t, dsn, `CREATE TABLE kept AS SELECT 42 AS n`)
	if err := victim.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = victim.Wait() // killed: the error is the point
	h, err := newHome(dir)
	if err != nil {
		t.Fatal(err)
	}
	orphan, ready := h.postmaster()
	if !ready {
		t.Fatal("the server died with the program: this test shows nothing")
	}
	c := mustStart(t, dir)
	if alive(orphan) {
		t.Errorf("the orphan (process %d) is still alive beside the new server (%d)", orphan, c.pid())
	}
	if got := mustAsk(t, c.DSN(), `SELECT n FROM kept`); got != "42" {
		t.Errorf("the table holds %q, want 42", got)
	}
}

func TestStopWithoutPatienceStillStops(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	c := mustStart(t, dir)
	mustAsk(t, c.DSN(), `CREATE TABLE kept AS SELECT 42 AS n`)
	pid := c.pid()
	now, cancel := context.WithCancel(t.Context())
	cancel()
	_ = c.Stop(now) // may have been quick enough, may not
	if alive(pid) {
		t.Fatalf("process %d is still there", pid)
	}
	again := mustStart(t, dir)
	if got := mustAsk(t, again.DSN(), `SELECT n FROM kept`); got != "42" {
		t.Errorf("after recovery the table holds %q, want 42", got)
	}
}

func TestADeepDirectoryGetsAShortSocket(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(dataDir(t), strings.Repeat("deep/", 20))
	c := mustStart(t, dir)
	t.Cleanup(func() { _ = os.RemoveAll(c.home.socket) })
	if strings.HasPrefix(c.home.socket, dir) {
		t.Fatalf("the socket lies in %s, which is too long", c.home.socket)
	}
	if got := mustAsk(t, c.DSN(), `SELECT 1`); got != "1" {
		t.Errorf("SELECT 1 = %q", got)
	}
}

func TestTheSocketDirectoryMustBeOurs(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	if err := os.MkdirAll(filepath.Join(dir, "postgres"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(t.TempDir(), filepath.Join(dir, "postgres", "socket")); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), dir, quiet()); err == nil || !strings.Contains(err.Error(), "somebody else put it there") {
		t.Errorf("start says %v, want that somebody else's socket directory is refused", err)
	}
}

func TestRootIsToldWhoseClusterItIs(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can start what another user owns")
	}
	dir := dataDir(t)
	cluster := filepath.Join(dir, "postgres", "cluster")
	if err := os.MkdirAll(cluster, 0o700); err != nil {
		t.Fatal(err)
	}
	srv, err := find("", dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(cluster, "PG_VERSION"), []byte(srv.major+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(cluster, 1, 1); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), dir, quiet()); err == nil || !strings.Contains(err.Error(), "runuser -u daemon") {
		t.Errorf("start says %v, want the user to run it as", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "postgres", "log")); err == nil {
		t.Error("it left a directory behind that its user cannot write to")
	}
}

func TestRootIsToldWhichDirectoryIsClosed(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root runs the server as another user")
	}
	closed := filepath.Join(dataDir(t), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), filepath.Join(closed, "data"), quiet())
	if err == nil || !strings.Contains(err.Error(), "may not enter "+closed) {
		t.Errorf("start says %v, want the closed directory %s", err, closed)
	}
}

func TestAnotherMajorVersionIsExplained(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	if err := os.MkdirAll(filepath.Join(dir, "postgres", "cluster"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "postgres", "cluster", "PG_VERSION"), []byte("9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), dir, quiet())
	for _, want := range []string{"made by PostgreSQL 9", "apt-get install -y postgresql-9 postgresql-9-postgis-3", "pg_dump", "pg_restore"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("start says %v\nwant %q in it", err, want)
		}
	}
}

// eventually is for what another process does in its own time.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(30 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("gave up waiting: %s", what)
		case <-tick.C:
		}
	}
}
