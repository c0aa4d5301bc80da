#!/bin/sh
# list --format qread, block by block, against what qmail-qread printed of every recorded queue.
#
# Where ours differs on purpose the differences lie beside this file, in CASE.qread.diff as diff(1) prints them, and mtaq(1)
# names each. qmail-qread goes by the order of the directories, so the blocks are sorted by number.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99
TZ=Pacific/Kiritimati # qmail-qread prints GMT wherever it runs
export TZ

here=$top_srcdir/tests/golden

# Blocks of a heading (or warning) and its recipients, by number.
canonical() {
	awk '!/^(  done)?\t/ { key = $0; if (!sub(/^[^#]*#/, "", key)) key = "~" }
	{ printf "%s\t%06d\t%s\n", key + 0, NR, $0 }' "$1" |
	    LC_ALL=C sort -t "$(printf '\t')" -k 1,1n -k 2,2 | cut -f 3-
}

compare() {
	recorded=$1 file=$(basename "$1")
	case=${file%.qread}
	dir=$(fixture qmail "$case")
	run "$MTAQ" list --clock "$(fixture_clock qmail)" --format qread -q "qmail:$dir/queue"
	canonical "$recorded" >"$tmp/theirs"
	canonical "$out" >"$tmp/ours"
	diff "$tmp/theirs" "$tmp/ours" >"$tmp/difference"
	wanted=$here/$file.diff
	[ -f "$wanted" ] || wanted=/dev/null
	same "$tmp/difference" "$wanted" "$file"
	case $case in
	broken*) is "$status" 1 "$file: exit status" ;;
	*)
		is "$status" 0 "$file: exit status"
		is "$(cat "$err")" '' "$file: nothing to complain of"
		;;
	esac
	# qmail-qstat counts files, so strays too
	case $case in broken*) ;; *)
		printf 'messages in queue: %s\nmessages in queue but not yet preprocessed: %s\n' \
		    "$("$MTAQ" count -1 -q "qmail:$dir/queue")" "$("$MTAQ" count -1 -q "qmail:$dir/queue" -e 'state == new')" >"$tmp/stat"
		same "$tmp/stat" "${recorded%.qread}.qstat" "$case.qstat"
		;;
	esac
	rm -rf "$dir"
}

for recorded in "$top_srcdir"/fixtures/qmail/*.qread; do
	compare "$recorded"
done

# What qmail-qread says on standard output, or not at all.
run "$MTAQ" list --clock "$(fixture_clock qmail)" --format qread -q "$(fixture_queue qmail broken)"
for what in 'mess/1/1147977 is missing' 'info/7/1147983 is empty' 'info/14/1147990 has no NUL' 'info/15/1148060 is a symbolic link' \
    'remote/18/1148063 is a FIFO' 'mess/21/1148066 is a symbolic link' 'mess/7/1148075 is missing' 'info/6/1148073: in the wrong directory' \
    'remote/20/1147996 has a record of unknown type' 'remote/1/1148000 ends in a record without NUL' 'mess/4/1148072 is a FIFO'; do
	like "$(cat "$err")" "$what" "on standard error: $what"
done
is "$(sort "$err" | uniq -d)" '' 'nothing is told twice'
done_testing
