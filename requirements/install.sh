#!/bin/sh
# Builds .venv from the hash-locked requirements: `install.sh run` or `install.sh dev`.
# May be interrupted and repeated; an environment that was left half-built is completed.
set -eu
cd "$(dirname "$0")/.."
lock=$1
# Bytecode made once here saves every Airflow process four seconds of CPU.
unset PYTHONDONTWRITEBYTECODE
export UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy PIP_DISABLE_PIP_VERSION_CHECK=1

fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; }

find_python() {
    for name in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if fits "$name"; then echo "$name"; return; fi
    done
    echo "Moulouya needs Python 3.11, 3.12 or 3.13; found: $(python3 --version 2>&1)." >&2
    echo "hint: install one (Debian: apt-get install python3 python3-venv), or set PYTHON=/path/to/it" >&2
    exit 3
}

make_venv() {
    python=$(find_python)
    "$python" -m venv --clear .venv 2>/dev/null && return
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        echo "installing python$version-venv, which Debian keeps apart from Python"
        apt-get update -qq && apt-get install -y -qq "python$version-venv" >/dev/null
        "$python" -m venv --clear .venv && return
    fi
    echo "Python's venv module is not complete." >&2
    echo "hint: apt-get install python3-venv, then run this again" >&2
    exit 3
}

.venv/bin/python -m pip --version >/dev/null 2>&1 && fits .venv/bin/python || make_venv
echo "installing the locked requirements ($lock) into .venv: one or two minutes the first time"
.venv/bin/python -m pip install --quiet --require-hashes -r requirements/bootstrap.txt
# uv is fast; pip knows package indexes that are configured for pip alone.
.venv/bin/uv pip install --quiet --python .venv/bin/python --require-hashes -r "requirements/$lock.txt" ||
    .venv/bin/python -m pip install --quiet --require-hashes -r "requirements/$lock.txt"
.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --offline -e . ||
    .venv/bin/python -m pip install --quiet --no-deps --no-build-isolation -e .
touch .venv/.run
[ "$lock" = run ] || touch ".venv/.$lock"
