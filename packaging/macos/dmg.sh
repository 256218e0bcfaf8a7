#!/usr/bin/env bash
# Make the disk image that people download: the application, and a link to where it belongs. Signed where there is an identity.
#   packaging/macos/dmg.sh          writes dist/Mooring-VERSION-ARCH.dmg and its sha256 beside it
# shellcheck source=packaging/macos/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
has_app
if ! command -v hdiutil >/dev/null 2>&1; then
  say "skipped, since hdiutil is not here: disk images are made on macOS"
  exit 0
fi
version="$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml | head -n 1)"
[ -n "$version" ] || { say "pyproject.toml names no version" >&2; exit 1; }
image="dist/Mooring-$version-$(uname -m).dmg"

staged="$(mktemp -d)"
trap 'rm -rf "$staged"' EXIT
ditto "$APP" "$staged/Mooring.app" # keeps links and signatures, which cp may not
ln -s /Applications "$staged/Applications"
rm -f "$image"
# Something of the system's, as what looks for viruses, may hold the volume for a moment: "Resource busy".
for pause in 5 15 30 ""; do
  hdiutil create -volname "Mooring $version" -srcfolder "$staged" -fs HFS+ -format UDZO -ov "$image" && break
  [ -n "$pause" ] || { say "hdiutil made no $image" >&2; exit 1; }
  sleep "$pause"
done
if [ -n "${CODESIGN_IDENTITY:-}" ]; then
  codesign --force --timestamp --sign "$CODESIGN_IDENTITY" "$image"
else
  say "not signed, since CODESIGN_IDENTITY is not set"
fi
hdiutil verify "$image"
sums=(shasum -a 256)
command -v shasum >/dev/null 2>&1 || sums=(sha256sum)
(cd dist && "${sums[@]}" "$(basename "$image")" >"$(basename "$image").sha256")
say "made: $image"
