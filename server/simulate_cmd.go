package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gridward/gridward/fixtures"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/simulate"
)

// simulation is what the simulate command is told.
type simulation struct {
	addr, tokens, write, ca      string
	workers, batch, senders, pid int
	interval, measure, ramp      time.Duration
	protocol, incidents          string
	screens                      int
	login, password              string
	seed                         uint64
	steady                       bool
	open                         opener
}

func simulateMain(ctx context.Context, p process) error {
	if len(p.args) > 0 && p.args[0] == "cases" {
		p.args = p.args[1:]
		return casesMain(ctx, p)
	}
	var s simulation
	fs := flag.NewFlagSet("simulate", flag.ContinueOnError)
	fs.SetOutput(p.errOut)
	fs.StringVar(&s.addr, "addr", "http://127.0.0.1:8080", "the centre to send to")
	fs.IntVar(&s.workers, "workers", 500, "how many workers; beyond those there are, load workers are added")
	fs.DurationVar(&s.interval, "interval", 5*time.Second, "how often each reports")
	fs.StringVar(&s.protocol, "protocol", "native", "native, osmand, owntracks or mixed")
	fs.IntVar(&s.batch, "batch", 1, "fixes a phone gathers before it sends (native)")
	fs.StringVar(&s.incidents, "incidents", "0", "incidents reported, like 6/min; needs -login")
	fs.StringVar(&s.tokens, "tokens", "", "whom to simulate: "+simulate.TokensHelp+"; default: ask the database")
	fs.StringVar(&s.write, "write-tokens", "", "write whom the database gave to this file, for a later -tokens")
	fs.IntVar(&s.senders, "senders", 0, "requests in flight at most; default one for forty workers, 16 to 256")
	fs.Uint64Var(&s.seed, "seed", 1, "the same seed walks the same way")
	fs.DurationVar(&s.ramp, "ramp", 0, "over how long they come to work; default 400 a second")
	fs.BoolVar(&s.steady, "steady", false, "nobody ends a shift or loses the network")
	fs.IntVar(&s.screens, "screens", 0, "big screens to open; needs -login")
	fs.StringVar(&s.login, "login", "", "account for incidents and screens")
	fs.StringVar(&s.password, "password", "", "its password; better in GRIDWARD_PASSWORD")
	fs.DurationVar(&s.measure, "measure", 0, "measure for this long, print the figures and end")
	fs.IntVar(&s.pid, "pid", 0, "process of the server, for its memory; default: ask its /metrics")
	fs.StringVar(&s.ca, "ca", "", "certificate (PEM) of the centre's private CA")
	s.open = databaseFlags(fs)
	if err := parseFlags(fs, p); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("takes no argument %q", fs.Arg(0))
	}
	return s.run(ctx, p.out)
}

func (s simulation) run(ctx context.Context, out io.Writer) (err error) {
	perMinute, err := rate(s.incidents)
	if err != nil {
		return err
	}
	if s.interval < 100*time.Millisecond || s.workers < 1 {
		return fmt.Errorf("-interval %v, -workers %d: want at least 100ms and 1", s.interval, s.workers)
	}
	if (perMinute > 0 || s.screens > 0) && s.login == "" {
		return errors.New("-incidents and -screens need -login and GRIDWARD_PASSWORD")
	}
	trust, err := trustIn(s.ca)
	if err != nil {
		return err
	}
	ground, err := simulate.Street()
	if err != nil {
		return fmt.Errorf("read the demo street: %w", err)
	}
	phones, retire, err := s.phones(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, retire()) }()
	base := baseURL(s.addr)
	if s.senders <= 0 {
		s.senders = simulate.Senders(len(phones))
	}
	door := simulate.NewDoor(base, s.senders+2, trust)
	crowd := simulate.NewCrowd(door, ground, phones, simulate.Options{Interval: s.interval, Batch: s.batch, Senders: s.senders, Seed: s.seed, Ramp: s.ramp, Shifts: !s.steady && s.measure == 0, Tunnels: !s.steady && s.measure == 0})
	signIn := func(ctx context.Context) (string, error) { return door.SignIn(ctx, s.login, s.password) }
	var screens []*simulate.Screen
	if s.screens > 0 {
		cookie, err := signIn(ctx) // one session for all of them: sign-in is slow on purpose
		if err != nil {
			return err
		}
		for range s.screens {
			screens = append(screens, simulate.NewScreen(simulate.ScreenOptions{Base: base, Cookie: cookie, SignIn: signIn, Trust: trust}))
		}
	}
	fmt.Fprintf(out, "%d workers every %v to %s\n", len(phones), s.interval, base)

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var beside sync.WaitGroup
	defer beside.Wait()
	defer stop() // before the wait
	if perMinute > 0 {
		reporter := simulate.NewReporter(door, crowd, signIn, perMinute, s.seed)
		beside.Go(func() {
			if err := reporter.Run(ctx); err != nil {
				fmt.Fprintln(out, "incidents:", err)
			}
		})
	}
	beside.Go(func() { tell(ctx, out, crowd) })
	if s.measure > 0 {
		settle := max(10*time.Second, s.ramp, time.Duration(len(phones))*time.Second/400) + 2*s.interval
		m, err := simulate.Measure(ctx, crowd, screens, settle, s.measure, func(ctx context.Context) int64 { return door.ServerMemory(ctx, s.pid) })
		fmt.Fprint(out, m)
		return err
	}
	for i, screen := range screens {
		beside.Go(func() {
			if err := screen.Run(ctx); err != nil {
				fmt.Fprintf(out, "screen %d: %v\n", i, err)
			}
		})
	}
	err = crowd.Run(ctx)
	fmt.Fprintln(out, crowd.Counters())
	for i, screen := range screens {
		for _, w := range screen.Wrong() {
			fmt.Fprintf(out, "screen %d: WRONG: %s\n", i, w)
		}
	}
	return err
}

// tell prints how it goes, every ten seconds.
func tell(ctx context.Context, out io.Writer, crowd *simulate.Crowd) {
	tick := time.NewTicker(10 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			fmt.Fprintf(out, "%s %v; answers %v\n", time.Now().Format(time.TimeOnly), crowd.Counters(), &crowd.Answer)
		}
	}
}

// phones reads the tokens file, or asks the database for devices.
func (s simulation) phones(ctx context.Context) (phones []simulate.Phone, retire func() error, err error) {
	nothing := func() error { return nil }
	if s.tokens != "" {
		phones, err := simulate.ReadTokens(s.tokens)
		if err == nil && len(phones) == 0 {
			err = fmt.Errorf("%s names nobody", s.tokens)
		}
		return phones[:min(len(phones), s.workers)], nothing, err
	}
	db, done, err := s.open(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("reach the database for devices (or name a file with -tokens): %w", err)
	}
	phones, err = provisionPhones(ctx, db, s.workers, s.protocol, s.interval)
	if err == nil && s.write != "" {
		err = simulate.WriteTokens(s.write, phones)
	}
	if err != nil {
		return nil, nil, errors.Join(err, done())
	}
	return phones, func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		var err error
		if s.write == "" {
			err = postgres.RetireLoadWorkers(ctx, db.Pool, time.Now())
		}
		return errors.Join(err, done())
	}, nil
}

// provisionPhones gives n workers of the demo street a device each with a
// fresh token: the street's own field workers first, but for those with an
// account, then load workers, who are on duty already.
func provisionPhones(ctx context.Context, db *postgres.DB, n int, protocol string, interval time.Duration) ([]simulate.Phone, error) {
	protocols, err := simulate.Mix(protocol, n)
	if err != nil {
		return nil, err
	}
	senders, err := postgres.FieldWorkers(ctx, db.Pool, fixtures.StreetCode, n)
	if err != nil {
		return nil, err
	}
	missing := n - len(senders)
	// whoever can sign in may want to report from a phone of his own
	senders = slices.DeleteFunc(senders, func(w postgres.Sender) bool { return w.Claimed })
	own := len(senders)
	if missing > 0 {
		load, err := postgres.AddLoadWorkers(ctx, db.Pool, fixtures.StreetCode, missing)
		if err != nil {
			return nil, err
		}
		senders = append(senders, load...)
	}
	phones, gear, load := make([]simulate.Phone, len(senders)), make([]postgres.Equipment, len(senders)), []string(nil)
	for i, w := range senders {
		token, hash, prefix := simulate.NewToken()
		ident := "sim-" + w.Worker
		phones[i] = simulate.Phone{Ident: ident, Token: token, Protocol: protocols[i], Block: w.Grid, Vehicle: w.Vehicle, OnDuty: i >= own}
		if w.Vehicle {
			phones[i].Block = ""
		}
		gear[i] = postgres.Equipment{Worker: w.Worker, Ident: ident, Name: "模拟终端", Protocol: protocols[i], Interval: interval, Hash: hash, Prefix: prefix}
		if i >= own {
			load = append(load, ident)
		}
	}
	if err := postgres.Equip(ctx, db.Pool, gear); err != nil {
		return nil, err
	}
	if len(load) > 0 {
		if err := postgres.OpenLoadSessions(ctx, db.Pool, load, time.Now().Add(-time.Minute)); err != nil {
			return nil, err
		}
	}
	return phones, nil
}

// rate reads "6/min", "1/s", "30/h" or a plain number a minute.
func rate(s string) (perMinute float64, err error) {
	number, unit, given := strings.Cut(s, "/")
	per := map[string]float64{"s": 60, "sec": 60, "min": 1, "m": 1, "h": 1.0 / 60}
	if !given {
		unit = "min"
	}
	v, err := strconv.ParseFloat(number, 64)
	if k, ok := per[unit]; ok && err == nil && v >= 0 {
		return v * k, nil
	}
	return 0, fmt.Errorf("-incidents %q: want a rate, like 6/min", s)
}

// baseURL makes an address of host:port, or leaves a URL as it is.
func baseURL(addr string) string {
	if strings.Contains(addr, "://") {
		return addr
	}
	return "http://" + addr
}

// trustIn reads a private CA's certificate; nil without one.
func trustIn(file string) (*tls.Config, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("-ca: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("-ca: %s holds no certificate", file)
	}
	return &tls.Config{RootCAs: roots}, nil
}
