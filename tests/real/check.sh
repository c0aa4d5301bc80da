#!/bin/sh
# Random damage to the queue of a real sendmail: `mtaq check` finds it, --repair mends it, and sendmail delivers what it
# can, whole (check_damage.py). And the queue of a sendmail at work: nothing is wrong with it at any moment
# (check_busy.py). CHECK_SEED=N repeats a run, CHECK_SECONDS=N makes the second part longer.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99

CFDIR=${CFDIR:-/usr/share/sendmail/cf}
for SM in ${SM:-} /usr/libexec/sendmail/sendmail /usr/lib/sm.bin/sendmail; do
	[ -x "$SM" ] && break
done
export CFDIR SM
[ -x "$SM" ] || skip_all 'no sendmail (Debian: sendmail-bin)'
[ -f "$CFDIR/m4/cf.m4" ] || skip_all 'no configuration sources of sendmail (Debian: sendmail-cf)'
for tool in m4 bash python3; do
	command -v $tool >/dev/null || skip_all "no $tool"
done
[ "$(id -u)" -eq 0 ] || skip_all 'not root'
unshare --uts --mount --propagation private true 2>/dev/null || skip_all 'no private namespaces here'
chmod 755 "$tmp" # the local mailer does not run as root

seed=${CHECK_SEED:-$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')}

# world LAYOUT NAME: a private sendmail in $world, a free port in $PORT, a directory for the sink in $sink.
new_world() {
	PORT=$(python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])')
	export PORT
	world=$tmp/$2 sink=$tmp/sink-$2
	mkdir "$sink"
	EXTRA_CF='O QueueLA=9999
O RefuseLA=9999' bash "$top_srcdir/tests/private-sendmail.sh" "$world" "$1" >"$tmp/made" 2>&1 ||
		bail "no private sendmail: $(cat "$tmp/made")"
}

# results NAME: what a program that prints TAP found out is found out here.
results() {
	diag "$(grep -v '^ok' "$out"; cat "$err")"
	sed -n 's/^\(not \)*ok [0-9]* - /\1 /p' "$out" >"$tmp/results"
	while IFS= read -r line; do
		case $line in
		'not  '*) fail "$1: ${line#not  }" ;;
		*) pass "$1: ${line# }" ;;
		esac
	done <"$tmp/results"
	is "$status" 0 "$1: all of it"
}

for layout in flat split; do
	new_world $layout $layout
	run python3 -B "$top_srcdir/tests/real/check_damage.py" "$world" "$MTAQ" "$sink" "$PORT" $layout "$seed"
	results "$layout, CHECK_SEED=$seed"
	new_world $layout $layout-busy
	run python3 -B "$top_srcdir/tests/real/check_busy.py" "$world" "$MTAQ" "$sink" "$PORT" $layout "${CHECK_SECONDS:-5}"
	results "$layout, at work"
done
done_testing
