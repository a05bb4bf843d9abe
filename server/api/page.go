package api

import (
	"context"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"io"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/fault"
	"github.com/gridward/gridward/server/incident"
)

// paging is what every list takes.
type Paging struct {
	Cursor string `query:"cursor" maxLength:"200" doc:"next of the page before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Format string `query:"format" enum:"json,csv,xlsx" default:"json" doc:"csv (UTF-8 with BOM) or xlsx: up to 5000 rows, no paging"`
}

// rows is how many the database is asked for: one more than shown, to know
// whether there is a next page.
func (p Paging) rows() int {
	if p.export() {
		return exportRows
	}
	return max(1, p.Limit) + 1
}

// exportRows is how many rows an export has at most.
const exportRows = 5000

// export reports whether the list leaves the house as a file.
func (p Paging) export() bool { return p.Format == "csv" || p.Format == "xlsx" }

// exported records that who takes a list out of the house.
func (a *API) exported(ctx context.Context, p Paging, who access.Session, action, object string, detail map[string]any) error {
	if !p.export() {
		return nil
	}
	return a.audit(ctx, a.DB.Pool, who, action, object, detail)
}

// cut splits a page off list: what is shown, and the cursor of the next page.
func cut[T any](p Paging, list []T, cursor func(T) any) ([]T, string) {
	if p.export() || len(list) <= p.Limit {
		return list, ""
	}
	list = list[:p.Limit]
	b, _ := json.Marshal(cursor(list[len(list)-1]))
	return list, base64.RawURLEncoding.EncodeToString(b)
}

// read decodes the cursor into v; without one it leaves v alone.
func (p Paging) read(v any) (bool, error) {
	if p.Cursor == "" {
		return false, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(p.Cursor)
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		return false, fault.Because(err, fault.Invalid, "翻页位置有误，请从第一页重新开始")
	}
	return true, nil
}

// ListHead is the header of every list: a file name when it is exported.
type ListHead struct {
	Disposition string `header:"Content-Disposition"`
}

func head(p Paging, name string, now time.Time) ListHead {
	if !p.export() {
		return ListHead{}
	}
	return ListHead{Disposition: `attachment; filename="gridward-` + name + `-` + now.In(incident.BusinessZone()).Format("20060102-1504") + `.` + p.Format + `"`}
}

// table is a body that can be exported.
type table interface {
	table() (head []string, rows [][]string)
}

// csvFormat writes a table as spreadsheets in this country open it: UTF-8 with
// BOM. A cell that a spreadsheet would take for a formula is disarmed.
var csvFormat = huma.Format{
	Marshal: func(w io.Writer, v any) error {
		t, ok := v.(table)
		if !ok {
			return json.NewEncoder(w).Encode(v)
		}
		if _, err := io.WriteString(w, "\ufeff"); err != nil {
			return err
		}
		out := csv.NewWriter(w)
		out.UseCRLF = true
		head, rows := t.table()
		if err := out.Write(head); err != nil {
			return err
		}
		for _, row := range rows {
			for i, cell := range row {
				row[i] = disarm(cell)
			}
			if err := out.Write(row); err != nil {
				return err
			}
		}
		out.Flush()
		return out.Error()
	},
}

// localTime writes an instant as people here read it.
func localTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(incident.BusinessZone()).Format("2006-01-02 15:04:05")
}

// incidentCursor is where a page ended in a list of what happened at instants.
type incidentCursor struct {
	At time.Time
	ID uuid.UUID
}
