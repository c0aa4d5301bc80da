#!/bin/sh
# run.sh SECONDS [TARGET]...: build the fuzz targets with libFuzzer (clang) and run each for SECONDS.
#
# Each starts from its corpus in tests/fuzz/corpus/X and its words in tests/fuzz/X.dict, and adds to a copy of its own
# below build/fuzz. An input that crashes is kept there and named; put it into the corpus with its repair.
set -u
seconds=${1:-60}
shift
case $seconds in
'' | *[!0-9]*) echo 'run.sh: SECONDS must be a number' >&2; exit 64 ;;
esac
top=$(cd "$(dirname "$0")/../.." && pwd)
build=$top/build/fuzz
command -v clang >/dev/null || { echo 'run.sh: needs clang' >&2; exit 69; }

mkdir -p "$build" && cd "$build" || exit 71
if [ ! -f Makefile ]; then
	"$top/configure" -q CC=clang --enable-fuzzers --enable-sanitizer=address,undefined || exit 1
fi
make -s -j "$(getconf _NPROCESSORS_ONLN)" fuzzers >make.log 2>&1 || { tail -n 30 make.log; exit 1; }

[ $# -gt 0 ] || set -- $(make -s print-fuzzers)
[ $# -gt 0 ] || { echo 'run.sh: no targets' >&2; exit 1; }
failed=0
for target; do
	name=${target##*/fuzz_}
	mkdir -p "corpus/$name" "crashes"
	# shellcheck disable=SC2046
	set -- $([ ! -f "$top/tests/fuzz/$name.dict" ] || echo "-dict=$top/tests/fuzz/$name.dict")
	if "tests/fuzz/fuzz_$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
	    -artifact_prefix="crashes/$name-" "$@" "corpus/$name" "$top/tests/fuzz/corpus/$name" \
	    >"$name.log" 2>&1 </dev/null; then
		echo "ok - fuzz_$name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$name.log") runs"
	else
		failed=$((failed + 1))
		echo "not ok - fuzz_$name: see $build/$name.log"
		grep -E '^(==.*ERROR|SUMMARY|.*runtime error|artifact_prefix|.*Test unit written)' "$name.log"
	fi
done
[ "$failed" -eq 0 ] || { echo "$failed targets failed; inputs that crash are in $build/crashes"; exit 1; }
