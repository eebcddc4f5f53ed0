#!/bin/sh
# Runs the tests of the Python package, or any script, with the extension under AddressSanitizer and
# UndefinedBehaviorSanitizer. Builds into build/asan-<version> and touches nothing else.
#
#   python/tests/asan.sh                          the whole suite, with python3
#   PYTHON=python3.12 python/tests/asan.sh -k nesting
#   python/tests/asan.sh fuzz_views.py 60 1       a script of this folder instead
#
# Small blocks come from malloc, so that each Python object has red zones of its own. Leaks are not
# looked for: an interpreter leaves what it needs till the end. Go and its heap are not instrumented.
set -eu
cd "$(dirname "$0")/../.."
python=${PYTHON:-python3}
name=$("$python" -c 'import sys; print("asan-%d.%d" % sys.version_info[:2])')
into=build/$name/theus
mkdir -p "$into"
include=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
suffix=$("$python" -c 'import sysconfig; print(sysconfig.get_config_var("EXT_SUFFIX"))')
gcc -std=c11 -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover \
  -Wall -Wextra -Werror -fPIC -shared -fvisibility=hidden -I"$include" -Icapi \
  python/ext/*.c -o "$into/_kernel$suffix"
cp python/theus/*.py python/theus/py.typed "$into/"
./build.sh "$into/libtheus.so"

export PYTHONPATH="$PWD/build/$name" PYTHONMALLOC=malloc PYTHONFAULTHANDLER=1
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:allocator_may_return_null=1
export UBSAN_OPTIONS=print_stacktrace=1
LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libstdc++.so)"
export LD_PRELOAD
case "${1-}" in
*.py)
  script=$1
  shift
  exec "$python" "python/tests/$script" "$@"
  ;;
*) exec "$python" -m pytest -p no:cacheprovider -m 'not packaging and not gopy' "$@" ;;
esac
