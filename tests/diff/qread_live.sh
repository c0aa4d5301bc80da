#!/bin/sh
# list --format qread and count beside the real qmail-qread and qmail-qstat: on recorded queues, and on one in which
# qmail-send is running. All of it in a mount namespace of its own, so that a queue of this host is neither seen nor touched.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99
TZ=UTC
export TZ

QMAIL_HOME=${QMAIL_HOME:-/var/qmail}
[ -x "$QMAIL_HOME/bin/qmail-qread" ] || skip_all "no qmail in $QMAIL_HOME"
[ "$(id -u)" = 0 ] || skip_all 'not root'
have_private_mounts || skip_all 'no private mount namespaces here'
queue=$QMAIL_HOME/queue

# Blocks of a heading and its recipients, by number.
canonical() {
	awk '!/^(  done)?\t/ { key = $0; if (!sub(/^[^#]*#/, "", key)) key = "~" }
	{ printf "%s\t%06d\t%s\n", key + 0, NR, $0 }' "$1" |
	    LC_ALL=C sort -t "$(printf '\t')" -k 1,1n -k 2,2 | cut -f 3-
}

# The same run in the namespace: DIR gets what each program prints of the queue as it stands.
cat >"$tmp/listers" <<'EOF'
mkdir "$1" &&
"$QMAIL_HOME/bin/qmail-qread" >"$1/qread" &&
"$QMAIL_HOME/bin/qmail-qstat" >"$1/qstat" &&
"$MTAQ" list --format qread -q "qmail:$QMAIL_HOME/queue" >"$1/ours" 2>"$1/err" &&
"$MTAQ" count -1 -q "qmail:$QMAIL_HOME/queue" >"$1/all" &&
"$MTAQ" count -1 -q "qmail:$QMAIL_HOME/queue" -e 'state == new' >"$1/new"
EOF
export MTAQ QMAIL_HOME tmp

# compare DIR NAME [EXPECTED-DIFFERENCE]
compare() {
	canonical "$1/qread" >"$tmp/theirs"
	canonical "$1/ours" >"$tmp/ours"
	diff "$tmp/theirs" "$tmp/ours" >"$tmp/difference"
	same "$tmp/difference" "${3:-/dev/null}" "$2: qmail-qread"
	printf 'messages in queue: %s\nmessages in queue but not yet preprocessed: %s\n' "$(cat "$1/all")" "$(cat "$1/new")" >"$tmp/stat"
	same "$tmp/stat" "$1/qstat" "$2: qmail-qstat"
	is "$(cat "$1/err")" '' "$2: nothing to complain of"
}

split=$(find "$queue/mess" -mindepth 1 -maxdepth 1 -name '[0-9]*' | wc -l)
for case in basic bouncing todo tcpto empty split1 split151; do
	dir=$(fixture qmail $case)
	if [ "$(find "$dir/queue/mess" -mindepth 1 -maxdepth 1 | wc -l)" != "$split" ]; then
		skip "this qmail has $split split directories" "$case"
		continue
	fi
	shown_as "$dir/queue" "$queue" sh "$tmp/listers" "$tmp/$case" || fail "$case: the programs run"
	expected=$top_srcdir/tests/golden/$case.qread.diff
	[ -f "$expected" ] || expected=
	compare "$tmp/$case" "$case" "$expected"
	rm -rf "$dir"
done

# --- qmail-send at work: it preprocesses, and delivers nothing

dir=$(fixture qmail empty)
if [ "$(stat -c %u "$dir/queue/mess" "$dir/queue/info")" != "$(id -u qmailq 2>/dev/null)
$(id -u qmails 2>/dev/null)" ] || [ "$split" != 23 ]; then
	skip 'the users of this qmail have other numbers' 'qmail-send running'
	done_testing
fi
mkdir "$dir/control.live"
for setting in me=mail.example.test locals=local.example.test concurrencylocal=0 concurrencyremote=0 \
    virtualdomains=virt.example.test:alias-virt; do
	echo "${setting#*=}" >"$dir/control.live/${setting%%=*}"
done
chmod 755 "$tmp" "$dir" "$dir/control.live"

cat >"$tmp/live" <<'EOF'
. "$top_srcdir/tests/lib.sh" || exit 99
outer=$1
submit() {
	printf 'Subject: test\n\nbody of %s\n' "$*" | "$QMAIL_HOME/bin/qmail-inject" -f "$@" || exit 1
}
preprocessed() {
	test -z "$(ls "$QMAIL_HOME/queue/todo")"
}
# it logs to descriptor 0
PATH=$QMAIL_HOME/bin:/usr/bin:/bin "$QMAIL_HOME/bin/qmail-start" ./Mailbox 0>"$outer/log" >"$outer/send" 2>&1 &
send=$!
at_exit "kill $send"
submit one@example.com a@example.net
submit '' b@example.net c@local.example.test
submit '#@[]' postmaster@local.example.test
submit 'list-@local.example.test-@[]' d@example.net e@virt.example.test f@example.org
submit '"odd sender"@example.com' '"quoted \"local\" part"@example.net' 'tab	and blank@example.net' "$(printf 'jos\303\251')@example.net"
within 30 preprocessed || bail "qmail-send does not preprocess: $(cat "$outer/log" "$outer/send")"
sh "$outer/listers" "$outer/running" || bail 'the listers fail'
kill $send
wait $send
exit_commands=
submit late@example.com g@example.net
submit later@example.com h@example.net i@local.example.test
sh "$outer/listers" "$outer/stopped" || bail 'the listers fail'
EOF
export top_srcdir top_builddir
# shellcheck disable=SC2016 # for the inner shell
if shown_as "$dir/control.live" "$QMAIL_HOME/control" sh -c '
	. "$top_srcdir/tests/lib.sh"
	shown_as "$1" "$2" sh "$3/live" "$3"' live "$dir/queue" "$queue" "$tmp" >"$tmp/said" 2>&1; then
	compare "$tmp/running" 'qmail-send running'
	is "$(grep -c '^[0-9]' "$tmp/running/ours")" 5 'qmail-send running: all are there'
	compare "$tmp/stopped" 'qmail-send stopped'
	is "$(cat "$tmp/stopped/new")" 2 'qmail-send stopped: two wait for it'
else
	fail 'qmail-send runs'
	diag "$(cat "$tmp/said")"
fi
done_testing
