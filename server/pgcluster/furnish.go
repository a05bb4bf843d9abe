package pgcluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// settings are those of a private cluster in service. Acknowledged fixes are on
// disk: synchronous_commit and fsync stay on. jit makes tile queries slower.
// Errors are logged without their DETAIL lines, which quote rows: people's names
// and places do not belong in a log.
const settings = `
fsync = on
synchronous_commit = on
shared_buffers = 256MB
effective_cache_size = 1GB
work_mem = 16MB
maintenance_work_mem = 128MB
max_wal_size = 2GB
checkpoint_timeout = 15min
random_page_cost = 1.1
jit = off
max_connections = 100
log_error_verbosity = terse
`

// testSettings are those of the shared cluster for tests: fast, and worthless
// after a power cut, when it is made anew.
const testSettings = `
fsync = off
full_page_writes = off
synchronous_commit = off
wal_level = minimal
max_wal_senders = 0
autovacuum_naptime = 1h
shared_buffers = 128MB
max_wal_size = 2GB
jit = off
max_connections = 400
`

const commonSettings = `# Written by Gridward at each start. Your own settings go into %s, which is read last.
data_directory = '%s'
hba_file = '%s'
listen_addresses = ''
port = %s
unix_socket_directories = '%s'
unix_socket_permissions = 0700
timezone = 'UTC'
log_timezone = 'UTC'
datestyle = 'iso, ymd'
lc_messages = 'C.UTF-8'
default_text_search_config = 'pg_catalog.simple'
logging_collector = on
log_directory = '%s'
log_filename = 'postgresql-%%a.log'
log_truncate_on_rotation = on
log_rotation_age = 1d
log_rotation_size = 0
log_file_mode = 0600
log_line_prefix = '%%m [%%p] %%q%%u@%%d '
log_checkpoints = off
%s
include_if_exists = '%s'
`

const hba = `# Written by Gridward at each start. The socket's directory is 0700: whoever can
# reach it may take any role. Nothing listens on TCP.
local all all trust
`

// writeConfig writes the files that only we write; the server reads them.
func (h home) writeConfig(own string) error {
	quote := func(s string) string { return strings.ReplaceAll(s, "'", "''") }
	conf := fmt.Sprintf(commonSettings, quote(h.localFile()), quote(h.cluster()), quote(h.hbaFile()), port, quote(h.socket),
		quote(h.logDir()), own, quote(h.localFile()))
	for path, text := range map[string]string{h.confFile(): conf, h.hbaFile(): hba} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil { // the server runs as another user and holds no secret here
			return fmt.Errorf("writing PostgreSQL's settings: %w", err)
		}
	}
	return nil
}

func (h home) postgresArgs() []string {
	return []string{"-D", h.cluster(), "-c", "config_file=" + h.confFile()}
}

// initdb makes the cluster beside its final name and moves it there when it is
// whole, so that an interrupted first start leaves nothing half-made.
func (h home) initdb(ctx context.Context, srv server, extra ...string) error {
	tmp := h.newCluster()
	if err := os.RemoveAll(tmp); err != nil {
		return fmt.Errorf("clearing an unfinished cluster: %w", err)
	}
	if err := os.Mkdir(tmp, 0o700); err != nil {
		return fmt.Errorf("making the cluster: %w", err)
	}
	if err := h.user.give(tmp); err != nil {
		return err
	}
	args := append([]string{
		"-D", tmp, "--username=" + superuser, "--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums",
		"--auth-local=trust", "--auth-host=reject", "--no-instructions",
	}, extra...)
	cmd := exec.CommandContext(ctx, srv.bin("initdb"), args...)
	cmd.Dir = "/"
	h.user.dress(cmd)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("making the cluster: initdb: %w\n%s", err, out)
	}
	if err := os.Rename(tmp, h.cluster()); err != nil {
		return fmt.Errorf("making the cluster: %w", err)
	}
	return nil
}

// furnishing runs at every start: it makes what is missing and changes nothing
// that is there, except that PostGIS follows an updated package. Only a
// superuser may create PostGIS, which is why it happens here and not in a migration.
const furnishing = `
\set ON_ERROR_STOP on
SELECT 'CREATE ROLE ` + ownerRole + ` LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '` + ownerRole + `') \gexec
SELECT 'CREATE ROLE ` + appRole + ` NOLOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '` + appRole + `') \gexec
GRANT ` + appRole + ` TO ` + ownerRole + `;
SELECT 'CREATE DATABASE ` + database + ` OWNER ` + ownerRole + `' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '` + database + `') \gexec
\connect ` + database + `
CREATE EXTENSION IF NOT EXISTS postgis;
SELECT 'ALTER EXTENSION postgis UPDATE' FROM pg_available_extensions WHERE name = 'postgis' AND installed_version <> default_version \gexec
`

func (h home) furnish(ctx context.Context, srv server) error {
	if err := h.psql(ctx, srv, furnishing); err != nil {
		return fmt.Errorf("making database, roles and PostGIS: %w", err)
	}
	return nil
}

// psql runs a script as superuser with the server's own client, which is always
// installed with it; the house's database driver lives in another room.
func (h home) psql(ctx context.Context, srv server, script string) error {
	cmd := exec.CommandContext(ctx, srv.bin("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", h.dsn(superuser, "postgres"))
	cmd.Dir = "/"
	h.user.dress(cmd)
	cmd.Env = append(cmd.Env, "PGOPTIONS=-c client_min_messages=warning")
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("psql: %w\n%s", err, out)
	}
	return nil
}
