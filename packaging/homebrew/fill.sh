#!/usr/bin/env bash
# Fill the cask's template for one release:
#   packaging/homebrew/fill.sh VERSION DISK_IMAGE URL HOMEPAGE >Casks/mooring.rb
# The sha256 is that of the disk image itself, which is read here; a file with nothing but a sha256 in it is no disk image.
set -euo pipefail
fail() { printf 'fill: %s\n' "$1" >&2; exit 2; }
[ $# -eq 4 ] || fail "it takes VERSION DISK_IMAGE URL HOMEPAGE"
version=$1 image=$2 url=$3 homepage=$4
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+([a-z][0-9a-z.]*)?$ ]] || fail "$version is no version such as 1.2.3"
[ -s "$image" ] || fail "there is no $image, or it is empty"
[[ $image == *.dmg ]] || fail "$image is no disk image"
for address in "$url" "$homepage"; do
  [[ $address =~ ^https://[A-Za-z0-9._~/%+-]+$ ]] || fail "$address is no plain https address"
done
[[ $url == *"$version"* ]] || fail "$url does not name $version, so another release could take its place"
sums=(shasum -a 256)
command -v shasum >/dev/null 2>&1 || sums=(sha256sum)
sum="$("${sums[@]}" "$image")"
template="$(<"$(dirname "${BASH_SOURCE[0]}")/mooring.rb.in")"
template=${template//@VERSION@/$version}
template=${template//@SHA256@/${sum%% *}}
template=${template//@URL@/$url}
template=${template//@HOMEPAGE@/$homepage}
[[ $template =~ @[A-Z0-9]+@ ]] && fail "the template asks for ${BASH_REMATCH[0]}, which this script does not know"
printf '%s\n' "$template"
