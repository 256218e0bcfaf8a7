#!/usr/bin/env bash
# Write requirements/*.txt anew: one file for each way to install, universal over platforms, with hashes.
# No file may name a registry's host, so headers and index annotations are left out.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=.tools/bin/uv
[ -x "$uv" ] || { echo "run 'make setup' once first, so that uv is here" >&2; exit 2; }
export UV_NO_CONFIG=1
compile() { # OUTPUT ARGS...
  local out=$1; shift
  "$uv" pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header --no-emit-index-url \
    --output-file "requirements/$out" "$@"
}
compile uv.txt requirements/uv.in
# dev is the widest; the others are held to the same versions.
compile dev.txt pyproject.toml --extra research --extra menubar --group pyproject.toml:dev
compile base.txt pyproject.toml --constraint requirements/dev.txt
compile app.txt requirements/app.in --constraint requirements/dev.txt
compile build.txt requirements/build.in --constraint requirements/dev.txt
for extra in research menubar postgres; do
  compile "$extra.txt" pyproject.toml --extra "$extra" --constraint requirements/dev.txt
done
# ccxt names exact versions of libraries that the daemon needs as well; its wishes do not make the daemon's older.
compile venues.txt pyproject.toml --extra venues --constraint requirements/dev.txt --override requirements/venues.in
# Runs record which locked requirements they were made with.
sum="$(sha256sum requirements/base.txt 2>/dev/null || shasum -a 256 requirements/base.txt)"
sed -i.old -E "s/\"[0-9a-f]{64}\"/\"${sum%% *}\"/" mooring/locked.py && rm -f mooring/locked.py.old
