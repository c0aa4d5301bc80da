#!/bin/sh
# Each limit on hostile input is named in a test of its own.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99
cd "$top_srcdir" || exit 99

sed -n 's/^#define \(LIMIT_[A-Z_]*\) .*/\1/p' include/mtaq/limits.h >"$tmp/limits"
[ -s "$tmp/limits" ] || bail 'no limits found'
while read -r limit; do
	ok "$limit is tested" grep -rqw --include='*.c' --include='*.sh' "$limit" tests --exclude-dir=lint
done <"$tmp/limits"
used() {
	while read -r limit; do
		grep -rqw "$limit" src backends || echo "$limit"
	done <"$tmp/limits"
}
none 'no limit is forgotten by the code' used
done_testing
