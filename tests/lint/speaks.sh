#!/bin/sh
# The project speaks of itself alone: no paths of one machine, nothing left to do.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99
cd "$top_srcdir" || exit 99

# What is tracked, or where git cannot tell all but what the tools have made; the recorded queues say what they say.
made='aclocal\.m4|autom4te\.cache/.*|build-aux/.*|config\.[a-z.]*|configure|Makefile(\.in)?|build/.*|completion/.*|\.git/.*'
made="$made|.*\.(log|trs)"
{ git ls-files 2>/dev/null || find . -type f | grep -vE "^\./($made)~?\$"; } |
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
