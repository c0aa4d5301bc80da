#!/bin/sh
# Random damage to the queue of a real sendmail: `mtaq check` finds it, --repair mends it, and sendmail delivers what it
# can, whole (check_damage.py). And the queue of a sendmail at work: nothing is wrong with it at any moment
# (check_busy.py). CHECK_SEED=N repeats a run, CHECK_SECONDS=N makes the second part longer.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99
. "$top_srcdir/tests/sendmail.sh" || exit 99

need_sendmail

seed=${CHECK_SEED:-$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')}

# world LAYOUT NAME: a private sendmail in $world, a free port in $PORT, a directory for the sink in $sink.
new_world() {
	PORT=$(closed_port)
	export PORT
	world=$tmp/$2 sink=$tmp/sink-$2
	mkdir "$sink"
	private_sendmail "$world" "$1"
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
