package desk

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/journal"
	"github.com/gridward/gridward/server/postgres"
)

// noteKinds are what a person may write into the watch log; handovers write themselves.
var noteKinds = []string{"call", "event", "instruction", "inspection", "note"}

// watchBody is the body of watch.* entries: that something was written, never
// what. Only those who may see people are told at all.
type watchBody struct {
	ID       uuid.UUID        `json:"id"`
	Room     int64            `json:"room"`
	Kind     string           `json:"kind,omitempty"`
	At       time.Time        `json:"at"`
	ByName   string           `json:"by_name"`
	FromName string           `json:"from_name,omitempty"`
	ToName   string           `json:"to_name,omitempty"`
	Counts   map[string]int64 `json:"counts,omitempty"`
	Digest   string           `json:"digest,omitempty"`
}

// Room finds the command room whose log by writes: the one asked for, or its own.
func (d *Desk) Room(ctx context.Context, by access.Principal, room int64) (id int64, at postgres.OrgHead, err error) {
	if room == 0 {
		for _, p := range by.Posts {
			if slices.Contains(access.Powers(p.Role), access.WatchLog) {
				room = p.Org
				break
			}
		}
	}
	if room != 0 {
		at, err = postgres.OrgByID(ctx, d.db.Pool, room)
		if err != nil && !fault.Is(err, fault.Missing) {
			return 0, at, err
		}
		if err == nil && by.May(access.WatchLog, at.Path) {
			return room, at, nil
		}
	}
	return 0, at, fault.New(fault.Missing, "没有这个指挥室，或者不在您的管辖范围")
}

// Note writes a line into a room's log.
func (d *Desk) Note(ctx context.Context, by access.Principal, room int64, kind, text string, of *uuid.UUID) (postgres.WatchEntry, error) {
	text = strings.TrimSpace(text)
	if !slices.Contains(noteKinds, kind) {
		return postgres.WatchEntry{}, field("kind", "没有这种日志类型")
	}
	if n := utf8.RuneCountInString(text); n < 1 || n > 2000 || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return postgres.WatchEntry{}, field("text", "请填写内容（不超过 2000 字）")
	}
	room, at, err := d.Room(ctx, by, room)
	if err != nil {
		return postgres.WatchEntry{}, err
	}
	e := postgres.WatchEntry{Region: at.Region, Room: room, RoomName: at.Name, At: d.now(), Kind: kind, Text: text, Incident: of, By: by.Account, ByName: by.Name}
	if e.ID, err = uuid.NewV7(); err != nil {
		return e, fmt.Errorf("make an id: %w", err)
	}
	err = d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if of != nil {
			if e.CaseNo, err = postgres.CaseForLog(ctx, tx, *of, at.Path); err != nil {
				return err
			}
		}
		if err := postgres.InsertWatchEntry(ctx, tx, e); err != nil {
			return err
		}
		return tellWatch(ctx, tx, "watch.noted", at, by, watchBody{ID: e.ID, Room: room, Kind: kind, At: e.At, ByName: by.Name})
	})
	if err != nil {
		return postgres.WatchEntry{}, err
	}
	d.ring(at.Region)
	return e, nil
}

// AskHandover hands the watch over to another account, which has to sign:
// what is open now is taken down with it. Only whoever holds the watch may
// hand it over, or somebody who commands; a room whose watch nobody holds yet
// begins with anybody who may keep its log.
func (d *Desk) AskHandover(ctx context.Context, by access.Principal, room, to int64, text string) (postgres.Handover, error) {
	text = strings.TrimSpace(text)
	if utf8.RuneCountInString(text) > 2000 || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return postgres.Handover{}, field("note", "太长（不超过 2000 字）")
	}
	if to == by.Account {
		return postgres.Handover{}, field("to", "不能交班给自己")
	}
	room, at, err := d.Room(ctx, by, room)
	if err != nil {
		return postgres.Handover{}, err
	}
	h := postgres.Handover{Region: at.Region, Room: room, RoomPath: at.Path, RoomName: at.Name, At: d.now(), From: by.Account, FromName: by.Name, To: to, Note: text, State: "asked"}
	if h.ID, err = uuid.NewV7(); err != nil {
		return h, fmt.Errorf("make an id: %w", err)
	}
	err = d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		watchers, err := postgres.Watchers(ctx, tx, room, Keepers())
		if err != nil {
			return err
		}
		i := slices.IndexFunc(watchers, func(w postgres.Watcher) bool { return w.ID == to })
		if i < 0 {
			return field("to", "接班人不是本指挥室的值班人员")
		}
		h.ToName = watchers[i].Name
		holder, _, err := postgres.WatchOf(ctx, tx, room)
		if err != nil {
			return err
		}
		if holder != nil && holder.To != by.Account && !by.May(access.Command, at.Path) {
			return fault.New(fault.Conflict, "现在值班的是%s，只有本人或带班领导可以交班", holder.ToName)
		}
		open, err := postgres.OpenAt(ctx, tx, at.Path, h.At)
		if err != nil {
			return err
		}
		if h.Items, err = json.Marshal(open); err != nil {
			return fmt.Errorf("write down what is open: %w", err)
		}
		if err := postgres.InsertHandover(ctx, tx, h); err != nil {
			return err
		}
		if err := d.logHandover(ctx, tx, h, by, fmt.Sprintf("交班给%s，待签字；未办结 %d 件，逾期 %d 件", h.ToName, open.Counts["open"], open.Counts["late"])); err != nil {
			return err
		}
		return tellWatch(ctx, tx, "watch.handover_asked", at, by, watchBody{ID: h.ID, Room: room, At: h.At, ByName: by.Name, FromName: h.FromName, ToName: h.ToName, Counts: open.Counts})
	})
	if err != nil {
		return postgres.Handover{}, err
	}
	d.ring(at.Region)
	return h, nil
}

// SignHandover takes the watch over: only the account it is handed to may
// sign. Signing again changes nothing.
func (d *Desk) SignHandover(ctx context.Context, by access.Principal, id uuid.UUID) (h postgres.Handover, err error) {
	signed := false
	err = d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if h, err = postgres.HandoverForUpdate(ctx, tx, id); err != nil {
			return err
		}
		switch {
		case !by.May(access.WatchLog, h.RoomPath):
			return fault.New(fault.Missing, "没有这个交接班记录，或者不在您的管辖范围")
		case by.Account != h.To:
			return fault.New(fault.Denied, "只有接班人%s本人可以签字", h.ToName)
		case h.State == "signed":
			return nil
		case h.State != "asked":
			return fault.New(fault.Conflict, "这次交班已被新的交班取代")
		}
		now := d.now()
		h.State, h.SignedAt = "signed", &now
		h.Digest, signed = h.Sum(), true
		if err := postgres.SignHandover(ctx, tx, id, by.Account, now, h.Digest); err != nil {
			return err
		}
		if err := d.logHandover(ctx, tx, h, by, fmt.Sprintf("接班签字，交班人%s；摘要 %s", h.FromName, h.Digest[:16])); err != nil {
			return err
		}
		return tellWatch(ctx, tx, "watch.handover_signed", postgres.OrgHead{Region: h.Region, Path: h.RoomPath, Name: h.RoomName}, by,
			watchBody{ID: h.ID, Room: h.Room, At: now, ByName: by.Name, FromName: h.FromName, ToName: h.ToName, Digest: h.Digest})
	})
	if err != nil {
		return postgres.Handover{}, err
	}
	if signed {
		d.ring(h.Region)
	}
	return h, nil
}

// Keepers are the roles that may keep a room's log.
func Keepers() []string {
	var roles []string
	for _, r := range access.Roles() {
		if slices.Contains(access.Powers(r), access.WatchLog) {
			roles = append(roles, string(r))
		}
	}
	return roles
}

func (d *Desk) logHandover(ctx context.Context, tx pgx.Tx, h postgres.Handover, by access.Principal, text string) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("make an id: %w", err)
	}
	return postgres.InsertWatchEntry(ctx, tx, postgres.WatchEntry{ID: id, Region: h.Region, Room: h.Room, At: d.now(), Kind: "handover", Text: text, By: by.Account, ByName: by.Name})
}

// tellWatch writes the journal entry of the watch log. It takes the region's row: call it last.
func tellWatch(ctx context.Context, tx pgx.Tx, kind string, room postgres.OrgHead, by access.Principal, body watchBody) error {
	e, err := journal.About(kind, body.ID.String(), room.Path, by.Account, body)
	if err != nil {
		return err
	}
	_, err = postgres.AppendJournal(ctx, tx, room.Region, e)
	return err
}

// now is the desk's clock as the database keeps it.
func (d *Desk) now() time.Time { return d.clock().UTC().Truncate(time.Microsecond) }

// field is a fault about one field of the form.
func field(name, what string) error {
	return fault.New(fault.Invalid, "%s", what).At(name)
}
