#!/bin/sh
# Each header compiles alone, with each compiler there is.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99

alone() {
	printf '#include "%s"\n' "$2" |
	    "$1" -std=c11 -Wall -Wextra -Wshadow -Werror -fsyntax-only -include config.h -I"$top_builddir" \
	        -I"$top_srcdir/include" -I"$top_srcdir/src" -I"$top_srcdir/backends" -x c -
}

for compiler in gcc clang; do
	if ! command -v $compiler >/dev/null 2>&1; then
		skip "no $compiler" "headers alone with $compiler"
		continue
	fi
	for header in "$top_srcdir"/include/mtaq/*.h $(find "$top_srcdir/src" "$top_srcdir/backends" -name '*.h' 2>/dev/null); do
		ok "${header#"$top_srcdir"/} alone with $compiler" alone $compiler "$header"
	done
done
done_testing
