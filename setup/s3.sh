#!/bin/sh
# Brings the object store that the tests talk to: s3.sh [FOLDER] makes a Python environment with moto there and
# prints its python; the folder is ~/.cache/hirundo/s3 by default. setup/s3_server.py is what runs in it.
#
# The versions are pinned below. Does nothing, and needs no network, when it is there already.
set -eu

moto=5.2.5
boto3=1.44.8
folder=${1:-"${XDG_CACHE_HOME:-${HOME:?s3.sh: HOME is not set; hint: name a folder}/.cache}/hirundo/s3"}
python=$folder/bin/python

is_there() {
    [ -x "$python" ] && [ "$("$python" -c 'import moto.server, boto3; from importlib.metadata import version; print(version("moto"), boto3.__version__)' 2>/dev/null)" = "$moto $boto3" ]
}

if ! is_there; then
    if ! command -v python3 >/dev/null; then
        echo "s3.sh: python3 is needed to bring moto; hint: install Python 3" >&2
        exit 2
    fi
    mkdir -p "$(dirname "$folder")"
    # Made beside its place would break the paths inside the environment, so it is made in place; a half
    # made one fails the check above and is made again.
    if ! python3 -m venv --clear "$folder" >&2; then
        echo "s3.sh: could not make a Python environment in $folder; hint: install the venv module (Debian: python3-venv)" >&2
        exit 2
    fi
    if ! "$python" -m pip install --quiet --disable-pip-version-check --prefer-binary "moto[server,s3]==$moto" "boto3==$boto3" >&2; then
        echo "s3.sh: could not install moto $moto; hint: is PyPI reachable?" >&2
        exit 2
    fi
    if ! is_there; then
        echo "s3.sh: moto $moto was installed in $folder but does not load" >&2
        exit 2
    fi
fi
echo "$python"
