package desk

import (
	"context"
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

// noticeBody is what the journal says about a notice; its text is read in the notice itself.
type noticeBody struct {
	ID          uuid.UUID  `json:"id"`
	At          time.Time  `json:"at"`
	ByName      string     `json:"by_name"`
	Kind        string     `json:"kind"`
	Title       string     `json:"title"`
	Top         bool       `json:"top"`
	NeedReceipt bool       `json:"need_read"`
	ValidUntil  *time.Time `json:"valid_until,omitempty"`
	Org         int64      `json:"org"`
	OrgName     string     `json:"org_name"`
}

// ReaderOf is the principal as a reader of notices.
func ReaderOf(by access.Principal) postgres.NoticeReader {
	who := postgres.NoticeReader{Account: by.Account, Posts: []string{}, Scope: by.Scope(access.Dispatch)}
	for _, p := range by.Posts {
		who.Posts = append(who.Posts, p.Path)
	}
	return who
}

// PostNotice publishes a notice to an organisation of the caller's scope and all below it.
func (d *Desk) PostNotice(ctx context.Context, by access.Principal, n postgres.Notice) (postgres.Notice, error) {
	n.Title, n.Text = strings.TrimSpace(n.Title), strings.TrimSpace(n.Text)
	now := d.clock().UTC().Truncate(time.Microsecond)
	wrong := map[string]string{}
	fits := func(field, s string, least, most int) {
		if c := utf8.RuneCountInString(s); c < least || c > most || !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
			wrong[field] = "没有填写、太长或含有无法保存的字符"
		}
	}
	fits("title", n.Title, 1, 80)
	fits("text", n.Text, 0, 10000)
	if n.Kind == "" {
		n.Kind = "notice"
	}
	if !slices.Contains([]string{"notice", "announcement", "urgent"}, n.Kind) {
		wrong["kind"] = "没有这种通知"
	}
	if n.ValidUntil != nil && !n.ValidUntil.After(now) {
		wrong["valid_until"] = "有效期已经过去"
	}
	if len(wrong) > 0 {
		f := fault.New(fault.Invalid, "通知有误，请检查标出的项目")
		f.Fields = wrong
		return n, f
	}
	id, err := newID()
	if err != nil {
		return n, err
	}
	n.ID, n.By, n.ByName, n.At = id, by.Account, by.Name, now
	var out postgres.Notice
	err = d.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := postgres.InsertNotice(ctx, tx, n, by.Scope(access.Dispatch)); err != nil {
			return err
		}
		if out, err = postgres.NoticeByID(ctx, tx, ReaderOf(by), n.ID); err != nil {
			return err
		}
		e, err := journal.About("notice.posted", id.String(), out.OrgPath, by.Account, noticeBody{
			ID: id, At: now, ByName: by.Name, Kind: out.Kind, Title: out.Title, Top: out.Top, NeedReceipt: out.NeedReceipt, ValidUntil: out.ValidUntil, Org: out.Org, OrgName: out.OrgName,
		})
		if err != nil {
			return err
		}
		if e.Parties, err = postgres.PathsBelow(ctx, tx, out.OrgPath); err != nil { // it is for them too
			return err
		}
		_, err = postgres.AppendJournal(ctx, tx, out.Region, e)
		return err
	})
	if err != nil {
		return n, err
	}
	d.ring(out.Region)
	return out, nil
}
