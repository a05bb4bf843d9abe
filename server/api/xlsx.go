package api

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/xuri/excelize/v2"

	"github.com/gridward/gridward/server/access"
)

const xlsxType = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

// sheet is one page of a workbook. A cell is a string or a number.
type sheet struct {
	name string
	head []string
	rows [][]any
}

// book is a body that can be exported as a workbook of several sheets.
type book interface{ book() []sheet }

// exported is a body on its way out, with who takes it.
type exported struct {
	body any
	by   string
	at   time.Time
}

// signExport notes on a workbook who exported it and when.
func signExport(clock func() time.Time) huma.Transformer {
	return func(ctx huma.Context, _ string, v any) (any, error) {
		if ctx.Header("Accept") != xlsxType {
			return v, nil
		}
		switch v.(type) {
		case table, book:
			who, _ := access.From(ctx.Context())
			return exported{v, strings.TrimSpace(who.Name + " " + who.Login), clock()}, nil
		}
		return v, nil
	}
}

// xlsxFormat writes a table or a book as a workbook, row by row.
var xlsxFormat = huma.Format{
	Marshal: func(w io.Writer, v any) error {
		e, ok := v.(exported)
		if !ok {
			return json.NewEncoder(w).Encode(v)
		}
		var sheets []sheet
		switch b := e.body.(type) {
		case book:
			sheets = b.book()
		case table:
			head, rows := b.table()
			s := sheet{name: "清单", head: head, rows: make([][]any, len(rows))}
			for i, row := range rows {
				s.rows[i] = make([]any, len(row))
				for j, cell := range row {
					s.rows[i][j] = cell
				}
			}
			sheets = []sheet{s}
		}
		return writeBook(w, sheets, e)
	},
}

func writeBook(w io.Writer, sheets []sheet, e exported) error {
	f := excelize.NewFile()
	defer f.Close()
	bold, err := f.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}, Fill: excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"DDE6F0"}}})
	if err != nil {
		return fmt.Errorf("write a workbook: %w", err)
	}
	for i, s := range sheets {
		if i == 0 {
			err = f.SetSheetName("Sheet1", s.name)
		} else {
			_, err = f.NewSheet(s.name)
		}
		if err == nil {
			err = writeSheet(f, s, e, bold)
		}
		if err != nil {
			return fmt.Errorf("write a workbook: %w", err)
		}
	}
	if err := f.SetDocProps(&excelize.DocProperties{Creator: e.by, Created: e.at.UTC().Format(time.RFC3339), Title: "Gridward", Language: "zh-CN"}); err != nil {
		return fmt.Errorf("write a workbook: %w", err)
	}
	if err := f.Write(w); err != nil {
		return fmt.Errorf("write a workbook: %w", err)
	}
	return nil
}

func writeSheet(f *excelize.File, s sheet, e exported, bold int) error {
	out, err := f.NewStreamWriter(s.name)
	if err != nil {
		return err
	}
	for i, width := range widths(s) {
		if err := out.SetColWidth(i+1, i+1, width); err != nil {
			return err
		}
	}
	if err := out.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return err
	}
	head := make([]any, len(s.head))
	for i, h := range s.head {
		head[i] = excelize.Cell{StyleID: bold, Value: h}
	}
	if err := out.SetRow("A1", head); err != nil {
		return err
	}
	for i, row := range s.rows {
		for j, cell := range row {
			if text, ok := cell.(string); ok {
				row[j] = disarm(text)
			}
		}
		if err := out.SetRow(fmt.Sprintf("A%d", i+2), row); err != nil {
			return err
		}
	}
	note := fmt.Sprintf("导出人：%s　导出时间：%s　共 %d 行", e.by, localTime(e.at), len(s.rows))
	if len(s.rows) >= exportRows {
		note += "（只导出前面这些行，请缩小范围后分批导出）"
	}
	if err := out.SetRow(fmt.Sprintf("A%d", len(s.rows)+2), []any{note}); err != nil {
		return err
	}
	return out.Flush()
}

// widths fits the columns to their first rows; a Chinese character takes two places.
func widths(s sheet) []float64 {
	all := make([]float64, len(s.head))
	fit := func(i int, cell any) {
		text := fmt.Sprint(cell)
		places := float64(utf8.RuneCountInString(text)+len(text)) / 2
		all[i] = min(60, max(all[i], places+2))
	}
	for i, h := range s.head {
		fit(i, h)
	}
	for _, row := range s.rows[:min(len(s.rows), 200)] {
		for i, cell := range row[:min(len(row), len(all))] {
			fit(i, cell)
		}
	}
	return all
}

// disarm keeps a spreadsheet from taking a cell for a formula.
func disarm(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
