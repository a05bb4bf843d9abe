package pgcluster

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// preferred is the major version that Debian 12 has, named in the install line.
const preferred = "15"

// server is an installed PostgreSQL that has PostGIS.
type server struct {
	major string
	dir   string // of its programs
}

func (s server) bin(name string) string { return filepath.Join(s.dir, name) }

// find returns the server of the major version that made the cluster, or the
// newest one for a new cluster. The error of each case says what to type.
func find(made, dataDir string) (server, error) {
	all, bare := installed()
	if made == "" {
		if len(all) > 0 {
			return all[0], nil
		}
		if len(bare) > 0 {
			return server{}, fmt.Errorf("PostgreSQL %s is installed, but its PostGIS is not. Install it with:\n  apt-get install -y postgresql-%[1]s-postgis-3\n"+
				"or set DATABASE_URL to a PostGIS of your own", bare[0])
		}
		return server{}, fmt.Errorf("no PostgreSQL with PostGIS is installed. Install it with:\n  %s\nor set DATABASE_URL to a PostGIS of your own", installLine(preferred))
	}
	for _, s := range all {
		if s.major == made {
			return s, nil
		}
	}
	if len(all) == 0 {
		return server{}, fmt.Errorf("the private database in %s needs PostgreSQL %s with PostGIS. Install it with:\n  %s", dataDir, made, installLine(made))
	}
	return server{}, fmt.Errorf(upgradeSteps, dataDir, made, all[0].major, installLine(made), upgradeDump(made, all[0].major, dataDir))
}

func installLine(major string) string {
	return fmt.Sprintf("apt-get install -y postgresql-%[1]s postgresql-%[1]s-postgis-3", major)
}

const upgradeSteps = `the private database in %s was made by PostgreSQL %s, but only %s is installed; a newer major version cannot read it.
Either bring the old one back:
  %s
or move the data, which needs both for a moment:
%s`

func upgradeDump(from, to, dir string) string {
	return fmt.Sprintf(`  %[1]s
  gridward serve -data %[4]s                     # runs on %[2]s again; leave it running
  pg_dump -Fc --exclude-table-data=spatial_ref_sys -f gridward.dump "$(gridward dsn -data %[4]s)"
  # stop gridward, then:
  mv %[4]s/postgres %[4]s/postgres-%[2]s         # keep it until you have looked at the result
  gridward serve -data %[4]s                     # makes an empty cluster on the newest version, %[3]s; leave it running
  psql "$(gridward dsn -data %[4]s)" -c 'DROP OWNED BY CURRENT_USER'
  /usr/lib/postgresql/%[3]s/bin/pg_restore --no-owner --no-comments -1 -d "$(gridward dsn -data %[4]s)" gridward.dump
  # restart gridward`, installLine(from), from, to, dir)
}

// installed lists the servers with PostGIS, newest first, and the major versions
// that lack it.
func installed() (with []server, without []string) {
	dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is constant and well-formed
	type place struct{ bin, share, major string }
	var places []place
	for _, d := range dirs {
		major := filepath.Base(filepath.Dir(d))
		places = append(places, place{d, "/usr/share/postgresql/" + major, major})
	}
	if path, err := exec.LookPath("pg_config"); err == nil { // a server that did not come from Debian
		if out, err := exec.Command(path, "--bindir", "--sharedir", "--version").Output(); err == nil { // answers at once
			if l := strings.Split(strings.TrimSpace(string(out)), "\n"); len(l) == 3 {
				v := strings.Fields(l[2])
				major, _, _ := strings.Cut(v[min(1, len(v)-1)], ".")
				if !slices.ContainsFunc(places, func(p place) bool { return p.bin == l[0] }) {
					places = append(places, place{l[0], l[1], major})
				}
			}
		}
	}
	slices.SortStableFunc(places, func(a, b place) int { return number(b.major) - number(a.major) })
	for _, p := range places {
		if !isFile(filepath.Join(p.bin, "postgres")) || !isFile(filepath.Join(p.bin, "initdb")) || !isFile(filepath.Join(p.bin, "psql")) {
			continue
		}
		if isFile(filepath.Join(p.share, "extension", "postgis.control")) {
			with = append(with, server{p.major, p.bin})
		} else {
			without = append(without, p.major)
		}
	}
	return with, without
}

func number(s string) int {
	n, _ := strconv.Atoi(s) // what is no number sorts last
	return n
}

func isFile(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular()
}
