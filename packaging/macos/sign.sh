#!/usr/bin/env bash
# Sign Mooring.app inside out with the hardened runtime and a timestamp, then have the signature checked.
#   CODESIGN_IDENTITY="Developer ID Application: Name (TEAM)" packaging/macos/sign.sh
# Without an identity nothing is done: PyInstaller has signed it ad hoc, and the keychain then asks again after each update.
# shellcheck source=packaging/macos/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
has_app
needs CODESIGN_IDENTITY
entitlements=packaging/macos/entitlements.plist

signed() { codesign --force --timestamp --options runtime --sign "$CODESIGN_IDENTITY" "$@"; }

# A signature covers what is inside, which must not change after it: libraries, then frameworks, programs, and the whole.
find "$APP/Contents/Frameworks" -type f \( -name '*.dylib' -o -name '*.so' -o ! -name '*.*' \) -print0 |
  while IFS= read -r -d '' library; do
    case "$(file -b "$library")" in Mach-O*) signed "$library" ;; esac
  done
find "$APP/Contents/Frameworks" -depth -type d -name '*.framework' -print0 |
  while IFS= read -r -d '' framework; do signed "$framework"; done
for program in "$APP"/Contents/MacOS/*; do
  if [ -f "$program" ] && [ ! -L "$program" ]; then signed --entitlements "$entitlements" "$program"; fi
done
signed --entitlements "$entitlements" "$APP"

codesign --verify --deep --strict --verbose=2 "$APP"
say "signed and checked: $APP"
