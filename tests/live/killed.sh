# mtaq is killed in the midst of an action, qmail-send goes on, and the same command again finishes: no message is lost,
# none is delivered twice, nobody hears of it twice. Sourced like cases.sh, with qmail-send stopped.
# shellcheck shell=sh
# shellcheck disable=SC2154,SC2034

# killed_at CALL TIME COMMAND...: 137 in $status when it came so far.
killed_at() {
	killed_call=$1 killed_time=$2
	shift 2
	run strace -f -qq -o "$tmp/trace" -e trace="$killed_call" -e "inject=$killed_call:signal=SIGKILL:when=$killed_time" \
	    "$MTAQ" -q "qmail:$queue,control=$control" --jobs 1 --journal "$LIVE/journal" --trash "$LIVE/trash" "$@" --no-syslog
}

# A message of which one recipient has failed and one is deferred; in $from, $to, $n.
one_more() {
	case_number=$((case_number + 1))
	from=killed$case_number-$1@$local to=held$case_number-$1@$remote
	policy "$to" deferral 'Not now.'
	policy "unknown$case_number@$remote" failure 'No such user.'
	put "$from" "unknown$case_number@$remote" "$to"
	within 20 results_are "$to" deferral && within 20 results_are "unknown$case_number@$remote" failure ||
		fail "$1: a message is there"
	number "$from"
}

tried_again() {
	case $(results "$to") in
	"$1"*' deferral') return 0 ;;
	*) return 1 ;;
	esac
}

# qmail-send goes by the message once.
goes_by() {
	before_results=$(results "$to")
	alarm
	within 20 sh_or "is_gone $from" "tried_again '$before_results'" || fail "$1: qmail-send goes by it"
}
sh_or() {
	eval "$1" || eval "$2"
}

# Another message goes through: what was in the queue before it has been looked at.
one_behind() {
	behind=$((behind + 1))
	put "$from.behind" "behind$behind@$local"
	within 20 has_received "behind$behind@$local" 1 || wrong "$1: another message is not delivered"
}

# ---- what must be in the end, after the same command again ----

end_bounce() {
	run_again bounce -f "$from" --reason 'Sent back.'
	is_now "$1" ended_by_alarm "$from"
	is_now "$1" has_received "$from" 1
	[ "$(letter "$from" | grep -c 'Sent back\.')$(letter "$from" | grep -c 'No such user')" = 11 ] ||
		wrong "$1: the letter tells of each once: $(letter "$from" | grep -c 'Sent back\.')$(letter "$from" | grep -c 'No such user')"
}

end_delete() {
	run_again delete -f "$from"
	is_now "$1" ended_by_alarm "$from"
	one_behind "$1"
	[ "$(received "$from")" = 0 ] || wrong "$1: the sender has heard of it"
	# the run that was killed may have left a copy, too
	grep -rlq "$from" "$LIVE/trash" --include='*.json' || wrong "$1: it is not in the trash"
}

end_expire() {
	run_again expire -f "$from"
	is_now "$1" ended_by_alarm "$from"
	is_now "$1" has_received "$from" 1
}

# It has been in the trash; it is taken up and delivered before the command is run again.
end_restore() {
	policy "$to" success
	# what is in the queue ends now
	one_behind "$1"
	is_now "$1" ended_by_alarm "$from"
	act trash restore "$id"
	one_behind "$1"
	is_now "$1" ended_by_alarm "$from"
	[ "$(received "$to")" = 1 ] || wrong "$1: it was delivered $(received "$to") times"
}

run_again() {
	act "$@"
	case $status in
	0) ;;
	*) wrong "$*: again: $status $(cat "$err")" ;;
	esac
}

wrong() {
	echo "$*" >>"$tmp/wrong"
}

is_now() {
	is_now_of=$1
	shift
	within 10 "$@" || wrong "$is_now_of: not: $*"
}

# points ACTION CALLS COMMAND...: kill it at each of these calls.
points() {
	points_of=$1 calls=$2
	shift 2
	: >"$tmp/wrong"
	count=0
	for call in $calls; do
		time=0
		while time=$((time + 1)) && [ $time -le 12 ]; do
			one_more "$points_of"
			if [ "$points_of" = restore ]; then
				id=$(look list -i -f "$from")
				act delete -f "$from"
				alarm
				within 20 is_gone "$from" || fail 'restore: a message is in the trash'
				killed_at $call $time trash restore "$id"
			else
				killed_at $call $time "$@" -f "$from"
			fi
			[ "$status" = 137 ] && count=$((count + 1))
			killed_status=$status
			[ "$points_of" = restore ] || goes_by "$points_of, $call $time"
			"end_$points_of" "$points_of, $call $time"
			[ "$killed_status" = 137 ] || break
		done
	done
	ok "killed: $points_of is killed at some points" test "$count" -ge 3
	none "killed: $points_of, $count points: finished by the same command, exactly once" cat "$tmp/wrong"
}

case_number=0 behind=0
if ! command -v strace >/dev/null || ! strace -qq -o /dev/null true 2>/dev/null; then
	skip 'no strace, or it may not trace' 'killed in the midst of an action'
else
	start
	points expire 'utimensat fdatasync' expire
	points bounce 'linkat unlinkat pwrite64 fdatasync' bounce --reason 'Sent back.'
	points delete 'linkat unlinkat pwrite64 fdatasync' delete
	points restore 'linkat unlinkat renameat fsync' restore
	within 20 empty || :
	is "$(find "$queue" -type f ! -path '*/lock/*' | sed "s,^$queue/,," | sort)" '' 'killed: nothing is left in the queue'
	stop
fi
