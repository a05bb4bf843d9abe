#!/bin/sh
# run.sh: start the demo on the data directory DATA (default ./data).
set -eu

data=${DATA:-./data}
# PostgreSQL refuses to run as root, so as root it runs as the user postgres, who
# must be able to walk to the data directory. /root, for one, is closed.
if [ "$(id -u)" -eq 0 ] && [ -z "${DATABASE_URL:-}" ] && [ -z "${DATA:-}" ]; then
	if ! setpriv --reuid postgres --regid postgres --clear-groups test -x . 2>/dev/null; then
		data=/var/lib/gridward
		echo "The user postgres may not enter $PWD; the data goes to $data instead of ./data (choose with DATA=…)."
	fi
fi
exec bin/gridward demo -addr "${ADDR:-127.0.0.1:8080}" -data "$data"
