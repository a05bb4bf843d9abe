package desk

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/google/uuid"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/postgres"
)

// attachmentKinds are the kinds of photos (近景 远景 参照 处置前 处置后).
var attachmentKinds = []string{"near", "far", "ref", "before", "after"}

// Attach takes a photo in. It is on disk, cleaned, before its row is committed;
// it belongs to no incident until a report names it.
func (d *Desk) Attach(ctx context.Context, by access.Principal, kind string, photo io.Reader) (postgres.Attachment, error) {
	if kind == "" {
		kind = "near"
	}
	if !slices.Contains(attachmentKinds, kind) {
		return postgres.Attachment{}, fault.New(fault.Invalid, "没有这种照片类型")
	}
	var region int64
	for _, post := range by.Posts {
		if slices.Contains(access.Powers(post.Role), access.Report) {
			region = post.Region
			break
		}
	}
	if region == 0 {
		return postgres.Attachment{}, fault.New(fault.Denied, "您没有上报事件的权限")
	}
	saved, err := d.blob.Put(photo)
	if err != nil {
		return postgres.Attachment{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return postgres.Attachment{}, fmt.Errorf("make an id: %w", err)
	}
	a := postgres.Attachment{
		ID: id, Region: region, Kind: kind, Mime: saved.Mime, Size: saved.Size, SHA256: saved.SHA256[:],
		Width: saved.Width, Height: saved.Height, TakenAt: saved.TakenAt, Point: saved.Point, By: by.Account, CreatedAt: d.clock().UTC(),
	}
	return a, postgres.InsertAttachment(ctx, d.db.Pool, a)
}
