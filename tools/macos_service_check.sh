#!/usr/bin/env bash
# The service under a real launchd, step by step, for the macOS job: tools/macos_service_check.sh [MOORING]
# MOORING is the command to try, .venv/bin/mooring if not said. It has a home of its own and takes away what it wrote.
set -euo pipefail

mooring=${1:-.venv/bin/mooring}
uid=$(id -u)
agents=$HOME/Library/LaunchAgents
home=$(mktemp -d /private/tmp/moor.XXXXXX)
throttle=15 # seconds; launchd waits ten between two starts
domain=gui/$uid
label="" job=""

say() { printf '== %s\n' "$*"; }
fail() {
  printf 'FAILED: %s\n' "$*" >&2
  launchctl print "$job" >&2 || true
  tail -n 40 "$home"/logs/*.log >&2 || true
  exit 1
}
m() { "$mooring" --home "$home" "$@"; }
fact() { { launchctl print "$job" 2>/dev/null || true; } | sed -n "s/^[[:space:]]*$1 = \([0-9]*\).*$/\1/p" | sed -n 1p; }
healthy() { m status >/dev/null 2>&1; }
until_true() { # WHAT COMMAND...: waits up to a minute
  local what=$1 left=120
  shift
  until "$@"; do
    left=$((left - 1))
    [ "$left" -gt 0 ] || fail "waited a minute for: $what"
    sleep 0.5
  done
}
has_no_process() { [ -z "$(fact pid)" ]; }
is_gone() { ! launchctl print "$job" >/dev/null 2>&1; }
another_than() { [ -n "$(fact pid)" ] && [ "$(fact pid)" != "$1" ] && healthy; }
has_run_again() { [ -z "$1" ] || [ "$(fact runs)" -gt "$1" ]; } # RUNS, which an older launchd does not say
stays_down() { # WHAT
  local runs
  runs=$(fact runs)
  sleep "$throttle"
  has_no_process || fail "$1: it was started again"
  [ "$(fact runs)" = "$runs" ] || fail "$1: it was started again and ended again"
}
clean_up() {
  m down --forget >/dev/null 2>&1 || true
  [ -z "$job" ] || launchctl bootout "$job" >/dev/null 2>&1 || true
  rm -rf "$home"
}
trap clean_up EXIT

# Where nobody is logged in at the screen there is no gui domain: the agent is then loaded by hand into user/.
by_hand() {
  domain=user/$uid
  label=dev.mooring.check
  job=$domain/$label
  .venv/bin/python - "$home" "$mooring" >"$home/$label.plist" <<'PYTHON'
import sys
from pathlib import Path

from mooring.daemon.supervision.plist import agent

home, mooring = Path(sys.argv[1]), Path(sys.argv[2]).absolute()
(home / "logs").mkdir(mode=0o700, exist_ok=True)
program = (str(mooring), "--home", str(home), "--json", "run")
sys.stdout.buffer.write(agent("dev.mooring.check", program, home / "logs"))
PYTHON
  plutil -remove LimitLoadToSessionType "$home/$label.plist"
  plutil -lint "$home/$label.plist"
  launchctl bootstrap "$domain" "$home/$label.plist"
  until_true "the daemon's answer" healthy
}

if launchctl print "$domain" >/dev/null 2>&1; then
  say "up: written, loaded, healthy"
  m up --supervisor launchd
  files=("$agents"/dev.mooring.*.daemon.plist)
  [ -f "${files[0]}" ] || fail "no agent was written"
  label=$(basename "${files[0]}" .plist)
  job=$domain/$label
  plutil -lint "${files[0]}"
else
  say "nobody is logged in at the screen: loaded by hand into user/$uid"
  by_hand
fi
first=$(fact pid)
[ -n "$first" ] || fail "launchd says no process"
m status
m doctor || true

say "a crash is started again"
kill -9 "$first"
until_true "another process" another_than "$first"

say "SIGTERM ends it for good"
kill -TERM "$(fact pid)"
until_true "its end" has_no_process
[ "$(fact 'last exit code')" = 0 ] || fail "it ended with $(fact 'last exit code')"
stays_down "after SIGTERM"

say "a wrong setting does not loop, and is said"
printf '[trading]\nmode = "margin"\n' >"$home/settings.toml"
runs=$(fact runs)
launchctl kickstart "$job"
until_true "its start" has_run_again "$runs" # else the look for its end could come before it
until_true "its end" has_no_process
stays_down "with a wrong setting"
[ -s "$home/run/attention.json" ] || fail "nothing says why it stays down"
! m status 2>"$home/said" || fail "status calls it well"
grep -q "trading.mode" "$home/said" || fail "status does not name the setting"
rm "$home/settings.toml"

if [ "$domain" = "gui/$uid" ]; then
  say "up again, restart, and another choice for login"
  m up --supervisor launchd
  [ ! -e "$home/run/attention.json" ] || fail "what was mended is still said"
  before=$(fact pid)
  m restart
  [ "$(fact pid)" != "$before" ] || fail "restart left the former process"
  before=$(fact pid)
  m up --supervisor launchd --not-at-login
  [ "$(fact pid)" = "$before" ] || fail "another choice for login took another process"
  [ ! -e "$agents/$label.plist" ] || fail "the next login would load it"
  m up --supervisor launchd

  say "down: gone, and off for the next login"
  m down
  is_gone || fail "it is still loaded"
  off=$(launchctl print-disabled "$domain") # whole: grep ends at the first line that fits, which would fail the pipe
  grep -Eq "\"$label\" => (true|disabled)" <<<"$off" || fail "it is not disabled"
  m down --forget
  [ ! -e "$agents/$label.plist" ] || fail "its file is still there"
else
  say "bootout"
  launchctl bootout "$job" || true
  until_true "its end" is_gone
fi
say "all well"
