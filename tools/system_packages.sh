#!/usr/bin/env bash
# The tests of the keychain run against a real gnome-keyring on a private D-Bus session. Installs both on Debian and
# Ubuntu when run as root; anywhere else says which tests will be skipped. Never fails the build: the tests skip by themselves.
set -uo pipefail

packages=(gnome-keyring dbus)

missing() { ! command -v gnome-keyring-daemon >/dev/null 2>&1 || ! command -v dbus-run-session >/dev/null 2>&1; }

skipped() {
  echo "system packages: $1; the tests in tests/secrets against a real keyring will be skipped (they need: ${packages[*]})"
  exit 0
}

[ "$(uname -s)" = Linux ] || exit 0
missing || exit 0
command -v apt-get >/dev/null 2>&1 || skipped "this is no Debian or Ubuntu"
[ "$(id -u)" = 0 ] || skipped "not root"

export DEBIAN_FRONTEND=noninteractive
install() {
  timeout 300 apt-get install -qq -y --no-install-recommends -o DPkg::Lock::Timeout=60 "${packages[@]}" >/dev/null 2>&1
}
# A fresh image has no package lists, and old lists name versions that are gone.
install || { timeout 120 apt-get update -qq >/dev/null 2>&1 && install; }
missing && skipped "apt-get could not install them"
echo "system packages: installed ${packages[*]}"
