#!/usr/bin/env bash
# Have Apple look at the signed application or disk image, and staple the answer to it.
#   packaging/macos/notarize.sh [dist/Mooring.app | dist/Mooring-0.1.0.dmg]
# Credentials: NOTARY_PROFILE, the name of a profile of `xcrun notarytool store-credentials`; or, as in CI, NOTARY_KEY (file of an
# App Store Connect key), NOTARY_KEY_ID and NOTARY_ISSUER. Without them nothing is done. No password is taken on a command line.
# shellcheck source=packaging/macos/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
what="${1:-$APP}"
[ -e "$what" ] || { say "there is no $what" >&2; exit 1; }
if [ -n "${NOTARY_PROFILE:-}" ]; then
  credentials=(--keychain-profile "$NOTARY_PROFILE")
else
  needs NOTARY_KEY NOTARY_KEY_ID NOTARY_ISSUER
  credentials=(--key "$NOTARY_KEY" --key-id "$NOTARY_KEY_ID" --issuer "$NOTARY_ISSUER")
fi

sent="$what"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
if [ -d "$what" ]; then
  sent="$scratch/$(basename "$what" .app).zip"
  ditto -c -k --sequesterRsrc --keepParent "$what" "$sent"
fi
# --wait ends with 0 also where Apple said no; what it said is on standard output.
xcrun notarytool submit "$sent" "${credentials[@]}" --wait --timeout 30m --output-format json | tee "$scratch/answer.json"
grep -Eq '"status" *: *"Accepted"' "$scratch/answer.json" || { say "Apple did not accept $what" >&2; exit 1; }
xcrun stapler staple "$what"
xcrun stapler validate "$what"
if [ -d "$what" ]; then
  spctl --assess --type execute --verbose=2 "$what"
else
  spctl --assess --type open --context context:primary-signature --verbose=2 "$what"
fi
say "accepted and stapled: $what"
