# What the tests of acting commands share: fresh queues, their trees, refusals. Read by them in place of lib.sh.
# shellcheck shell=sh
# shellcheck disable=SC2154 # variables of lib.sh
. "${top_srcdir:-.}/tests/lib.sh" || exit 99
TZ=UTC LC_ALL=C.UTF-8 MTAQ_TEST=1
export TZ LC_ALL MTAQ_TEST
unset MTAQ_QUEUES NO_COLOR COLUMNS
[ "$(id -u)" -eq 0 ] || skip_all 'only root can keep the owners of queue files'

# new KIND CASE: a fresh queue in $dir, its -q in $queue, journal and trash beside it.
new() {
	kind=$1
	dir=$(fixture "$1" "$2") || exit 99
	case $kind in
	qmail) queue=qmail:$dir/queue clock=@1795167000 tree=$dir/queue ;;
	*) queue=sendmail:$dir/mqueue,cf=$dir/mail/sendmail.cf clock=@1768478400 tree=$dir/mqueue ;;
	esac
}

# act COMMAND...: on that queue.
act() {
	run "$MTAQ" -q "$queue" --clock "$clock" --journal "$dir/journal" --trash "$dir/trash" "$@"
}

# The run that was made last there.
last_run() {
	newest_run "$dir/journal"
}

# Names, types, modes, owners, sizes and bytes of all files, and where the MTA goes by them their times.
snapshot() {
	case $kind in
	qmail) times='%T@' ;;
	*) times= ;;
	esac
	(cd "$tree" && find . -mindepth 1 \( -type d -printf '%p %m %u:%g\n' -o -printf "%p %y %m %u:%g %s $times\n" \) |
	    sort && find . -type f -print0 | sort -z | xargs -0 cksum)
}

# ends STATUS NAME COMMAND...
ends() {
	ends_status=$1 ends_name=$2
	shift 2
	act "$@"
	is "$status" "$ends_status" "$ends_name"
}

# untouched STATUS WORDS NAME COMMAND...: it refuses with these words on one line, prints and changes nothing.
untouched() {
	untouched_status=$1 untouched_words=$2 untouched_name=$3
	shift 3
	snapshot >"$tmp/before"
	act "$@"
	snapshot >"$tmp/after"
	is "$status $(wc -c <"$out")" "$untouched_status 0" "$untouched_name: status"
	like "$(cat "$err")" "$untouched_words" "$untouched_name: why"
	same "$tmp/after" "$tmp/before" "$untouched_name: nothing is touched"
}

