#!/bin/sh
# `mtaq check --repair` killed at every system call that changes something, and each of these calls made to fail, on a
# queue with damage of many kinds. After each: the same command again ends in what a run that was not killed gives; no message is ever visible without its data
# that had it before; and undo of the run that was killed gives the damage back.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99
TZ=UTC LC_ALL=C.UTF-8 MTAQ_TEST=1
export TZ LC_ALL MTAQ_TEST
unset MTAQ_QUEUES
[ "$(id -u)" -eq 0 ] || skip_all 'not root'
command -v strace >/dev/null || skip_all 'no strace'
strace -o "$tmp/log" true 2>/dev/null || skip_all 'strace may not trace here'

late=$(($(date +%s) + 30 * 86400))
calls='rename renameat renameat2 link linkat unlink unlinkat mkdir mkdirat mknodat mkfifo fchmod fchmodat chmod fchown fchownat
chown utimensat ftruncate write pwrite64 fsync fdatasync'

# --- a queue with one damage of each kind of step

base=$(fixture sendmail split) || exit 99
q=$base/mqueue
set -- $(find "$q"/q1/qf "$q"/q2/qf "$q"/q3/qf -name 'qf?*' | sort)
[ $# -ge 6 ] || bail 'the recorded queue has too few messages'
name() { basename "$1" | cut -c 3-; }
unit() { dirname "$(dirname "$1")"; }
mv "$1" "$(dirname "$1")/Qf$(name "$1")" # rename, with its mode mended before
chmod g+w "$(dirname "$1")/Qf$(name "$1")"
other=$q/q2
[ "$(unit "$2")" = "$other" ] && other=$q/q3
mv "$(unit "$2")/df/df$(name "$2")" "$other/df/" # the data file is brought back
mv "$3" "$(unit "$3")/qf$(name "$3")"            # control and data file, data file first
mv "$(unit "$3")/df/df$(name "$3")" "$(unit "$3")/"
mv "$4" "$(dirname "$4")/hf$(name "$4")" # its text is replaced
rm "$(unit "$5")/df/df$(name "$5")"      # into the trash
cp -p "$6" "$(dirname "$6")/hf$(name "$6")"
sed -i 's/^S/qreason\nS/' "$(dirname "$6")/hf$(name "$6")" # one of two
: >"$q/q1/df/dfzzzzzzzz000001"
: >"$q/q1/qf/qfzzzzzzzz000002"
: >"$q/q1/df/dfzzzzzzzz000002"
mkfifo "$q/q1/qf/qfzzzzzzzz000003"
mkdir "$q/q1/qf/qfzzzzzzzz000004"

# fresh: the damaged queue once more, in $tmp/now, under the same path each time.
now=$tmp/now
queue="sendmail:$now/mqueue/q*,cf=$now/mail/sendmail.cf"
fresh() {
	rm -rf "$now"
	cp -a "$base" "$now"
}
command_line() {
	echo "$MTAQ -q $queue --clock @$late --jobs 1 --journal $now/journal --trash $now/trash check --repair --no-syslog"
}
repair() {
	# shellcheck disable=SC2046 # words without blanks
	run $(command_line)
}
# Everything but what died on the way, directories that were made new have other times.
snapshot() {
	(cd "$now/mqueue" && find . -mindepth 1 ! -name '.mtaq*' \
	    \( -type d -printf '%p %m %u:%g\n' -o -printf '%p %y %m %u:%g %s %T@\n' \) | sort &&
	    find . -type f ! -name '.mtaq*' -print0 | sort -z | xargs -0 cksum)
}
# Control files that sendmail would try and whose data file is not where it looks: "" but for those that were so before.
naked() {
	for qf in "$now"/mqueue/q*/qf/qf?*; do
		[ -f "$qf" ] && [ -s "$qf" ] || continue
		[ -f "$(unit "$qf")/df/df$(name "$qf")" ] || name "$qf"
	done | sort
}

fresh
snapshot >"$tmp/damaged"
naked >"$tmp/naked-before"
# shellcheck disable=SC2046
strace -f -o "$tmp/log" -e trace="$(printf '?%s\n' $calls | paste -sd,)" $(command_line) >"$tmp/lines" 2>"$tmp/said"
is "$(grep -c ': repaired' "$tmp/lines")" 10 'the run that is not killed repairs all'
snapshot >"$tmp/mended"
ok 'and changes the queue' test "$(cksum <"$tmp/mended")" != "$(cksum <"$tmp/damaged")"

killed=0 bad=0
complain() {
	bad=$((bad + 1))
	diag "$call number $n, $how: $1"
	[ -z "${2:-}" ] || diag "$(diff "$2" "$3" | head -n 12)"
}

# one_point CALL N HOW
one_point() {
	call=$1 n=$2 how=$3
	fresh
	# shellcheck disable=SC2046
	strace -f -o /dev/null -e trace="$call" -e inject="$call:$how:when=$n" $(command_line) >/dev/null 2>&1
	killed=$((killed + 1))
	naked >"$tmp/naked"
	[ -z "$(comm -13 "$tmp/naked-before" "$tmp/naked")" ] || complain "a message lost its data: $(cat "$tmp/naked")"
	# the run that was killed is taken back
	rm -rf "$tmp/kept"
	cp -a "$now" "$tmp/kept"
	journal=$(find "$now/journal" -name '*.jsonl' 2>/dev/null)
	if [ -n "$journal" ]; then
		run "$MTAQ" -q "$queue" --clock "@$late" --journal "$now/journal" --trash "$now/trash" undo --no-syslog \
		    "$(basename "$journal" .jsonl)"
		snapshot >"$tmp/after"
		cmp -s "$tmp/after" "$tmp/damaged" || complain "undo: $(head -n 3 "$err")" "$tmp/after" "$tmp/damaged"
	fi
	# or finished
	rm -rf "$now"
	mv "$tmp/kept" "$now"
	repair
	snapshot >"$tmp/after"
	cmp -s "$tmp/after" "$tmp/mended" || complain "the same again: $(head -n 3 "$err")" "$tmp/after" "$tmp/mended"
	[ -z "$(find "$now/mqueue" -name '.mtaq*')" ] || complain 'something is left behind'
}

for call in $calls; do
	total=$(grep -c "^[0-9]* *$call(" "$tmp/log")
	n=1
	while [ "$n" -le "$total" ]; do
		one_point "$call" "$n" signal=KILL
		one_point "$call" "$n" error=EIO
		n=$((n + 1))
	done
done
ok 'it was killed and failed at many places' test "$killed" -ge 100
is "$bad" 0 "whole after each of $killed of them"
done_testing
