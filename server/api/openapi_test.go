package api_test

import (
	"flag"
	"net/http"
	"os"
	"testing"

	"github.com/gridward/gridward/server/api"
)

var update = flag.Bool("update", false, "write docs/openapi.yaml")

// docs/openapi.yaml is what the routes say: go test ./server/api -run OpenAPI -update
func TestOpenAPIIsWhatIsServed(t *testing.T) {
	const file = "../../docs/openapi.yaml"
	got, err := api.New(http.NewServeMux(), api.Deps{}).OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s is not what the routes say: run  go test ./server/api -run OpenAPI -update", file)
	}
}
