#!/bin/sh
# Every function that other files see has a name of its own: of two in one archive the linker takes the first, unasked.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99

command -v nm >/dev/null 2>&1 || skip_all 'no nm'
nm -g "$top_builddir/libmtaq.a" 2>/dev/null | awk 'NF == 3 && $2 ~ /^[TDBR]$/ { print $3 }' | sort >"$tmp/names"
ok 'names are found' grep -qx 'arena_alloc' "$tmp/names"

twice() {
	uniq -d "$tmp/names" | sed 's/$/: defined in two files/'
}
none 'no name is defined twice' twice
done_testing
