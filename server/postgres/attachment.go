package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/fault"
)

// Attachment is a photo's row; its bytes lie in the blob store under their SHA-256.
type Attachment struct {
	ID        uuid.UUID
	Region    int64
	Incident  *uuid.UUID
	Visit     *uuid.UUID
	Kind      string
	Mime      string
	Size      int64
	SHA256    []byte
	Width     int
	Height    int
	TakenAt   *time.Time
	Point     *orb.Point
	By        int64
	CreatedAt time.Time
}

const sqlInsertAttachment = `
INSERT INTO attachment (id, region_id, kind, mime, size, sha256, width, height, taken_at, geom, uploaded_by, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, NULLIF($11::bigint, 0), $12)`

// InsertAttachment stores an attachment that belongs to no incident yet.
func InsertAttachment(ctx context.Context, q Querier, a Attachment) error {
	if _, err := q.Exec(ctx, sqlInsertAttachment, a.ID, a.Region, a.Kind, a.Mime, a.Size, a.SHA256, a.Width, a.Height, a.TakenAt, a.Point, a.By, a.CreatedAt); err != nil {
		return fmt.Errorf("store the attachment: %w", err)
	}
	return nil
}

const sqlAttachment = `
SELECT id, region_id, incident_id, visit_id, kind, mime, size, sha256, COALESCE(width, 0), COALESCE(height, 0), taken_at, geom, COALESCE(uploaded_by, 0), created_at FROM attachment WHERE id = $1`

// AttachmentByID returns one attachment.
func AttachmentByID(ctx context.Context, q Querier, id uuid.UUID) (Attachment, error) {
	var a Attachment
	err := q.QueryRow(ctx, sqlAttachment, id).Scan(&a.ID, &a.Region, &a.Incident, &a.Visit, &a.Kind, &a.Mime, &a.Size, &a.SHA256, &a.Width, &a.Height, &a.TakenAt, &a.Point, &a.By, &a.CreatedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return a, fault.New(fault.Missing, "没有这张照片，或者不在您的管辖范围")
	}
	if err != nil {
		return a, fmt.Errorf("read the attachment: %w", err)
	}
	return a, nil
}

const sqlClaimAttachments = `
UPDATE attachment SET incident_id = $1, region_id = $4 WHERE id = ANY ($2) AND incident_id IS NULL AND visit_id IS NULL AND uploaded_by = $3`

// ClaimAttachments gives uploaded photos to an incident: only those that the
// same account uploaded and that belong to none yet. It returns how many it took.
func ClaimAttachments(ctx context.Context, q Querier, to uuid.UUID, ids []uuid.UUID, by, region int64) (int64, error) {
	tag, err := q.Exec(ctx, sqlClaimAttachments, to, ids, by, region)
	if err != nil {
		return 0, fmt.Errorf("attach the photos: %w", err)
	}
	return tag.RowsAffected(), nil
}
