package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/fleet"
	"github.com/gridward/gridward/server/postgres"
)

const deviceUsage = `usage: gridward device add (-worker CODE | -vehicle PLATE) -protocol NAME [flags]
       gridward device rotate IDENT
       gridward device revoke IDENT

add registers a phone or tracker and prints its credential, once, with the lines
to paste into its settings. rotate gives it another one; the old one stays good
for 24 hours. revoke ends it at once.

A person's device is stored on duty only: inside a duty session (session), or an
imported shift too (schedule). always is for vehicles.

`

// deviceJob is what the command line asks for.
type deviceJob struct {
	verb, ident          string
	worker, vehicle, org string
	url                  string
	new                  postgres.NewDevice
	out                  bytes.Buffer // what is printed once it is committed
}

// deviceMain runs gridward device.
func deviceMain(ctx context.Context, p process) error {
	fs := flag.NewFlagSet("device", flag.ContinueOnError)
	fs.SetOutput(p.errOut)
	fs.Usage = func() {
		fmt.Fprint(p.errOut, deviceUsage)
		fs.PrintDefaults()
	}
	var j deviceJob
	fs.StringVar(&j.worker, "worker", "", "add: number (工号) of the worker who carries it")
	fs.StringVar(&j.vehicle, "vehicle", "", "add: plate or name of the vehicle that it is built into; a new one is registered")
	fs.StringVar(&j.org, "org", "", "add: code or name of the organisation of a new vehicle; default the topmost one")
	fs.StringVar(&j.new.Protocol, "protocol", "osmand", "add: osmand, owntracks, gpslogger or native")
	duty := fs.String("duty", "", "add: session, schedule or always (vehicles only); default session, always for a vehicle")
	crs := fs.String("crs", "wgs84", "add: what it reports in: wgs84, gcj02 or bd09")
	fs.StringVar(&j.new.Ident, "ident", "", "add: what the device calls itself; default made up")
	fs.StringVar(&j.new.Name, "name", "", "add: a name for the list")
	fs.StringVar(&j.new.Zone, "zone", "Asia/Shanghai", "add: time zone of times that come without one")
	fs.StringVar(&j.new.SpeedUnit, "speed-unit", "", "add: kn, mps or kmh; default the protocol's own")
	fs.DurationVar(&j.new.Interval, "interval", 30*time.Second, "add: how often it reports; online is judged by it")
	fs.StringVar(&j.url, "url", "http://127.0.0.1:8080", "address under which devices reach this centre, for the printed lines")
	open := databaseFlags(fs)
	words, err := parseMixed(fs, p)
	if err != nil {
		return err
	}
	j.new.CRS, j.new.Duty = fleet.CRS(*crs), fleet.Duty(*duty)
	if err := j.check(words); err != nil {
		return fmt.Errorf("%w (gridward device -h lists the flags)", err)
	}
	db, shut, err := open(ctx)
	if err != nil {
		return err
	}
	// Nothing is said before it is true: a credential that was printed is committed.
	if err := db.Tx(ctx, j.run); err != nil {
		return errors.Join(err, shut())
	}
	_, err = j.out.WriteTo(p.out)
	return errors.Join(err, shut())
}

func (j *deviceJob) check(words []string) error {
	oneOf := func(flag, got string, want ...string) error {
		if !slices.Contains(want, got) {
			return fmt.Errorf("-%s %q: want %s", flag, got, strings.Join(want, ", "))
		}
		return nil
	}
	if len(words) == 0 || !slices.Contains([]string{"add", "rotate", "revoke"}, words[0]) {
		return errors.New("add, rotate or revoke is wanted")
	}
	j.verb = words[0]
	if j.verb != "add" {
		if len(words) != 2 {
			return fmt.Errorf("%s wants one device, by its ident", j.verb)
		}
		j.ident = words[1]
		return nil
	}
	if len(words) != 1 {
		return fmt.Errorf("add takes flags only, this is %q", words[1:])
	}
	if (j.worker == "") == (j.vehicle == "") {
		return errors.New("one of -worker and -vehicle is wanted")
	}
	if j.new.Duty == "" {
		j.new.Duty = fleet.DutySession
		if j.vehicle != "" {
			j.new.Duty = fleet.DutyAlways
		}
	}
	if j.new.Duty == fleet.DutyAlways && j.worker != "" {
		return errors.New("-duty always is for vehicles: a person is tracked on duty only")
	}
	return errors.Join(
		oneOf("protocol", j.new.Protocol, "osmand", "owntracks", "gpslogger", "native"),
		oneOf("duty", string(j.new.Duty), "session", "schedule", "always"),
		oneOf("crs", string(j.new.CRS), "wgs84", "gcj02", "bd09"),
		oneOf("speed-unit", j.new.SpeedUnit, "", "kn", "mps", "kmh"),
	)
}

// run does it in one transaction.
func (j *deviceJob) run(ctx context.Context, tx pgx.Tx) error {
	now := time.Now()
	if j.verb == "add" {
		return j.add(ctx, tx, now)
	}
	id, err := postgres.DeviceByIdent(ctx, tx, j.ident)
	if err != nil {
		return err
	}
	if j.verb == "revoke" {
		if err := postgres.RevokeDevice(ctx, tx, id, now); err != nil {
			return err
		}
		fmt.Fprintf(&j.out, "device %s is revoked; a running centre knows within ten seconds\n", j.ident)
		return nil
	}
	token, err := postgres.RotateDevice(ctx, tx, id, now)
	if err != nil {
		return err
	}
	dev, _, err := postgres.DeviceByID(ctx, tx, id)
	if err != nil {
		return err
	}
	fmt.Fprintf(&j.out, "device %s has a new credential; the old one stays good for 24 hours\n", j.ident)
	j.print(dev, token)
	return nil
}

func (j *deviceJob) add(ctx context.Context, tx pgx.Tx, now time.Time) error {
	w, err := postgres.WorkerByCode(ctx, tx, j.worker+j.vehicle) // one of them is empty
	switch {
	case err == nil && (w.Kind == "vehicle") != (j.vehicle != ""):
		return fmt.Errorf("%s is a %s", w.Code, w.Kind)
	case fault.Is(err, fault.Missing) && j.vehicle != "":
		org, err := postgres.OrgByCode(ctx, tx, j.org)
		if err != nil {
			return err
		}
		if w.ID, err = postgres.AddVehicle(ctx, tx, org, j.vehicle); err != nil {
			return err
		}
	case err != nil:
		return err
	}
	j.new.Worker = w.ID
	id, token, err := postgres.AddDevice(ctx, tx, j.new, now)
	if err != nil {
		return err
	}
	dev, _, err := postgres.DeviceByID(ctx, tx, id)
	if err != nil {
		return err
	}
	fmt.Fprintf(&j.out, "device %s is registered (%s, duty %s, %s)\n", dev.Ident, dev.Protocol, dev.Duty, dev.CRS)
	j.print(dev, token)
	return nil
}

// print shows the credential, which is nowhere to be had again, as each
// protocol's app wants it.
func (j *deviceJob) print(dev fleet.Device, token string) {
	base := strings.TrimSuffix(j.url, "/")
	fmt.Fprintf(&j.out, "\n  credential (shown once): %s\n\n", token)
	line := func(what, value string) { fmt.Fprintf(&j.out, "  %-28s %s\n", what, value) }
	switch dev.Protocol {
	case "osmand":
		line("OsmAnd, online tracking URL:", base+"/d/"+token+"?lat={0}&lon={1}&timestamp={2}&hdop={3}&altitude={4}&speed={5}&bearing={6}")
		line("Traccar Client, server URL:", base+"/osmand")
		line("Traccar Client, identifier:", token)
	case "owntracks":
		line("OwnTracks, mode HTTP, URL:", base+"/owntracks")
		line("  user:", dev.Ident)
		line("  password:", token)
		line("  or without them, URL:", base+"/d/"+token)
	case "gpslogger":
		line("GPSLogger, custom URL:", base+"/d/"+token+"?lat=%LAT&lon=%LON&timestamp=%TIMESTAMP&altitude=%ALT&speed=%SPD&bearing=%DIR&accuracy=%ACC&batt=%BATT")
		line("  or POST "+base+"/gpslogger, body:", `{"lat":%LAT,"lon":%LON,"ts":%TIMESTAMP,"altitude":%ALT,"speed":%SPD,"bearing":%DIR,"accuracy":%ACC,"batt":%BATT}`)
		line("  with the header:", "X-Device-Token: "+token)
	default:
		line("POST to:", base+"/api/v1/fixes")
		line("  with the header:", "Authorization: Bearer "+token)
	}
}
