#!/bin/sh
# The project speaks of itself alone: no paths of one machine, nothing left to do.
. "${top_srcdir:-.}/tests/lib.sh"
cd "$top_srcdir" || exit 99

# What is tracked, or in an unpacked archive all of it; the recorded queues say what they say.
{ git ls-files 2>/dev/null || find . -type f ! -path './.git/*' ! -path './build/*'; } |
    sed 's|^\./||' | grep -v '^fixtures/\|^tests/lint/speaks.sh$\|^tests/fuzz/corpus/' >"$tmp/files"
[ -s "$tmp/files" ] || bail 'no files found'

search() {
	xargs grep -nIE "$1" <"$tmp/files"
}
ok 'the search finds what is there' search 'AC_INIT'
none 'no path of one machine' search '/(home|root)/[a-zA-Z]'
none 'nothing left to do' search '(^|[^A-Za-z_])(TODO|FIXME|XXX|HACK)([^A-Za-z_]|$)'
blank_ends() {
	search '[ 	]$' | grep -v '^tests/golden/[^:]*:'
}
none 'no blanks at the ends of lines' blank_ends
done_testing
