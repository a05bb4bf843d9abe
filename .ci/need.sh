#!/bin/sh
# need.sh run|test: make sure that what Gridward needs is on this machine, and
# install the Debian packages that are missing. Prints each step; when it cannot
# or may not install, prints the exact line to type.
set -eu

what=${1:-run}
fail() { printf '\n%s\n' "$*" >&2; exit 1; }

at_least() { # at_least WANTED HAVE: compare dotted versions
	[ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]
}

command -v go >/dev/null || fail "Go is missing: install Go 1.26 or newer from https://go.dev/dl/"
go_version=$(go env GOVERSION | sed 's/^go//; s/[- ].*//')
at_least 1.26 "$go_version" || fail "Go $go_version is too old: install Go 1.26 or newer from https://go.dev/dl/"
command -v node >/dev/null || fail "Node is missing: install Node 20.19 or newer from https://nodejs.org/"
node_version=$(node --version | sed 's/^v//')
at_least 20.19 "$node_version" || fail "Node $node_version is too old: install Node 20.19 or newer from https://nodejs.org/"
command -v npm >/dev/null || fail "npm is missing: it comes with Node from https://nodejs.org/, and as the Debian package npm"

packages=
command -v gcc >/dev/null || packages="$packages gcc libc6-dev"
command -v git >/dev/null || packages="$packages git"

# All three must be there: removed packages leave some of the files behind.
have_postgis=
whole() { [ -x "$1/postgres" ] && [ -x "$1/initdb" ] && [ -e "$2/extension/postgis.control" ] && [ -e "$3/postgis-3.so" ]; }
for bin in /usr/lib/postgresql/*/bin; do
	major=$(basename "$(dirname "$bin")")
	if whole "$bin" "/usr/share/postgresql/$major" "/usr/lib/postgresql/$major/lib"; then have_postgis=yes; fi
done
if [ -z "$have_postgis" ] && command -v pg_config >/dev/null; then
	if whole "$(pg_config --bindir)" "$(pg_config --sharedir)" "$(pg_config --pkglibdir)"; then have_postgis=yes; fi
fi
# A database of the user's own needs no PostgreSQL here; the tests start their own.
if [ -z "$have_postgis" ] && { [ "$what" = test ] || [ -z "${DATABASE_URL:-}" ]; }; then
	packages="$packages postgresql-15 postgresql-15-postgis-3"
fi
if [ "$what" = test ]; then
	command -v chromium >/dev/null || packages="$packages chromium"
	[ -e /usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc ] || fc-list :lang=zh 2>/dev/null | grep -q . || packages="$packages fonts-noto-cjk"
fi

[ -n "$packages" ] || exit 0
packages=${packages# }
line="apt-get install -y $packages"

as_root=
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null || fail "These packages are missing, and there is no sudo. As root, run:
  $line"
	as_root=sudo
	[ -t 0 ] || as_root="sudo -n" # nobody is there to type a password
fi
command -v apt-get >/dev/null || fail "This is not Debian. Install what these packages hold, then try again:
  $packages"

step() {
	printf '+ %s\n' "$*"
	"$@" </dev/null
}
by_hand="Nothing more was done. Run this by hand, then try again:
  ${as_root:+sudo }apt-get update && ${as_root:+sudo }$line"
echo "Missing on this machine: $packages"
# shellcheck disable=SC2086 # a list of words
{
	if [ "$as_root" = sudo ]; then
		printf '+ sudo -v\n'
		sudo -v || fail "$by_hand"
	fi
	step $as_root apt-get update -q || fail "$by_hand"
	step $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $packages || fail "$by_hand"
}
