#!/bin/sh
# stop-test-db.sh: stop the PostgreSQL that the tests share (server/pgtest) and
# remove its files. It also goes by itself half an hour after its last use.
set -eu

if [ "$(id -u)" -eq 0 ]; then
	dir=${TMPDIR:-/tmp}/gridward-test-pg
else
	dir=${XDG_CACHE_HOME:-$HOME/.cache}/gridward/test-pg
fi
[ -d "$dir/postgres/cluster" ] || exit 0
pid_file=$dir/postgres/cluster/postmaster.pid
if [ -e "$pid_file" ]; then
	pid=$(head -n 1 "$pid_file")
	if [ "$(readlink "/proc/$pid/cwd" 2>/dev/null)" = "$dir/postgres/cluster" ]; then
		kill -INT "$pid"
		while [ -e "$pid_file" ]; do sleep 0.1; done
	fi
fi
rm -rf "$dir/postgres"
