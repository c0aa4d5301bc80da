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
empty "$(search '/(home|root)/[a-zA-Z]|/tmp/(b|land)-|/work/(wt|main|shared)|/farm/')" 'no path of one machine'
empty "$(search '(^|[^A-Za-z])(worktree|subagent)' | grep -v 'git worktree')" 'no word of a workplace'
empty "$(search '(^|[^A-Za-z_])(TODO|FIXME|XXX|HACK)([^A-Za-z_]|$)')" 'nothing left to do'
empty "$(search '[ 	]$' | grep -v '\.\(mailq\|qread\|md\|out\|golden\)[^:]*:')" 'no blanks at the ends of lines'
done_testing
