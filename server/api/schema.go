package api

import (
	"path"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// schemaNames names the schemas of the API by their types. Two rooms may have
// a type of the same name: the second one met gets its room's before its own,
// WorkdayPeriod beside Period.
func schemaNames() func(reflect.Type, string) string {
	first := map[string]reflect.Type{}
	return func(t reflect.Type, hint string) string {
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		name := huma.DefaultSchemaNamer(t, hint)
		known, taken := first[name]
		if !taken {
			first[name] = t
			return name
		}
		if room := path.Base(t.PkgPath()); known != t && t.Name() != "" && room != "." {
			return strings.ToUpper(room[:1]) + room[1:] + name
		}
		return name
	}
}
