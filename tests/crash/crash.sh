#!/bin/sh
# Each action of the shipped program killed at each call that changes something, failed at each, and cut off from power
# after each: no message is lost, doubled or without its body, and the same command again finishes. The table of actions
# is rows.py; CRASH_ROWS="delete move" chooses those with such words in their titles, CRASH_ROWS="sendmail_expire =kills"
# one row and one part of its proof.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99
. "$top_srcdir/tests/sendmail.sh" || exit 99
crash=$top_srcdir/tests/crash

command -v python3 >/dev/null 2>&1 || skip_all 'no python3'
command -v strace >/dev/null 2>&1 || skip_all 'no strace'
[ "$(id -u)" -eq 0 ] || skip_all 'not root'
private='unshare --uts --pid --fork --mount-proc --propagation private'
$private mount -t tmpfs none "$tmp" 2>/dev/null || skip_all 'no private mounts and processes'
python3 -B "$crash/strace.py" "$tmp" >"$tmp/why" 2>&1 || skip_all "$(cat "$tmp/why")"

why=$(sendmail_lacks | head -n 1)
if [ -z "$why" ]; then
	private_sendmail "$tmp/sendmail"
	CRASH_SENDMAIL=$tmp/sendmail
	export CRASH_SENDMAIL
else
	diag "$why: what its own lister says of each state is not looked at"
fi

# shellcheck disable=SC2086
python3 -B "$crash/run.py" "$tmp" "$MTAQ" "$top_srcdir" "$top_builddir/tests/crash/shortwrite.so" ${CRASH_ROWS:-}
