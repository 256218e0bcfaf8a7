#!/usr/bin/env bash
# What the scripts of a release share; sourced by them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
APP="${APP:-dist/Mooring.app}"

say() { printf '%s: %s\n' "$(basename "$0" .sh)" "$1"; }

# Whether all these variables are set. Else it is said which is not, and the script ends with 0: there is nothing to do.
needs() {
  local name
  for name in "$@"; do
    if [ -z "${!name:-}" ]; then
      say "skipped, since $name is not set"
      exit 0
    fi
  done
}

has_app() {
  [ -d "$APP" ] || { say "there is no $APP; build it with make app" >&2; exit 1; }
}
