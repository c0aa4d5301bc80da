#!/bin/sh
# What is said to be done is on disk before: many times that were set wait for the disk once, and where that cannot be had,
# one by one.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99

command -v strace >/dev/null 2>&1 || skip_all 'no strace'
strace -o "$tmp/probe" true 2>/dev/null || skip_all 'strace may not trace here'
strace -e trace=syncfs -o "$tmp/probe" true 2>/dev/null || skip_all 'no syncfs here'
! grep -aq '__asan_init\|__tsan_init' "$MTAQ" || skip_all 'a sanitizer makes system calls of its own'
MTAQ_TEST=1
export MTAQ_TEST

# trace ARGUMENT... : of expire on a fresh queue; the calls that matter in $tmp/calls, one word each.
trace() {
	dir=$(fixture qmail basic) || exit 99
	run strace -y -s 300 -e trace=utimensat,fsync,fdatasync,syncfs,write "$@" -o "$tmp/trace" \
	    "$MTAQ" -q "qmail:$dir/queue" --jobs 1 --clock @1795167000 --journal "$dir/journal" expire ALL --no-syslog
	sed -n '
	s/^utimensat(.*\/info\/.*/time/p
	s/^fsync(.*\/info\/.*= 0$/file/p
	s/^fsync(.*\/info\/.*/file-fails/p
	s/^syncfs(.*\/queue>).*= 0$/all/p
	s/^syncfs(.*/all-fails/p
	s/^write(.*\/journal\/.*{\\"op\\".*/intent/p
	s/^write(.*\/journal\/.*{\\"result\\".*/result/p
	s/^fdatasync(.*\/journal\/.*/journal/p' "$tmp/trace" | uniq -c | sed 's/^ *1 //; s/^ *//' >"$tmp/calls"
}

trace
is "$status" 0 'expire'
is "$(grep -c expired "$out")" 19 'of nineteen messages'
is "$(sed -n '/intent/,$p' "$tmp/calls" | tr '\n' ' ' | sed 's/result.*/result/')" \
    'intent journal 19 time all result' 'the intents are on disk, then the times are set, and on disk, then it is said to be done'

trace -e inject=syncfs:error=ENOSYS
is "$status $(grep -c expired "$out")" '0 19' 'without syncfs: all the same'
is "$(sed -n '/intent/,$p' "$tmp/calls" | tr '\n' ' ' | sed 's/result.*/result/')" \
    'intent journal 19 time all-fails 19 file result' 'each is waited for'

trace -e inject=syncfs:error=EIO -e inject=fsync:error=EIO:when=3+
is "$status $(grep -c expired "$out")" '1 0' 'a disk that fails: not said to be done'
like "$(cat "$err")" 'not known to be on disk' 'and why'
done_testing
