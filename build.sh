#!/bin/sh
# build.sh [OUTPUT]: build the kernel, libtheus.so. The only place that knows how.
#
# OUTPUT is python/theus/libtheus.so unless given. It works from a checkout and from an sdist.
#   CC                 the C compiler, gcc unless set
#   THEUS_BUILD_FLAGS  more flags for go build, such as "-asan" or "-tags invariants"
set -eu

root=$(cd "$(dirname "$0")" && pwd)
output=${1:-$root/python/theus/libtheus.so}
needed=1.26

fail() {
  echo "build.sh: $1" >&2
  exit 1
}

# Go: the local one, asked from where no go.mod makes it fetch another.
command -v go >/dev/null 2>&1 ||
  fail "Theus needs Go $needed or newer to build its kernel, and there is no go on PATH; install it (https://go.dev/dl) or use a wheel."
found=$(cd / && GOTOOLCHAIN=local go version 2>/dev/null | sed -n 's/.*go\([0-9][0-9]*\.[0-9][0-9]*\).*/\1/p')
[ -n "$found" ] || fail "Theus needs Go $needed or newer, and \"go version\" did not say which this is; check the installation."
if [ "${found%%.*}" -lt "${needed%%.*}" ] ||
  { [ "${found%%.*}" -eq "${needed%%.*}" ] && [ "${found#*.}" -lt "${needed#*.}" ]; }; then
  fail "Theus needs Go $needed or newer to build its kernel and found Go $found; install a newer one (https://go.dev/dl) or use a wheel."
fi
CC=${CC:-gcc}
command -v "${CC%% *}" >/dev/null 2>&1 ||
  fail "Theus needs a C compiler to build its kernel and found no \"${CC%% *}\"; install gcc, or set CC."

mkdir -p "$(dirname "$output")"
output=$(cd "$(dirname "$output")" && pwd)/$(basename "$output")
version=$(sed -n 's/^__version__.*= *"\([^"]*\)".*/\1/p' "$root/python/theus/_version.py" 2>/dev/null || true)

# Build beside the output and move it there: a process that has the old one mapped keeps it.
# cgo's header stays behind and goes; capi/theus.h is the contract.
work=$(mktemp -d "$(dirname "$output")/.libtheus.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$root"
# shellcheck disable=SC2086  # THEUS_BUILD_FLAGS is a list of flags
CGO_ENABLED=1 CC=$CC GOTOOLCHAIN=local GOFLAGS="${GOFLAGS:-} -buildvcs=false" go build \
  -trimpath -buildmode=c-shared \
  -ldflags "-s -w ${version:+-X main.version=$version} '-extldflags=\"-Wl,--version-script=$root/capi/theus.map\"'" \
  ${THEUS_BUILD_FLAGS:-} -o "$work/libtheus.so" ./capi || fail "the kernel did not build; the lines above say why."
mv -f "$work/libtheus.so" "$output"
