package pgcluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Lock says that a data directory belongs to this process. The kernel drops it
// when the process ends, however it ends.
type Lock struct{ f *os.File }

// TakeLock makes dir if needed and takes it, or says who holds it.
func TakeLock(dir string) (*Lock, error) {
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return nil, fmt.Errorf("making the data directory: %w", err)
	}
	l, err := flock(filepath.Join(dir, "lock"), syscall.LOCK_EX|syscall.LOCK_NB)
	if !errors.Is(err, syscall.EWOULDBLOCK) {
		return l, err
	}
	holder := "another process"
	if b, err := os.ReadFile(filepath.Join(dir, "lock")); err == nil && len(b) > 0 {
		holder = "process " + strings.TrimSpace(string(b))
	}
	return nil, fmt.Errorf("the data directory %s is in use by %s: stop that Gridward first, or give this one a directory of its own with -data", dir, holder)
}

func flock(path string, how int) (*Lock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644) // the pid in it is no secret
	if err != nil {
		return nil, fmt.Errorf("locking the data directory: %w", err)
	}
	for {
		if err = syscall.Flock(int(f.Fd()), how); !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0) // only for the message to a second start
	}
	return &Lock{f}, nil
}

// Release gives the directory back. A second call does nothing.
func (l *Lock) Release() error {
	if err := l.f.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("unlocking the data directory: %w", err)
	}
	return nil
}
