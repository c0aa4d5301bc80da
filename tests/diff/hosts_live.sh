#!/bin/sh
# mtaq hosts beside the programs of the MTAs: what sendmail -bh and qmail-tcpto print, and whom a queue run and qmail-remote
# really pass over, before and after forgetting. All of it in namespaces of its own.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99

[ "$(id -u)" = 0 ] || skip_all 'not root'
have_private_mounts || skip_all 'no private mount namespaces here'
TZ=UTC MTAQ_TEST=1
export TZ MTAQ_TEST

# --- sendmail

. "$top_srcdir/tests/sendmail.sh" || exit 99

live_sendmail() {
	world=$tmp/sm
	PORT=$(closed_port) EXTRA_MC="define(\`confHOST_STATUS_DIRECTORY',\`$world/hoststat')"
	export PORT EXTRA_MC
	private_sendmail "$world"
	sm=$world/bin/sm
	spec=sendmail:$world/spool/mqueue,cf=$world/cf/sendmail.cf
	printf 'Subject: x\n\nbody\n' | "$sm" -f a@x.test b@y.test || bail 'cannot submit'
	run "$sm" -qf
	run "$MTAQ" -q "$spec" hosts --json
	is "$(jq -r '[.host, .state, .reason, .dsn] | join(" ")' "$out")" '127.0.0.1 down Connection refused 4.4.1' \
	    'sendmail: a host that refused is down'
	compare_hoststat 'one host'

	# others, as sendmail writes them
	now=$(date +%s)
	plant com./example./mx 75 $((now - 60)) 'R421 4.3.2 Service not available'
	plant com./example./good 0 $((now - 3700))
	plant com./example 68 $((now - 5))
	plant test./old 69 $((now - 90000))
	plant test./strange 99 $((now - 7))
	compare_hoststat 'several hosts'

	# the other mail waits for the same host: a run passes it over, until it is forgotten
	tried 'a run passes over a host that is down' 0
	run "$MTAQ" -q "$spec" hosts --forget -n 127.0.0.1
	tried 'also after a dry run' 0
	run "$MTAQ" -q "$spec" hosts --forget 127.0.0.1
	is "$status $(cat "$out")" '0 127.0.0.1: forgotten' 'it is forgotten'
	tried 'the next run tries it' 1
	run "$MTAQ" -q "$spec" hosts --json 127.0.0.1
	is "$(jq -r .state "$out")" down 'and notes it again'
	plant 1./0./0./127 75 $(($(date +%s) - 1700))
	tried 'nearly half an hour: still passed over' 0
	plant 1./0./0./127 75 $(($(date +%s) - 1801))
	tried 'half an hour: tried' 1
}

# plant FILE EXIT TIME [LINE]
plant() {
	mkdir -p "$(dirname "$world/hoststat/$1")"
	printf 'V0\nE0\nH0\nS%s\n%sU%s\n.\n' "$2" "${4:+$4
}" "$3" >"$world/hoststat/$1"
	chmod 600 "$world/hoststat/$1"
}

# "HOST AGE" of each, ages of theirs in seconds; they are printed at different moments
compare_hoststat() {
	"$sm" -bh | sed 1d >"$tmp/theirs"
	"$MTAQ" -q "$spec" hosts -a --json >"$tmp/ours"
	awk '{ print $1 }' "$tmp/theirs" | sort >"$tmp/their-hosts"
	jq -r .host "$tmp/ours" | sort >"$tmp/our-hosts"
	same "$tmp/our-hosts" "$tmp/their-hosts" "sendmail -bh: $1"
	# "1+01:02:03" or "01:02:03"; ours may be printed some seconds later
	awk -v now="$(date +%s)" 'NR == FNR {
		n = split($2, d, "+")
		split(d[n], t, ":")
		age[$1] = (n > 1 ? d[1] * 86400 : 0) + t[1] * 3600 + t[2] * 60 + t[3]
		next
	}
	{ off = now - $2 - age[$1]; if (off < 0 || off > 30) print $1 ": " age[$1] " and " now - $2 }' \
	    "$tmp/theirs" - >"$tmp/off" <<END
$(jq -r '"\(.host) \(.noted)"' "$tmp/ours")
END
	is "$(cat "$tmp/off")" '' "sendmail -bh: $1: the times"
}

# tried NAME 0|1: does a queue run connect?
tried() {
	strace -f -qq -e trace=connect -o "$tmp/trace" "$sm" -qf >/dev/null 2>&1
	is "$(grep -c "sin_port=htons($PORT)" "$tmp/trace" | sed 's/^[1-9].*/1/')" "$2" "$1"
}

why=$(sendmail_lacks strace | head -n 1)
if [ -z "$why" ]; then
	live_sendmail
else
	skip "$why" 'sendmail'
fi

# --- qmail

QMAIL_HOME=${QMAIL_HOME:-/var/qmail}
export QMAIL_HOME MTAQ tmp

# In the namespace: words of qmail-tcpto and of ours at one second.
cat >"$tmp/compare" <<'EOF'
for try in 1 2 3 4 5 6 7 8 9; do
	now=$(date +%s)
	"$QMAIL_HOME/bin/qmail-tcpto" >"$tmp/tcpto.theirs"
	[ "$(date +%s)" = "$now" ] && break
done
"$MTAQ" --clock "@$now" -q "qmail:$QMAIL_HOME/queue" hosts --json |
    jq -r --argjson now "$now" '"\(.host) timed out \($now - .noted) seconds ago; # recent timeouts: \(.failures)"' >"$tmp/tcpto.ours"
"$MTAQ" -q "qmail:$QMAIL_HOME/queue" hosts --forget 127.0.0.12 >/dev/null 2>&1
"$QMAIL_HOME/bin/qmail-tcpto" >"$tmp/tcpto.after"
EOF

# table AGE COUNT of 127.0.0.11
cat >"$tmp/table.py" <<'EOF'
import struct, sys, time
age, count, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
record = bytes([127, 0, 0, 11, count, 0, 0, 0]) + struct.pack("<II", int(time.time()) - age, 0)
open(path, "r+b").write(record.ljust(1024, b"\0"))
EOF

# In the namespace: "AGE COUNT CONNECTS STATE" of what qmail-remote does and what is said before.
cat >"$tmp/remote" <<'EOF'
for of in '0 1' '0 2' '3700 2' '3700 9' '5830 2' '-20 2'; do
	python3 "$tmp/table.py" $of "$QMAIL_HOME/queue/lock/tcpto"
	state=$("$MTAQ" -q "qmail:$QMAIL_HOME/queue" hosts --json 127.0.0.11 | jq -r .state)
	echo x | strace -f -qq -e trace=connect -o "$tmp/trace" "$QMAIL_HOME/bin/qmail-remote" '[127.0.0.11]' a@b.test c@d.test >/dev/null
	echo "$of $(grep -c 'sin_port=htons(25)' "$tmp/trace") $state"
done
python3 "$tmp/table.py" 0 2 "$QMAIL_HOME/queue/lock/tcpto"
"$MTAQ" -q "qmail:$QMAIL_HOME/queue" hosts --forget 127.0.0.11 >/dev/null 2>&1
echo x | strace -f -qq -e trace=connect -o "$tmp/trace" "$QMAIL_HOME/bin/qmail-remote" '[127.0.0.11]' a@b.test c@d.test >/dev/null
echo "forgotten $(grep -c 'sin_port=htons(25)' "$tmp/trace")"
EOF

live_qmail() {
	dir=$(fixture qmail tcpto)
	shown_as "$dir/queue" "$QMAIL_HOME/queue" sh "$tmp/compare" || fail 'the programs run'
	sort "$tmp/tcpto.theirs" >"$tmp/theirs"
	sort "$tmp/tcpto.ours" >"$tmp/ours"
	is "$(wc -l <"$tmp/theirs")" 3 'qmail-tcpto sees the recorded table'
	same "$tmp/ours" "$tmp/theirs" 'qmail-tcpto'
	is "$(cut -d' ' -f1 "$tmp/tcpto.after" | sort | tr '\n' ,)" '127.0.0.11,127.0.0.13,' 'qmail-tcpto knows what was forgotten'
	if ! command -v strace >/dev/null || ! command -v python3 >/dev/null; then
		skip 'no strace or python3' 'qmail-remote'
		return
	fi
	mkdir "$dir/control.live"
	echo me.example.test >"$dir/control.live/me"
	echo 2 >"$dir/control.live/timeoutconnect"
	# shellcheck disable=SC2016 # for the inner shell
	shown_as "$dir/control.live" "$QMAIL_HOME/control" sh -c '. "$top_srcdir/tests/lib.sh"
		shown_as "$1" "$2" env tmp="$4" sh "$3"' remote "$dir/queue" "$QMAIL_HOME/queue" "$tmp/remote" "$tmp" >"$tmp/said" 2>&1
	is "$(cat "$tmp/said")" '0 1 1 tried
0 2 0 down
3700 2 0 down
3700 9 0 down
5830 2 1 tried
-20 2 0 down
forgotten 1' 'qmail-remote passes over whom it is said to, and tries what was forgotten'
}

export top_srcdir top_builddir
if [ ! -x "$QMAIL_HOME/bin/qmail-tcpto" ]; then
	skip "no qmail in $QMAIL_HOME" 'qmail'
else
	live_qmail
fi
done_testing
