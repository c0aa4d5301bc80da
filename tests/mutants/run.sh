#!/bin/sh
# The tests are tried: each mutant of table.txt, one thing of the program done wrong, must turn a test red. They are made
# in a copy of the tree. MUTANTS="flock mess" chooses those with such words in their names.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99

command -v python3 >/dev/null 2>&1 || skip_all 'no python3'
[ "$(id -u)" -eq 0 ] || skip_all 'not root: most of the tests that must turn red would be skipped'
run_all="python3 -B $top_srcdir/tests/mutants/run.py $tmp $top_srcdir"
# what is synced all the time is slow on a disk
# shellcheck disable=SC2086
if have_private_mounts; then
	unshare --mount --propagation private sh -c '
		mount -t tmpfs -o mode=700 none "$1" || exit 99
		shift
		exec "$@"' on_tmpfs "$tmp" $run_all ${MUTANTS:-}
else
	$run_all ${MUTANTS:-}
fi
