package pgcluster

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the user the server runs as: ourselves, or postgres when we are
// root, because PostgreSQL refuses to run as root.
type account struct {
	name     string
	uid, gid int
	other    bool // not ourselves
}

func serverUser() (account, error) {
	if os.Geteuid() != 0 {
		return account{name: "this user", uid: os.Geteuid(), gid: os.Getegid()}, nil
	}
	u, err := user.Lookup(superuser)
	if err != nil {
		return account{}, fmt.Errorf("PostgreSQL refuses to run as root, and there is no user postgres to run it as: "+
			"run Gridward as an ordinary user, or make one with `adduser --system --group --home /var/lib/postgresql postgres`: %w", err)
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return account{}, fmt.Errorf("user postgres: %w", err)
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return account{}, fmt.Errorf("user postgres: %w", err)
	}
	return account{name: u.Username, uid: uid, gid: gid, other: true}, nil
}

// dress makes cmd run as the account, with nothing of our environment but a path.
func (a account) dress(cmd *exec.Cmd) {
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if a.other {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
	}
}

// give hands a directory that we have just made to the account.
func (a account) give(dir string) error {
	if !a.other {
		return nil
	}
	if err := os.Lchown(dir, a.uid, a.gid); err != nil {
		return fmt.Errorf("giving %s to user %s: %w", dir, a.name, err)
	}
	return nil
}

// mine checks that dir is a real directory of the account.
func (a account) mine(dir string) error {
	st, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("looking at %s: %w", dir, err)
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !st.IsDir() || !ok || int(sys.Uid) != a.uid {
		return fmt.Errorf("%s is not a directory of user id %d: somebody else put it there; remove it and start again", dir, a.uid)
	}
	return nil
}

// made checks that a cluster that is there was made by the account. Root, who
// may do anything, easily starts what another user owns.
func (a account) made(cluster string) error {
	st, err := os.Stat(cluster)
	if err != nil {
		return nil // there is none, or what comes next says why it cannot be read
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok || int(sys.Uid) == a.uid {
		return nil
	}
	name := strconv.Itoa(int(sys.Uid))
	if u, err := user.LookupId(name); err == nil {
		name = u.Username
	}
	return fmt.Errorf("the private cluster in %s belongs to user %s, and this start would run it as %s: run Gridward as the user that made it, for instance with `runuser -u %s -- gridward …`", cluster, name, a.name, name)
}

// private checks that dir is the account's and closes it to others.
func (a account) private(dir string) error {
	if err := a.mine(dir); err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return fmt.Errorf("closing %s to others: %w", dir, err)
	}
	return nil
}

// mayEnter asks the kernel, as the account, whether every directory on the way
// to dir can be passed; permission bits alone do not know about ACLs.
func (a account) mayEnter(ctx context.Context, dir string) error {
	var way []string
	for d := dir; ; d = filepath.Dir(d) {
		way = append([]string{d}, way...)
		if d == filepath.Dir(d) {
			break
		}
	}
	cmd := exec.CommandContext(ctx, "/bin/sh", append([]string{"-c", `for d; do [ -x "$d" ] || { printf %s "$d"; exit 1; }; done`, "sh"}, way...)...)
	a.dress(cmd)
	cmd.Dir = "/"
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		closed := out.String()
		if closed == "" {
			return fmt.Errorf("asking whether user %s may enter %s: %w", a.name, dir, err)
		}
		return fmt.Errorf("PostgreSQL runs as user %s, who may not enter %s: choose a data directory elsewhere (-data /var/lib/gridward), "+
			"run Gridward as an ordinary user, or open the way with `chmod o+x %s`", a.name, closed, closed)
	}
	return nil
}
