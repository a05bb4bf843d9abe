package main

import (
	"context"
	"fmt"
	"net"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/fixtures"
	"github.com/gridward/gridward/server/alarm"
	"github.com/gridward/gridward/server/postgres"
	"github.com/gridward/gridward/server/seal"
	"github.com/gridward/gridward/server/simulate"
	"github.com/gridward/gridward/server/territory"
)

// demoHub is the alarm source that the simulator speaks as.
const demoHub = "demo-hub"

// demoCameras makes the demo's own video gateway, a test pattern, when no other
// is given. It listens from the first moment and answers once it is served.
func (c *config) demoCameras() (net.Listener, error) {
	if c.VideoGateway != "" {
		return nil, nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the demo's cameras: %w", err)
	}
	c.VideoGateway = "http://" + l.Addr().String() + simulate.CameraPath
	return l, nil
}

// seedWatch adds the demo's cameras and alarm devices that are not there yet,
// and gives its alarm source a new secret.
func (h *house) seedWatch(ctx context.Context, street *fixtures.Demo) (secret string, err error) {
	cameras, devices, err := street.Watch()
	if err != nil {
		return "", err
	}
	secret = randomPassword()
	sealed := []byte(h.seal.Seal(seal.AlarmSource, secret))
	err = h.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		home, err := postgres.OrgByCode(ctx, tx, fixtures.StreetCode)
		if err != nil {
			return err
		}
		for _, c := range cameras {
			if _, there, err := postgres.CameraByGB(ctx, tx, c.GBID); err != nil || there {
				if err != nil {
					return err
				}
				continue
			}
			place, ok, err := postgres.Locate(ctx, tx, c.Point)
			if err != nil {
				return err
			}
			cam := territory.Camera{Org: home, GBID: c.GBID, Name: c.Name, Kind: c.Kind, Place: c.Place, Point: c.Point, FOV: 70, RangeM: 150, Network: "private", Status: "online", Sensitivity: "normal"}
			if ok {
				cam.Org = place.Org
			}
			if c.Heading >= 0 {
				heading := float32(c.Heading)
				cam.Heading = &heading
			}
			if c.Sensitive {
				cam.Sensitivity = "high"
			}
			if _, err := postgres.AddCamera(ctx, tx, cam); err != nil {
				return err
			}
		}
		there, err := postgres.ListAlarmDevices(ctx, tx, postgres.AlarmDeviceFilter{Scope: []string{""}, Query: "YS-", Limit: 1})
		if err != nil {
			return err
		}
		for _, d := range devices {
			if len(there) > 0 {
				break
			}
			place, ok, err := postgres.Locate(ctx, tx, d.Point)
			if err != nil {
				return err
			}
			dev := postgres.AlarmDevice{Org: home, Ident: d.Ident, Name: d.Name, Kind: alarm.Kind(d.Kind), Protocol: "webhook", Place: d.Place, Point: d.Point, Contact: d.Contact, Phone: d.Phone, Mode: alarm.Armed, IntervalS: int32(d.IntervalS)}
			if ok {
				dev.Org, dev.Grid = place.Org, place.Grid
			}
			if dev.Kind == "door" {
				dev.Schedule = []alarm.Window{{Days: []int{1, 2, 3, 4, 5, 6, 7}, From: "20:00", To: "07:00"}}
			}
			if _, err := postgres.AddAlarmDevice(ctx, tx, dev); err != nil {
				return err
			}
		}
		source, known, err := postgres.AlarmSourceByName(ctx, tx, demoHub)
		if err != nil {
			return err
		}
		if known {
			source.Secret = sealed
			return postgres.SetAlarmSource(ctx, tx, source)
		}
		_, err = postgres.AddAlarmSource(ctx, tx, postgres.AlarmSource{Org: home, Name: demoHub, Kind: "webhook", Note: "演示报警平台", Secret: sealed}, 0)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("seed the demo's watch: %w", err)
	}
	return secret, nil
}

// simulateAlarms lets the demo's devices speak, through the same door as real ones.
func (h *house) simulateAlarms(street *fixtures.Demo, secret string) error {
	_, devices, err := street.Watch()
	if err != nil {
		return err
	}
	list := make([]simulate.AlarmDevice, len(devices))
	for i, d := range devices {
		list[i] = simulate.AlarmDevice{Ident: d.Ident, Kind: d.Kind, Beats: d.IntervalS > 0}
	}
	h.upkeep.run("simulated alarms", simulate.NewAlarmHub(simulate.NewDoor(h.near(), 2, h.trust()), demoHub, secret, list, h.conf.Alarms, 1).Run)
	return nil
}
