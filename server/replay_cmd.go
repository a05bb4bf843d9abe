package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/simulate"
)

// replaying is what the replay command is told.
type replaying struct {
	addr, as, tokens, state, org, ca string
	token                            string
	speed                            float64
	shift, register, noSession       bool
	batch                            int
	open                             opener
}

const replayUsage = `usage: gridward replay [flags] FILE…

Sends recorded tracks as if they were walked again, one device a file, and
keeps at it until every point is acknowledged. It may be stopped at any time;
the same command goes on where it was.

  gridward replay -register -org 990101002001 -shift-to-now -speed 20 *.plt
  gridward replay -token 'phone-7:SECRET' -as osmand walk.gpx

Files: .gpx; .plt (GeoLife); .csv with %s.

flags:
`

func replayMain(ctx context.Context, p process) error {
	var r replaying
	fs := flag.NewFlagSet("replay", flag.ContinueOnError)
	fs.SetOutput(p.errOut)
	fs.Usage = func() {
		fmt.Fprintf(p.errOut, replayUsage, simulate.CSVHelp)
		fs.PrintDefaults()
	}
	fs.StringVar(&r.addr, "addr", "http://127.0.0.1:8080", "the centre to send to")
	fs.StringVar(&r.as, "as", "osmand", "protocol: osmand, owntracks or native")
	fs.StringVar(&r.token, "token", "", "the device of the one file, as ident:token")
	fs.StringVar(&r.tokens, "tokens", "", "the devices of the files, in their order: "+simulate.TokensHelp)
	fs.BoolVar(&r.register, "register", false, "make a worker and a device for each file, in the database")
	fs.StringVar(&r.org, "org", "", "with -register: code of the organisation they belong to")
	fs.Float64Var(&r.speed, "speed", 1, "1 = as fast as it was recorded, 20 = twenty times, 0 = as fast as it is acknowledged")
	fs.BoolVar(&r.shift, "shift-to-now", false, "move the tracks to the present; the shift is kept in the state file")
	fs.StringVar(&r.state, "state", "gridward-replay.json", "state file: how far each track is, and its shift")
	fs.IntVar(&r.batch, "batch", 100, "points in a request at most (native)")
	fs.BoolVar(&r.noSession, "no-session", false, "do not start a duty session for each track (for devices that are always on duty)")
	fs.StringVar(&r.ca, "ca", "", "certificate (PEM) of the centre's private CA")
	r.open = databaseFlags(fs)
	if err := parseFlags(fs, p); err != nil {
		return err
	}
	return r.run(ctx, p.out, p.errOut, fs.Args())
}

func (r replaying) run(ctx context.Context, out, errOut io.Writer, files []string) error {
	ways := 0
	for _, given := range []bool{r.token != "", r.tokens != "", r.register} {
		if given {
			ways++
		}
	}
	switch {
	case len(files) == 0:
		return errors.New("which files? (-h for help)")
	case simulate.Most(r.as) == 1 && r.as != "osmand" && r.as != "owntracks":
		return fmt.Errorf("-as %q: want osmand, owntracks or native", r.as)
	case ways != 1:
		return errors.New("as which devices? Give one of -register -org CODE, -tokens FILE, or -token ident:token")
	case r.register && r.org == "":
		return errors.New("-register needs -org, the code of an organisation")
	case r.token != "" && len(files) > 1:
		return errors.New("-token is for one file; for several use -tokens or -register")
	}
	trust, err := trustIn(r.ca)
	if err != nil {
		return err
	}
	var tracks []simulate.Track
	var unread []error
	for _, file := range files {
		track, err := simulate.ReadTrack(file)
		if err != nil {
			unread = append(unread, err)
			continue
		}
		tracks = append(tracks, track)
	}
	if len(unread) > 0 {
		return errors.Join(unread...)
	}
	sources, err := r.devices(ctx, tracks)
	if err != nil {
		return err
	}
	door := simulate.NewDoor(baseURL(r.addr), len(sources)+2, trust)
	replay, err := simulate.NewReplay(door, sources, simulate.ReplayOptions{Speed: r.speed, ShiftToNow: r.shift, State: r.state, Batch: r.batch, Sessions: !r.noSession})
	if err != nil {
		return err
	}
	drawCtx, stop := context.WithCancel(ctx)
	var drawing sync.WaitGroup
	drawing.Go(func() { draw(drawCtx, errOut, replay) })
	err = replay.Run(ctx)
	stop()
	drawing.Wait()
	var total simulate.Line
	leftOut := 0
	for _, l := range replay.Lines() {
		fmt.Fprintln(out, l)
		total.Points += l.Points
		total.Sent += l.Sent
		total.Acked += l.Acked
		total.Resumed += l.Resumed
		for _, n := range l.Insane {
			leftOut += n
		}
	}
	fmt.Fprintf(out, "%d tracks, %d points, %d left out: %d sent, %d acknowledged", len(tracks), total.Points, leftOut, total.Sent, total.Acked)
	if total.Resumed > 0 {
		fmt.Fprintf(out, " after %d before", total.Resumed)
	}
	fmt.Fprintln(out)
	if errors.Is(err, context.Canceled) {
		fmt.Fprintf(out, "stopped; the same command goes on from here (%s)\n", r.state)
	}
	return err
}

// devices finds the device that each track is sent as.
func (r replaying) devices(ctx context.Context, tracks []simulate.Track) ([]simulate.Source, error) {
	sources := make([]simulate.Source, len(tracks))
	for i, track := range tracks {
		sources[i] = simulate.Source{Track: track, Protocol: r.as}
	}
	switch {
	case r.token != "":
		ident, token, ok := strings.Cut(r.token, ":")
		if !ok {
			return nil, errors.New("-token: want ident:token, as `gridward device add` printed them")
		}
		sources[0].Ident, sources[0].Token = ident, token
	case r.tokens != "":
		phones, err := simulate.ReadTokens(r.tokens)
		if err != nil {
			return nil, err
		}
		if len(phones) < len(tracks) {
			return nil, fmt.Errorf("%s names %d devices for %d files", r.tokens, len(phones), len(tracks))
		}
		for i := range sources {
			sources[i].Ident, sources[i].Token = phones[i].Ident, phones[i].Token
		}
	default:
		return sources, r.enrol(ctx, sources)
	}
	return sources, nil
}

var notIdent = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// enrol makes sure that every track has a worker and a device of its own. The
// same file by the same protocol is the same device again, with a new token.
func (r replaying) enrol(ctx context.Context, sources []simulate.Source) (err error) {
	db, done, err := r.open(ctx)
	if err != nil {
		return fmt.Errorf("reach the database for -register: %w", err)
	}
	defer func() { err = errors.Join(err, done()) }()
	gear := make([]postgres.Equipment, len(sources))
	for i := range sources {
		s := &sources[i]
		name := strings.TrimSuffix(s.Track.Name, filepath.Ext(s.Track.Name))
		code := "replay-" + r.as + "-" + notIdent.ReplaceAllString(name, "-")
		if err := postgres.AddReplayWorker(ctx, db.Pool, r.org, code, "轨迹回放 "+name); err != nil {
			return err
		}
		token, hash, prefix := simulate.NewToken()
		s.Ident, s.Token = code, token
		gear[i] = postgres.Equipment{Worker: code, Ident: code, Name: "轨迹回放", Protocol: r.as, Interval: 10 * time.Second, Hash: hash, Prefix: prefix}
	}
	return postgres.Equip(ctx, db.Pool, gear)
}

// draw shows how far the replay is: a bar on a terminal, a line now and then elsewhere.
func draw(ctx context.Context, out io.Writer, replay *simulate.Replay) {
	every := 5 * time.Second
	f, isFile := out.(*os.File)
	terminal := false
	if isFile {
		info, err := f.Stat()
		terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	if terminal {
		every = 200 * time.Millisecond
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	began, first := time.Now(), -1
	for {
		all, done, retries, open := 0, 0, 0, 0
		for _, l := range replay.Lines() {
			all += l.Points
			done += l.Resumed + l.Acked
			retries += l.Retries
			if !l.Done {
				open++
			}
		}
		if first < 0 {
			first = done
		}
		text := fmt.Sprintf("%d of %d points, %d tracks under way", done, all, open)
		if seconds := time.Since(began).Seconds(); seconds > 1 && done > first {
			text += fmt.Sprintf(", %.0f/s", float64(done-first)/seconds)
		}
		if retries > 0 {
			text += fmt.Sprintf(", %d retries", retries)
		}
		if terminal {
			const width = 30
			full := width * done / max(1, all)
			fmt.Fprintf(out, "\r\x1b[K[%s%s] %3d %% %s", strings.Repeat("█", full), strings.Repeat("·", width-full), 100*done/max(1, all), text)
		} else {
			fmt.Fprintln(out, text)
		}
		select {
		case <-ctx.Done():
			if terminal {
				fmt.Fprintln(out)
			}
			return
		case <-tick.C:
		}
	}
}
