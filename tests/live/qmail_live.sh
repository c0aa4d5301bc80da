#!/bin/sh
# Every action on a live qmail: a stand-in that follows its documented protocol (tests/standin), with deliveries in
# flight for as long as a case wants. tests/real/qmail_ops.sh does the same on a real one.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99
. "$top_srcdir/tests/live/world.sh"

[ -r /proc/locks ] || skip_all 'no /proc/locks: whether qmail-send runs cannot be told'
standin=$top_builddir/tests/standin
[ -x "$standin/qmail_send" ] || bail 'the stand-in is not built'
STANDIN_QUEUE=$queue qmail_queue=$standin/qmail_queue
export STANDIN_QUEUE

launch() {
	"$standin/qmail_send" "$queue" "$control" "$LIVE/deliver" "$LIVE/clock" >>"$LIVE/log" 2>>"$LIVE/said" &
	send=$!
}

# ahead SECONDS: its clock goes before ours by so much.
ahead() {
	echo "$1" >"$LIVE/clock"
	mark_log
	kill -USR1 "$send"
	within 20 log_says 'clock:' || fail 'the clock of the stand-in is set'
}

make_world 64014 64012 64010
. "$top_srcdir/tests/live/cases.sh"
. "$top_srcdir/tests/live/identity.sh"
. "$top_srcdir/tests/live/undone.sh"
. "$top_srcdir/tests/live/killed.sh"
. "$top_srcdir/tests/live/mended.sh"
. "$top_srcdir/tests/live/clocked.sh"
done_testing
