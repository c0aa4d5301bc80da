# A message that ends between the steps of an action: mtaq is stopped there, and whatever the number belongs to afterwards
# is left alone. Sourced like cases.sh, with qmail-send stopped.
# shellcheck shell=sh
# shellcheck disable=SC2154,SC2034

stopped_there() {
	grep -q 'stopped by SIGSTOP' "$tmp/trace" 2>/dev/null
}

# held_at CALL TIME COMMAND...: mtaq is stopped at that call, then go_on.
held_at() {
	held_call=$1 held_time=$2
	shift 2
	rm -f "$tmp/trace"
	strace -f -qq -o "$tmp/trace" -e trace="$held_call" -e "inject=$held_call:signal=SIGSTOP:when=$held_time" \
	    "$MTAQ" -q "qmail:$queue,control=$control" --jobs 1 --journal "$LIVE/journal" --trash "$LIVE/trash" "$@" --no-syslog \
	    >"$out" 2>"$err" &
	tracer=$!
	within 20 stopped_there || fail "mtaq $* is stopped at $held_call"
}

go_on() {
	kill -CONT "$(sed -n '1s/ .*//p' "$tmp/trace")"
	status=0
	wait $tracer || status=$?
}

# others COUNT: as many new messages, which stay.
others() {
	for i in $(seq 1 "$1"); do
		policy "other$serial-$i@$remote" deferral
		put "others$serial-$i@$local" "other$serial-$i@$remote"
	done
	for i in $(seq 1 "$1"); do
		within 20 results_are "other$serial-$i@$remote" deferral || fail "the other message $i is there"
	done
}

end_others() {
	for i in $(seq 1 "$1"); do
		policy "other$serial-$i@$remote" success
	done
	alarm
	vanishes "others$serial-$1@$local" 'the other ones end'
}

serial=0
# ends_meanwhile CALL TIME NAME COMMAND...
ends_meanwhile() {
	when_call=$1 when_time=$2 when_name=$3
	shift 3
	serial=$((serial + 1))
	policy "ending@$remote" deferral
	before_results=$(results "ending@$remote") before_too=$(results "ending-too@$remote")
	put "ending$serial@$local" "ending@$remote" "ending-too@$remote"
	# both: a pass that is under way takes no notice of a signal
	within 20 results_are "ending@$remote" "${before_results:+$before_results }deferral" &&
	    within 20 results_are "ending-too@$remote" "${before_too:+$before_too }deferral" ||
	    fail "$when_name: a message is there"
	number "ending$serial@$local"
	mine=$n
	held_at "$when_call" "$when_time" "$@" -f "ending$serial@$local"
	policy "ending@$remote" success
	policy "ending-too@$remote" success
	alarm
	vanishes "ending$serial@$local" "$when_name: the message ends meanwhile"
	others 12
	if who_has "$mine"; then reused=yes; else reused=no; fi
	tree >"$tmp/before"
	go_on
	tree >"$tmp/after"
	same "$tmp/after" "$tmp/before" "$when_name: nothing of any other message is touched"
	unlike "$(cat "$out")" 'ending' "$when_name: it is not said to be done"
	like "$(cat "$err")" 'gone|another message|changed' "$when_name: it is said to be gone"
	end_others 12
}

if ! command -v strace >/dev/null || ! strace -qq -o /dev/null true 2>/dev/null; then
	skip 'no strace, or it may not trace' 'identity: a message that ends between the steps of an action'
else
	policy "ending-too@$remote" deferral
	start
	mkdir -p "$LIVE/journal"
	reuses=
	for action in expire requeue 'bounce --reason x' delete 'delete --purge' "drop --recipient ending@$remote"; do
		policy "ending-too@$remote" deferral
		# the queue is locked when all are chosen and none is held
		# shellcheck disable=SC2086 # words
		ends_meanwhile flock 1 "chosen, then gone: $action" $action
		reuses=$reuses$reused
		policy "ending-too@$remote" deferral
		# the intents are in the journal when all are held
		# shellcheck disable=SC2086 # words
		ends_meanwhile fdatasync 2 "held, then gone: $action" $action
		is "$reused" no "held, then gone: $action: nobody gets the number of a message that is held"
	done
	case $reuses in
	*yes*) pass 'a number was used again between choosing and acting' ;;
	*) skip 'this file system does not use inodes again at once' 'a number was used again between choosing and acting' ;;
	esac
	within 20 empty || :
	is "$(find "$queue" -type f ! -path '*/lock/*' | sed "s,^$queue/,," | sort)" '' 'nothing is left in the queue'
	stop
fi
