package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// upkeep runs what the house needs running and stops it in the reverse order of
// starting, one after the other: what was started last depends on what was
// started first.
type upkeep struct {
	log    *slog.Logger
	parts  []part
	failed chan error
}

type part struct {
	name string
	stop context.CancelFunc
	done chan struct{}
}

func newUpkeep(log *slog.Logger) *upkeep {
	return &upkeep{log: log, failed: make(chan error, 1)}
}

// run starts a part, which works until its context ends. A part that ends
// earlier with an error ends the house.
func (u *upkeep) run(name string, work func(ctx context.Context) error) {
	ctx, stop := context.WithCancel(context.Background())
	p := part{name: name, stop: stop, done: make(chan struct{})}
	u.parts = append(u.parts, p)
	go func() {
		defer close(p.done)
		err := work(ctx)
		if err != nil && ctx.Err() == nil {
			select {
			case u.failed <- fmt.Errorf("%s: %w", name, err):
			default:
			}
			return
		}
		if err != nil && !errors.Is(err, context.Canceled) {
			u.log.Warn("stopped with an error", "part", name, "error", err)
		}
	}()
}

// then adds something that only has to be closed.
func (u *upkeep) then(name string, closing func() error) {
	u.run(name, func(ctx context.Context) error {
		<-ctx.Done()
		return closing()
	})
}

// stop ends the parts, newest first, each given its time.
func (u *upkeep) stop() {
	for _, p := range slices.Backward(u.parts) {
		p.stop()
		select {
		case <-p.done:
		case <-time.After(2 * time.Minute):
			u.log.Error("did not stop in two minutes and is left behind", "part", p.name)
		}
	}
}
