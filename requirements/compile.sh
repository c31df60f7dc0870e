#!/bin/sh
# Renews the hash-locked requirements from pyproject.toml; no index address is written anywhere.
set -eu
cd "$(dirname "$0")/.."
lock() { .venv/bin/uv pip compile --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-header --no-annotate --quiet "$@"; }
lock requirements/bootstrap.in -o requirements/bootstrap.txt
lock pyproject.toml --extra build --extra airflow --extra oriental --extra cluster --extra dev -o requirements/dev.txt
lock pyproject.toml --extra build --extra airflow --extra oriental -c requirements/dev.txt -o requirements/run.txt
lock pyproject.toml --extra build --extra airflow --extra oriental --extra cluster -c requirements/dev.txt -o requirements/cluster.txt
