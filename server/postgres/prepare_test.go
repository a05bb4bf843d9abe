package postgres_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/gridward/gridward/server/pgtest"
)

// Every statement of this package is understood by the schema that the
// migrations make: a renamed column fails here and not at a customer's.
func TestEveryStatementFitsTheSchema(t *testing.T) {
	t.Parallel()
	statements := readStatements(t)
	conn, err := pgtest.New(t).Pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	names := slices.Sorted(maps.Keys(statements))
	for _, name := range names { // what others select from
		if text := statements[name]; strings.HasPrefix(strings.TrimSpace(text), "CREATE TEMP") {
			if _, err := conn.Exec(t.Context(), text); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	for _, name := range names {
		text := statements[name]
		if strings.HasPrefix(strings.TrimSpace(text), "CREATE TEMP") {
			continue
		}
		if !strings.Contains(text, "$1") { // the names of StrictNamedArgs become numbers
			if text, _, err = (pgx.NamedArgs{}).RewriteQuery(t.Context(), conn.Conn(), text, nil); err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
		}
		if _, err := conn.Conn().Prepare(t.Context(), name, text); err != nil {
			t.Errorf("%s does not fit the schema: %v\n%s", name, err, text)
		}
	}
	t.Logf("%d statements", len(names))
}

// readStatements evaluates the constants of this package whose names start with sql.
func readStatements(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	exprs := map[string]ast.Expr{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool { // those inside functions as well
			decl, ok := n.(*ast.GenDecl)
			if !ok || decl.Tok != token.CONST {
				return true
			}
			for _, spec := range decl.Specs {
				if v, ok := spec.(*ast.ValueSpec); ok && len(v.Values) == len(v.Names) {
					for i, name := range v.Names {
						exprs[name.Name] = v.Values[i]
					}
				}
			}
			return true
		})
	}
	statements := map[string]string{}
	for name, expr := range exprs {
		if !strings.HasPrefix(name, "sql") {
			continue
		}
		text, err := evaluate(expr, exprs)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		statements[name] = text
	}
	if len(statements) < 10 {
		t.Fatalf("found only %d statements: this test looks in the wrong place", len(statements))
	}
	return statements
}

// evaluate joins string constants.
func evaluate(e ast.Expr, known map[string]ast.Expr) (string, error) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			return strconv.Unquote(e.Value)
		}
	case *ast.ParenExpr:
		return evaluate(e.X, known)
	case *ast.BinaryExpr:
		left, err := evaluate(e.X, known)
		if err != nil {
			return "", err
		}
		right, err := evaluate(e.Y, known)
		return left + right, err
	case *ast.Ident:
		if other, ok := known[e.Name]; ok {
			return evaluate(other, known)
		}
	}
	return "", fmt.Errorf("not made of string constants of this package (%T)", e)
}
