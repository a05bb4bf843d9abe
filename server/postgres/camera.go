package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/territory"
)

// NearCamera is a camera with what it has to do with a place.
type NearCamera struct {
	territory.Camera
	DistanceM float64 `json:"distance_m"`
	Sees      bool    `json:"facing" doc:"the place lies in its sector and range"`
	OffDeg    float64 `json:"off_deg" doc:"by how much it would have to turn"`
}

// Sight is what an asker may see of cameras: those of Scope; of them the
// sensitive ones only where it may play them. A wall may play none.
type Sight struct{ Scope, Play []string }

const cameraColumns = `
SELECT c.id, c.region_id AS region, c.org_id AS org, o.path AS org_path, o.name AS org_name, c.gb_id, c.name, c.kind, c.place, c.geom AS point, c.heading, c.fov, c.range_m,
  c.network, c.stream, c.status, c.sensitivity, c.version
FROM camera c JOIN org o ON o.id = c.org_id`

const cameraSeen = ` WHERE o.path LIKE ANY ($1) AND (c.sensitivity = 'normal' OR o.path LIKE ANY ($2))`

const sqlCameraByID = cameraColumns + cameraSeen + ` AND c.id = $3`

// CameraByID returns one camera that the asker may see.
func CameraByID(ctx context.Context, q Querier, see Sight, id int64) (territory.Camera, error) {
	list, err := collectCameras(ctx, q, sqlCameraByID, Under(see.Scope), Under(see.Play), id)
	if err == nil && len(list) == 0 {
		err = fault.New(fault.Missing, "没有这个摄像头，或者不在您的管辖范围")
	}
	if err != nil {
		return territory.Camera{}, err
	}
	return list[0], nil
}

// CameraFilter narrows the list of cameras.
type CameraFilter struct {
	Sight
	Query  string
	Status string
	Kind   string
	Org    *int64
	After  int64 // the last id of the page before
	Limit  int
}

const sqlListCameras = cameraColumns + cameraSeen + `
  AND ($3 = '' OR c.name ILIKE '%' || $3 || '%' OR c.place ILIKE '%' || $3 || '%' OR c.gb_id LIKE $3 || '%') AND ($4 = '' OR c.status = $4) AND ($5 = '' OR c.kind = $5)
  AND ($6::bigint IS NULL OR o.path LIKE (SELECT path FROM org WHERE id = $6) || '%') AND ($4 <> '' OR c.status <> 'retired') AND c.id > $7
ORDER BY c.id LIMIT $8`

// ListCameras returns a page of cameras in the order in which they were added.
func ListCameras(ctx context.Context, q Querier, f CameraFilter) ([]territory.Camera, error) {
	return collectCameras(ctx, q, sqlListCameras, Under(f.Scope), Under(f.Play), likeText(f.Query), f.Status, f.Kind, f.Org, f.After, f.Limit)
}

const sqlCamerasNear = cameraColumns + cameraSeen + ` AND c.status <> 'retired' AND ST_DWithin(c.geom::geography, $3::geometry::geography, $4)
  AND c.geom && ST_Expand($3::geometry, $4 / 60000.0) ORDER BY c.geom <-> $3::geometry LIMIT 200`

// CamerasNear returns the cameras within radius of a place: first those that
// see it as they hang, then by distance.
func CamerasNear(ctx context.Context, q Querier, see Sight, p orb.Point, radius float64, limit int) ([]NearCamera, error) {
	list, err := collectCameras(ctx, q, sqlCamerasNear, Under(see.Scope), Under(see.Play), p, radius)
	if err != nil {
		return nil, err
	}
	return rankCameras(list, p, limit), nil
}

func collectCameras(ctx context.Context, q Querier, sql string, args ...any) ([]territory.Camera, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read cameras: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[territory.Camera])
	if err != nil {
		return nil, fmt.Errorf("read cameras: %w", err)
	}
	return list, nil
}

const sqlPutCamera = `
INSERT INTO camera AS c (region_id, org_id, gb_id, name, kind, place, geom, heading, fov, range_m, network, stream, status, sensitivity)
SELECT o.region_id, o.id, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13 FROM org o WHERE o.id = $1
ON CONFLICT (gb_id) DO NOTHING RETURNING c.id`

// AddCamera stores a new camera and returns its id.
func AddCamera(ctx context.Context, q Querier, c territory.Camera) (id int64, err error) {
	err = q.QueryRow(ctx, sqlPutCamera, c.Org, c.GBID, c.Name, c.Kind, c.Place, c.Point, c.Heading, c.FOV, c.RangeM, c.Network, c.Stream, c.Status, c.Sensitivity).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, fault.New(fault.Conflict, "国标编码 %s 已登记", c.GBID).At("gb_id")
	}
	if err != nil {
		return 0, fmt.Errorf("add the camera: %w", err)
	}
	return id, nil
}

const sqlCameraByGB = cameraColumns + ` WHERE c.gb_id = $1`

// CameraByGB finds a camera by its national number, whoever asks.
func CameraByGB(ctx context.Context, q Querier, gbID string) (territory.Camera, bool, error) {
	list, err := collectCameras(ctx, q, sqlCameraByGB, gbID)
	if err != nil || len(list) == 0 {
		return territory.Camera{}, false, err
	}
	return list[0], true, nil
}

const sqlSetCamera = `
UPDATE camera SET org_id = $2, region_id = (SELECT region_id FROM org WHERE id = $2), name = $3, kind = $4, place = $5, geom = $6, heading = $7, fov = $8, range_m = $9, network = $10, stream = $11,
  status = $12, sensitivity = $13, version = version + 1 WHERE id = $1 AND version = $14`

// SetCamera changes everything about a camera but its number; it must still
// have the version that was read.
func SetCamera(ctx context.Context, q Querier, c territory.Camera) error {
	tag, err := q.Exec(ctx, sqlSetCamera, c.ID, c.Org, c.Name, c.Kind, c.Place, c.Point, c.Heading, c.FOV, c.RangeM, c.Network, c.Stream, c.Status, c.Sensitivity, c.Version)
	if err != nil {
		return fmt.Errorf("change the camera: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return fault.New(fault.Conflict, "这个摄像头刚被其他人修改，请刷新后再试")
	}
	return nil
}

// VideoTicket is leave to play one camera for some minutes.
type VideoTicket struct {
	ID        uuid.UUID
	Hash      [32]byte // of the secret in its address
	Key       [32]byte // that signs what its playlists refer to
	Camera    int64
	Account   int64
	Reason    string
	Incident  *uuid.UUID
	IssuedAt  time.Time
	ExpiresAt time.Time
	RevokedAt *time.Time
}

const sqlInsertTicket = `
INSERT INTO video_ticket (id, hash, key, camera_id, account_id, reason, incident_id, issued_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`

const sqlInsertView = `
INSERT INTO video_view (at, ticket_id, camera_id, account_id, actor, reason, incident_id, ip) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`

// IssueTicket stores a ticket and, with it, that somebody looks.
func IssueTicket(ctx context.Context, q Querier, t VideoTicket, actor, ip string) error {
	if _, err := q.Exec(ctx, sqlInsertTicket, t.ID, t.Hash[:], t.Key[:], t.Camera, t.Account, t.Reason, t.Incident, t.IssuedAt, t.ExpiresAt); err != nil {
		return fmt.Errorf("issue the video ticket: %w", err)
	}
	if _, err := q.Exec(ctx, sqlInsertView, t.IssuedAt, t.ID, t.Camera, t.Account, actor, t.Reason, t.Incident, ip); err != nil {
		return fmt.Errorf("record who looks at the camera: %w", err)
	}
	return nil
}

const sqlTicketByHash = `
SELECT t.id, t.key, t.camera_id, t.account_id, t.expires_at, t.revoked_at, COALESCE(NULLIF(c.stream, ''), c.gb_id), c.status, o.path
FROM video_ticket t JOIN camera c ON c.id = t.camera_id JOIN org o ON o.id = c.org_id WHERE t.hash = $1`

// Play is what a ticket opens.
type Play struct {
	Ticket    uuid.UUID
	Key       []byte
	Camera    int64
	Account   int64
	ExpiresAt time.Time
	RevokedAt *time.Time
	Stream    string
	Status    string
	OrgPath   string // of the camera
}

// TicketByHash finds a ticket by the hash of the secret in its address.
func TicketByHash(ctx context.Context, q Querier, hash [32]byte) (p Play, ok bool, err error) {
	err = q.QueryRow(ctx, sqlTicketByHash, hash[:]).Scan(&p.Ticket, &p.Key, &p.Camera, &p.Account, &p.ExpiresAt, &p.RevokedAt, &p.Stream, &p.Status, &p.OrgPath)
	if errors.Is(err, pgx.ErrNoRows) {
		return Play{}, false, nil
	}
	if err != nil {
		return Play{}, false, fmt.Errorf("read the video ticket: %w", err)
	}
	return p, true, nil
}

const sqlRevokeTickets = `UPDATE video_ticket SET revoked_at = $2 WHERE camera_id = $1 AND revoked_at IS NULL AND expires_at > $2`

// RevokeTickets ends every ticket of a camera: what was issued before it was
// retired or made sensitive is good no longer.
func RevokeTickets(ctx context.Context, q Querier, camera int64, now time.Time) error {
	if _, err := q.Exec(ctx, sqlRevokeTickets, camera, now); err != nil {
		return fmt.Errorf("revoke the video tickets: %w", err)
	}
	return nil
}

// VideoView is one look through a camera.
type VideoView struct {
	ID         int64      `json:"id"`
	At         time.Time  `json:"at"`
	Camera     int64      `json:"camera"`
	CameraName string     `json:"camera_name"`
	GBID       string     `json:"gb_id"`
	OrgName    string     `json:"org_name"`
	Account    int64      `json:"account"`
	Actor      string     `json:"actor"`
	Reason     string     `json:"reason"`
	Incident   *uuid.UUID `json:"incident,omitempty"`
	CaseNo     string     `json:"case_no,omitempty"`
	IP         string     `json:"ip,omitempty"`
}

const sqlListViews = `
SELECT v.id, v.at, v.camera_id, c.name, c.gb_id, o.name, v.account_id, v.actor, v.reason, v.incident_id, COALESCE(i.case_no, ''), v.ip
FROM video_view v JOIN camera c ON c.id = v.camera_id JOIN org o ON o.id = c.org_id LEFT JOIN incident i ON i.id = v.incident_id
WHERE o.path LIKE ANY ($1) AND ($2::bigint = 0 OR v.camera_id = $2) AND ($3::timestamptz IS NULL OR v.at >= $3) AND ($4::timestamptz IS NULL OR v.at < $4) AND ($5::bigint = 0 OR v.id < $5)
ORDER BY v.id DESC LIMIT $6`

// ListViews returns who looked through the cameras of the scope, newest first.
func ListViews(ctx context.Context, q Querier, scope []string, camera int64, from, to *time.Time, before int64, limit int) ([]VideoView, error) {
	rows, err := q.Query(ctx, sqlListViews, Under(scope), camera, from, to, before, limit)
	if err != nil {
		return nil, fmt.Errorf("read who looked: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[VideoView])
	if err != nil {
		return nil, fmt.Errorf("read who looked: %w", err)
	}
	return list, nil
}

// rankCameras puts those that see p first, then the nearest.
func rankCameras(list []territory.Camera, p orb.Point, limit int) []NearCamera {
	near := make([]NearCamera, len(list))
	for i, c := range list {
		near[i].Camera = c
		near[i].Sees, near[i].DistanceM, near[i].OffDeg = c.View().Sees(p)
	}
	sortNear(near)
	if limit > 0 && len(near) > limit {
		near = near[:limit]
	}
	return near
}

func sortNear(near []NearCamera) {
	slices.SortStableFunc(near, func(a, b NearCamera) int {
		switch {
		case a.Sees != b.Sees && a.Sees:
			return -1
		case a.Sees != b.Sees:
			return 1
		}
		return cmp.Compare(a.DistanceM, b.DistanceM)
	})
}
