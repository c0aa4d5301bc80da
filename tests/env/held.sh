#!/bin/sh
# The lock that an action itself holds is not the MTA's: it makes no message locked, and none that is being removed.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99

MTAQ_TEST=1
export MTAQ_TEST
queue=$tmp/mqueue
mkdir "$queue"
message() {
	printf 'V8\nT1768400000\nK0\nN0\nP30000\nS<ann@example.com>\nRPFD:<bob@example.net>\nH??Subject: x\n.\n' \
	    >"$queue/qf$1"
	echo body >"$queue/df$1"
}
# act COMMAND ARGUMENT...
act() {
	run "$MTAQ" -q "sendmail:$queue" --clock @1768478400 --journal "$tmp/journal" --trash "$tmp/trash" "$@" --no-syslog
}

message 60F000000000001
message 60F000000000002
rm "$queue/df60F000000000002"
act expire -e 'not locked and state == queued' -n
is "$status $(grep -c expired "$out")" '0 1' 'a dry run chooses the message that is not locked'
act expire -e 'not locked and state == queued'
is "$status $(grep -c expired "$out")" '0 1' 'and it is not locked when it is read again under our lock'
ok 'so it is expired' test "$(sed -n 's/^T//p' "$queue/qf60F000000000001")" -lt 1768400000
act hold --reason test 60F000000000002
is "$status" 0 'a message without data is held'
ok 'under its own name' test -f "$queue/hf60F000000000002"

done_testing
