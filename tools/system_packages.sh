#!/usr/bin/env bash
# Some tests run against real programs: the keychain's against a gnome-keyring on a private D-Bus session, the store's
# against a PostgreSQL server of their own, the control API's against a real Chromium, the menu bar's on a screen. Installs
# these on Debian when run as root; anywhere else says which tests will be skipped. Never fails the build: the tests skip
# by themselves.
set -uo pipefail

has_keyring() { command -v gnome-keyring-daemon >/dev/null 2>&1 && command -v dbus-run-session >/dev/null 2>&1; }
has_postgres() { compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null 2>&1; }
has_browser() { command -v chromium >/dev/null 2>&1; }
has_screen() { for name in Xvfb openbox trayer xdotool import plistutil; do command -v "$name" >/dev/null 2>&1 || return 1; done; }
has_builder() { for name in ldd objcopy objdump; do command -v "$name" >/dev/null 2>&1 || return 1; done; }

wanted=()
has_keyring || wanted+=(gnome-keyring dbus)
has_postgres || wanted+=(postgresql)
has_browser || wanted+=(chromium fonts-dejavu-core)
# A screen with a tray, what Qt needs to draw on it, and a reader of property lists.
has_screen || wanted+=(xvfb openbox trayer xdotool imagemagick libplist-utils libegl1 libgl1 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4
  libxcb-image0 libxcb-keysyms1 libxcb-render-util0 libxcb-shape0 libfontconfig1 libdbus-1-3 fonts-dejavu-core)
# What takes programs apart and puts them together, for the frozen application.
has_builder || wanted+=(binutils)

skipped() {
  has_keyring || echo "system packages: $1; the tests in tests/secrets against a real keyring will be skipped"
  has_postgres || echo "system packages: $1; the tests marked postgres will be skipped"
  has_browser || echo "system packages: $1; the tests marked browser will be skipped"
  has_builder || echo "system packages: $1; the tests of the built application will be skipped"
  has_screen || echo "system packages: $1; the tests of the menu bar on a screen will be skipped"
  echo "system packages: they need ${wanted[*]}"
  exit 0
}

[ "$(uname -s)" = Linux ] || exit 0
[ "${#wanted[@]}" -gt 0 ] || exit 0
command -v apt-get >/dev/null 2>&1 || skipped "this is no Debian or Ubuntu"
[ "$(id -u)" = 0 ] || skipped "not root"

export DEBIAN_FRONTEND=noninteractive
# The tests start servers of their own: a first one of the system would only take memory and a port. What is in this
# directory is read when the package is set up; a file of somebody else's there is left alone.
no_first_server() {
  local folder=/etc/postgresql-common/createcluster.d
  [ -e /etc/postgresql-common/createcluster.conf ] && return
  mkdir -p "$folder" && printf 'create_main_cluster = false\n' >"$folder/50-mooring-tests.conf"
}
install() {
  timeout 300 apt-get install -qq -y --no-install-recommends -o DPkg::Lock::Timeout=60 "${wanted[@]}" >/dev/null 2>&1
}
has_postgres || no_first_server
# A fresh image has no package lists, and old lists name versions that are gone.
install || { timeout 120 apt-get update -qq >/dev/null 2>&1 && install; }
has_keyring && has_postgres && has_browser && has_screen && has_builder || skipped "apt-get could not install them"
echo "system packages: installed ${wanted[*]}"
