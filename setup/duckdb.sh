#!/bin/sh
# Brings the DuckDB that the tests compare with: duckdb.sh [FOLDER] makes a Python environment there and
# prints its python; the folder is ~/.cache/hirundo/duckdb by default.
#
# The version is pinned below. Does nothing, and needs no network, when it is there already.
set -eu

version=2.0.0
# DuckDB needs it to hand over times with a zone.
pytz_version=2025.2
folder=${1:-"${XDG_CACHE_HOME:-${HOME:?duckdb.sh: HOME is not set; hint: name a folder}/.cache}/hirundo/duckdb"}
python=$folder/bin/python

is_there() {
    [ -x "$python" ] && [ "$("$python" -c 'import duckdb, pytz; print(duckdb.__version__, pytz.__version__)' 2>/dev/null)" = "$version $pytz_version" ]
}

if ! is_there; then
    if ! command -v python3 >/dev/null; then
        echo "duckdb.sh: python3 is needed to bring DuckDB; hint: install Python 3" >&2
        exit 2
    fi
    mkdir -p "$(dirname "$folder")"
    # Made beside its place would break the paths inside the environment, so it is made in place; a half
    # made one fails the check above and is made again.
    if ! python3 -m venv --clear "$folder" >&2; then
        echo "duckdb.sh: could not make a Python environment in $folder; hint: install the venv module (Debian: python3-venv)" >&2
        exit 2
    fi
    if ! "$python" -m pip install --quiet --disable-pip-version-check --only-binary :all: "duckdb==$version" "pytz==$pytz_version" >&2; then
        echo "duckdb.sh: could not install duckdb $version; hint: is PyPI reachable?" >&2
        exit 2
    fi
    if ! is_there; then
        echo "duckdb.sh: duckdb $version was installed in $folder but does not load" >&2
        exit 2
    fi
fi
echo "$python"
