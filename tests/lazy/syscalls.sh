#!/bin/sh
# What is not asked for is not read: the system calls of mtaq list on recorded queues.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99

command -v strace >/dev/null 2>&1 || skip_all 'no strace'
strace -o "$tmp/probe" true 2>/dev/null || skip_all 'strace may not trace here'
! grep -aq '__asan_init\|__tsan_init' "$MTAQ" || skip_all 'a sanitizer makes system calls of its own'

# trace KIND CASE ARGUMENT...: list with one thread; its calls in $tmp/calls.
trace() {
	kind=$1 case=$2
	shift 2
	[ -d "$tmp/$kind-$case" ] || mv "$(fixture "$kind" "$case")" "$tmp/$kind-$case" || bail "no $kind $case"
	case $kind in
	qmail) queue=$tmp/$kind-$case/queue ;;
	*) queue=$tmp/$kind-$case/mqueue ;;
	esac
	run strace -f -s 4096 -e trace=%file,%desc -o "$tmp/calls" "$MTAQ" -q "$kind:$queue" --jobs 1 \
	    --clock "$(fixture_clock "$kind")" list "$@"
	is "$status" 0 "status of list $* on $kind"
}

# calls NAMES PATTERN: how many of these system calls name a path that matches.
calls() {
	grep -Ec "^[0-9]* *($1)\\([^\"]*\"$2\"" "$tmp/calls"
}

opens='open|openat|openat2'
stats='newfstatat|fstatat64|statx|stat|lstat'
number='[0-9][0-9][0-9]+'

# --- qmail: the age and the null sender are in the stat of info ---

trace qmail basic -i
is "$(wc -l <"$out" | tr -d ' ')" 22 'all messages'
is "$(calls "$opens" "[a-z]*/[0-9]+/$number")" 0 'a plain list of ids opens no file'
is "$(calls "$stats" "mess/[0-9]+/$number")" 22 'one stat per message, of mess: its time is in the id'
is "$(calls "$stats" "[a-z]*/[0-9]+/$number")" 22 'and no other'

trace qmail basic -i -e 'bounce and age > 2d'
selected=$(wc -l <"$out" | tr -d ' ')
ok 'some bounces are old, not all messages' test "$selected" -gt 0 -a "$selected" -lt 22
is "$(calls "$opens" "mess/[0-9]+/$number")" 0 'bounce and age > 2d: opens no mess file'
is "$(calls "$opens" "(local|remote)/[0-9]+/$number")" 0 'and no channel file'
# an info of 6 bytes may be the null sender of a double bounce
six=$(find "$queue/info" -type f -size -7c -size +5c | wc -l | tr -d ' ')
is "$(calls "$opens" "info/[0-9]+/$number")" "$six" 'and an info only where its size leaves the sender open'
is "$(calls "$stats" "info/[0-9]+/$number")" 22 'one stat of info per message'
is "$(calls "$stats" "mess/[0-9]+/$number")" "$selected" 'one stat of mess per message that is listed'
sort "$out" >"$tmp/ids"

trace qmail basic -i -e 'age > 2d and bounce'
sort "$out" >"$tmp/other"
same "$tmp/other" "$tmp/ids" 'the other way round: the same messages'
is "$(calls "$opens" "mess/[0-9]+/$number")" 0 'and the same cost'

trace qmail basic -i -e 'subject =~ /./ and age > 2d'
old=$(calls "$opens" "mess/[0-9]+/$number")
is "$(calls "$stats" "info/[0-9]+/$number")" 22 'subject and age: a stat for each'
run "$MTAQ" -q "qmail:$queue" --clock "$(fixture_clock qmail)" list -i -e 'age > 2d'
is "$old" "$(wc -l <"$out" | tr -d ' ')" 'headers are read of the old ones only'
ok 'which are not all' test "$old" -gt 0 -a "$old" -lt 22

trace qmail basic -i -e 'mta == sendmail and subject =~ /./'
is "$(calls "$opens|$stats" "[a-z]*/[0-9]+/$number")" 0 'what the queue alone decides costs nothing'

# --- sendmail: all is in the control file, but its name and the size ---

trace sendmail flat -i
is "$(wc -l <"$out" | tr -d ' ')" 25 'all messages'
is "$(calls "$opens" '[^"]*[qd]f[0-9][^"]*')" 0 'sendmail: a plain list of ids opens no file'
is "$(calls "$stats" '[^"]*[qd]f[0-9][^"]*')" 0 'and asks for no stat'

trace sendmail flat -i -e 'size > 60k'
is "$(calls "$opens" '[^"]*[qd]f[0-9][^"]*')" 0 'the size opens no file'
is "$(calls "$stats" '[^"]*df[0-9][^"]*')" 25 'one stat of df per message'

trace sendmail flat -i -e 'subject =~ /./ and size > 60k'
is "$(calls "$opens" '[^"]*qf[0-9][^"]*')" "$(calls "$opens" '[^"]*[qd]f[0-9][^"]*')" 'the header comes from qf'
run "$MTAQ" -q "sendmail:$queue" --clock "$(fixture_clock sendmail)" list -i -e 'size > 60k'
is "$(calls "$opens" '[^"]*qf[0-9][^"]*')" "$(wc -l <"$out" | tr -d ' ')" 'of the large ones only'

trace sendmail flat -i -e 'bounce and age > 1s and recipient =~ /@/ and subject =~ /./'
is "$(calls "$opens" '[^"]*qf[0-9][^"]*')" 25 'many fields of one control file: opened once per message'
is "$(calls "$opens" '[^"]*df[0-9][^"]*')" 0 'no data file'
done_testing
