#!/bin/sh
# list --format mailq, byte for byte, against what `sendmail -bp` printed of every recorded queue.
#
# Where ours differs on purpose the differences lie beside this file, in CASE.mailq*.diff as diff(1) prints them, and
# mtaq(1) names each. The order of the directories of one queue is nobody's promise.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99
TZ=UTC
export TZ

here=$top_srcdir/tests/golden
recorded_dir=$top_srcdir/fixtures/sendmail

# listing CASE ARG...: into $tmp/ours, as if the queue were where sendmail saw it.
listing() {
	dir=$(fixture sendmail "$1")
	spool=/var/spool/mqueue
	[ "$1" != client ] || spool=/var/spool/mqueue-client
	shift
	set -- list --clock "$(fixture_clock sendmail)" --format mailq "$@"
	if have_private_mounts; then
		run shown_as "$dir/mqueue" "$spool" "$MTAQ" "$@" -q "sendmail:$spool,cf=$dir/mail/sendmail.cf"
		cp "$out" "$tmp/ours"
	else
		run "$MTAQ" "$@" -q "sendmail:$dir/mqueue,cf=$dir/mail/sendmail.cf"
		sed "s|$dir/mqueue|$spool|g" "$out" >"$tmp/ours"
	fi
	rm -rf "$dir"
}

# Directories by name; within one the order stays. Only entries without a priority come in the order of the directory: here by
# id. (All of them are nothing but a remark in parentheses, and so is one that has a priority.)
canonical() {
	awk '
	BEGIN { unit = "!" }
	/^\t\t.* request/ { unit = $1 }
	/^\t\tTotal requests/ { unit = "~" }
	/^[^ \t]/ { last = $2 ~ /^\(/ && $1 != "60F900px031849" ? $1 : "" }
	{ printf "%s\t%s%06d\t%s\n", unit, last, NR, $0 }' "$1" |
	    LC_ALL=C sort -t "$(printf '\t')" -k 1,1 -k 2,2 | cut -f 3-
}

# What the name after .mailq says: the options of `sendmail -bp` in our words.
arguments() {
	case $1 in
	*-qQ*) printf '%s' "state == held" ;;
	*-qL*) printf '%s' "state == lost" ;;
	esac
}

compare() {
	recorded=$1 file=$(basename "$1")
	case=${file%%.mailq*} options=${file#*.mailq}
	expression=$(arguments "$options")
	set --
	[ -z "$expression" ] || set -- "$@" -e "$expression"
	case $options in *-v) set -- "$@" -v ;; esac
	if [ "$case" = broken ] && [ "$(id -u)" != 0 ]; then
		skip 'other owners and modes need root' "$file"
		return
	fi
	listing "$case" "$@"
	canonical "$recorded" >"$tmp/theirs.sorted"
	canonical "$tmp/ours" >"$tmp/ours.sorted"
	diff "$tmp/theirs.sorted" "$tmp/ours.sorted" >"$tmp/difference"
	wanted=$here/$file.diff
	[ -f "$wanted" ] || wanted=/dev/null
	same "$tmp/difference" "$wanted" "$file"
	case $case$options in
	oldformats*) is "$status" 1 "$file: formats without a final dot are in error" ;;
	broken*) is "$status" 1 "$file: exit status" ;;
	*)
		is "$status" 0 "$file: exit status"
		is "$(cat "$err")" '' "$file: nothing to complain of"
		;;
	esac
}

told() {
	like "$(cat "$err")" "$1" "on standard error: $1"
}

for recorded in "$recorded_dir"/*.mailq*; do
	compare "$recorded"
done

# What sendmail says on standard output before the heading.
listing broken
told 'qf60FAAAff000001 is a FIFO'
told 'qf60FAAAdi000001 is a directory'
told 'qf60F900AP031934WAYTOOLONG: name longer'
told 'qf60FAAAdl000001 is a symbolic link'
is "$(sort "$err" | uniq -d)" '' 'nothing is told twice'
run "$MTAQ" list --format mailq -q "sendmail:$tmp"
printf '%s is empty\n\t\tTotal requests: 0\n' "$tmp" >"$tmp/wanted"
same "$out" "$tmp/wanted" 'an empty queue'

# The mark of messages that were tried less than MinQueueAge ago: what the control files say.
dir=$(fixture sendmail flat)
echo 'O MinQueueAge=3h' >>"$dir/mail/sendmail.cf"
awk -v now=1768478400 '
	FNR == 1 { tried = 0 }
	/^K/ { last = substr($0, 2) }
	/^N/ { tried = substr($0, 2) > 0 }
	/^S/ && tried && now - last < 10800 { sub(/.*\/qf/, "", FILENAME); print FILENAME }' "$dir"/mqueue/qf* | sort >"$tmp/young"
run "$MTAQ" list -q "sendmail:$dir/mqueue,cf=$dir/mail/sendmail.cf" --clock @1768478400 --format mailq
is "$(sed -n 's/^\(60[^ -]*\)-.*/\1/p' "$out" | sort)" "$(cat "$tmp/young")" 'too young messages are marked'
ok 'there are some' test -s "$tmp/young"
done_testing
