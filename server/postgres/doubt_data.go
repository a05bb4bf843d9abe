package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/fault"
)

// DataClass is a record of processing: what is held about people, why, on what
// basis, who sees it and for how long.
type DataClass struct {
	Code          string     `json:"code"`
	Name          string     `json:"name"`
	Content       string     `json:"content"`
	Purpose       string     `json:"purpose"`
	LegalBasis    string     `json:"legal_basis"`
	Recipients    string     `json:"recipients"`
	Sensitivity   string     `json:"sensitivity" enum:"general,sensitive"`
	RetentionDays *int       `json:"retention_days" doc:"null: retention_text alone says it"`
	RetentionText string     `json:"retention_text"`
	Tables        []string   `json:"tables" db:"-" doc:"where it lies, for whoever audits"`
	Version       int32      `json:"version"`
	UpdatedAt     *time.Time `json:"updated_at"`
	UpdatedName   string     `json:"updated_name"`
}

const sqlDataClasses = `
SELECT code, name, content, purpose, legal_basis, recipients, sensitivity, retention_days, retention_text, version, updated_at, updated_name FROM data_class ORDER BY sort, code`

// DataClasses lists the records of processing.
func DataClasses(ctx context.Context, q Querier) ([]DataClass, error) {
	rows, err := q.Query(ctx, sqlDataClasses)
	if err != nil {
		return nil, fmt.Errorf("read the records of processing: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[DataClass])
	if err != nil {
		return nil, fmt.Errorf("read the records of processing: %w", err)
	}
	for i := range list {
		list[i].Tables = personalTables[list[i].Code]
	}
	return list, nil
}

const sqlUpdateDataClass = `
UPDATE data_class SET content = $3, purpose = $4, legal_basis = $5, recipients = $6, retention_days = CASE WHEN code IN ('doubt','signature') THEN $7 ELSE retention_days END, retention_text = $8,
  version = version + 1, updated_at = $9, updated_by = $10, updated_name = $11 WHERE code = $1 AND version = $2`

// UpdateDataClass writes the house's own words on a class that still has the version that was read.
func UpdateDataClass(ctx context.Context, q Querier, c DataClass, now time.Time, by int64, name string) error {
	tag, err := q.Exec(ctx, sqlUpdateDataClass, c.Code, c.Version, c.Content, c.Purpose, c.LegalBasis, c.Recipients, c.RetentionDays, c.RetentionText, now, by, name)
	if err != nil {
		return fmt.Errorf("write the record of processing: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return fault.New(fault.Conflict, "这条处理记录刚被他人修改，请刷新后再改").At("version")
	}
	return nil
}

// DataController is who answers for the data, and whom to ask.
type DataController struct {
	Name        string     `json:"name"`
	Contact     string     `json:"contact"`
	Complaint   string     `json:"complaint"`
	Assessment  string     `json:"assessment" doc:"number of the impact assessment"`
	AssessedOn  *time.Time `json:"-"`
	Assessed    string     `json:"assessed_on" doc:"a day, or nothing"`
	Notice      string     `json:"notice"`
	Version     int32      `json:"version"`
	UpdatedAt   *time.Time `json:"updated_at"`
	UpdatedName string     `json:"updated_name"`
}

const sqlDataController = `SELECT name, contact, complaint, assessment, assessed_on, notice, version, updated_at, updated_name FROM data_controller`

// ReadDataController returns who answers for the data.
func ReadDataController(ctx context.Context, q Querier) (DataController, error) {
	var c DataController
	if err := q.QueryRow(ctx, sqlDataController).Scan(&c.Name, &c.Contact, &c.Complaint, &c.Assessment, &c.AssessedOn, &c.Notice, &c.Version, &c.UpdatedAt, &c.UpdatedName); err != nil {
		return c, fmt.Errorf("read who answers for the data: %w", err)
	}
	if c.AssessedOn != nil {
		c.Assessed = c.AssessedOn.Format(time.DateOnly)
	}
	return c, nil
}

const sqlUpdateDataController = `
UPDATE data_controller SET name = $2, contact = $3, complaint = $4, assessment = $5, assessed_on = $6, notice = $7, version = version + 1, updated_at = $8, updated_by = $9, updated_name = $10 WHERE version = $1`

// UpdateDataController writes who answers for the data.
func UpdateDataController(ctx context.Context, q Querier, c DataController, now time.Time, by int64, name string) error {
	tag, err := q.Exec(ctx, sqlUpdateDataController, c.Version, c.Name, c.Contact, c.Complaint, c.Assessment, c.AssessedOn, c.Notice, now, by, name)
	if err != nil {
		return fmt.Errorf("write who answers for the data: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return fault.New(fault.Conflict, "刚被他人修改，请刷新后再改")
	}
	return nil
}

// TakenOut is an export of tracks that a worker's is in.
type TakenOut struct {
	At      time.Time `json:"at"`
	By      string    `json:"by"`
	Format  string    `json:"format"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Purpose string    `json:"purpose"`
	State   string    `json:"state"`
	Taken   int       `json:"taken" doc:"how often the file was fetched"`
}

const sqlTakenOut = `
SELECT e.asked_at, a.name, e.format, e.from_at, e.to_at, e.purpose, e.state, e.taken FROM track_export e JOIN account a ON a.id = e.account_id WHERE $1 = ANY (e.workers) ORDER BY e.asked_at DESC LIMIT 100`

// ExportsWith lists the exports that a worker's track is in, newest first.
func ExportsWith(ctx context.Context, q Querier, worker int64) ([]TakenOut, error) {
	rows, err := q.Query(ctx, sqlTakenOut, worker)
	if err != nil {
		return nil, fmt.Errorf("list the exports: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[TakenOut])
	if err != nil {
		return nil, fmt.Errorf("list the exports: %w", err)
	}
	return list, nil
}
