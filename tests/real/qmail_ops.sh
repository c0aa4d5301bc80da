#!/bin/sh
# Every action on a real qmail at work: the cases that the stand-in passes (tests/live), where QMAIL_HOME names one that
# is installed. In a mount namespace of its own, with a queue, configuration and local deliveries of its own: nothing of
# this host is seen or touched.
if [ -z "${QMAIL_INSIDE:-}" ] && unshare --mount --propagation private true 2>/dev/null; then
	QMAIL_INSIDE=yes
	export QMAIL_INSIDE
	exec unshare --mount --propagation private "$0" "$@"
fi
. "${top_srcdir:-.}/tests/lib.sh" || exit 99
. "$top_srcdir/tests/live/world.sh"

[ -n "${QMAIL_HOME:-}" ] || skip_all 'QMAIL_HOME names no qmail'
for program in qmail-start qmail-send qmail-queue; do
	[ -x "$QMAIL_HOME/bin/$program" ] || skip_all "no $program in $QMAIL_HOME/bin"
done
[ "$(id -u)" = 0 ] || skip_all 'not root'
[ -n "${QMAIL_INSIDE:-}" ] || skip_all 'no private mount namespaces here'
for user in qmailq qmails qmailr alias; do
	id "$user" >/dev/null 2>&1 || skip_all "no user $user"
done
[ "$(find "$QMAIL_HOME/queue/mess" -mindepth 1 -maxdepth 1 -name '[0-9]*' | wc -l)" = 23 ] || skip_all 'this qmail has not 23 split directories'

# one such test at a time
exec 9>"$QMAIL_HOME/.test.lock"
flock 9

qmail_queue=$QMAIL_HOME/bin/qmail-queue
make_world qmailq qmails qmail
mkdir "$LIVE/alias" "$LIVE/bin"
# shellcheck disable=SC2016 # for the shell that qmail-local starts
echo "|'$LIVE/deliver'"' local "$SENDER" "${RECIPIENT#alias-virt-}"' >"$LIVE/alias/.qmail-default"
chown -R alias:qmail "$LIVE/alias"

# What qmail-rspawn runs, found by PATH: the same as for local deliveries, with the report in qmail-remote's form.
cat >"$LIVE/bin/qmail-remote" <<'EOS'
#!/bin/sh
report=$("$LIVE/deliver" remote "$2" "$3")
case $? in
0) printf 'r\0Kaccepted\n\0' ;;
100) printf 'h%s\n\0Drefused\n\0' "$report" ;;
*) printf 's%s\n\0Zdeferred\n\0' "$report" ;;
esac
EOS
chmod -R a+rX "$LIVE/alias" "$LIVE/bin"
chmod +x "$LIVE/bin/qmail-remote"
for part in queue control alias; do
	mount --bind "$LIVE/$part" "$QMAIL_HOME/$part" || bail "cannot mount over $QMAIL_HOME/$part"
done

launch() {
	PATH=$LIVE/bin:$QMAIL_HOME/bin:/usr/bin:/bin "$QMAIL_HOME/bin/qmail-start" ./Mailbox </dev/null >>"$LIVE/log" 2>>"$LIVE/said" 9>&- &
	send=$!
}

. "$top_srcdir/tests/live/cases.sh"
. "$top_srcdir/tests/live/identity.sh"
. "$top_srcdir/tests/live/undone.sh"
. "$top_srcdir/tests/live/killed.sh"
. "$top_srcdir/tests/live/mended.sh"
done_testing
