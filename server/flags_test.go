package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/flags.md")

// TestFlagsAreDocumented holds docs/flags.md to what the program says of itself.
func TestFlagsAreDocumented(t *testing.T) {
	t.Parallel()
	var page strings.Builder
	page.WriteString("# Flags\n\nWhat each command says with `-h`, written by `go test ./server -run Flags -update`. Every flag can be set as `GRIDWARD_<FLAG>`: `-raw-days` as `GRIDWARD_RAW_DAYS`; the command line wins.\n")
	for _, c := range commands {
		if c.name == "version" {
			continue
		}
		names := []string{c.name}
		if c.name == "simulate" {
			names = append(names, "simulate cases")
		}
		for _, name := range names {
			var said bytes.Buffer
			args := append(strings.Fields(name), "-h")
			if status := dispatch(t.Context(), process{args: args, out: &said, errOut: &said, in: strings.NewReader(""), env: func(string) string { return "" }}); status != 0 {
				t.Fatalf("gridward %s -h ended with %d:\n%s", name, status, said.String())
			}
			fmt.Fprintf(&page, "\n## %s\n\n```\n%s\n```\n", name, strings.TrimSpace(strings.ReplaceAll(said.String(), "    \t", "      ")))
		}
	}
	const path = "../docs/flags.md"
	if *update {
		if err := os.WriteFile(path, []byte(page.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if kept, err := os.ReadFile(path); err != nil || string(kept) != page.String() {
		t.Errorf("%s is not what the program says (%v): go test ./server -run Flags -update", path, err)
	}
}
