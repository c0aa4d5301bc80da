#!/bin/sh
# Each cell of the two tables of mtaq(1), STATES: the action is run on a message in that state, as one of all messages and
# by its id, and what is counted must be what the table says. A dry run must count the same.
# many small runs, each of which waits for the disk
[ -n "${TMPDIR:-}" ] || [ ! -w /dev/shm ] || export TMPDIR=/dev/shm
. "${top_srcdir:-.}/tests/lib.sh" || exit 99
TZ=UTC LC_ALL=C.UTF-8 MTAQ_TEST=1
export TZ LC_ALL MTAQ_TEST
unset MTAQ_QUEUES NO_COLOR COLUMNS
[ "$(id -u)" -eq 0 ] || skip_all 'only root can keep the owners of queue files'
page=$top_srcdir/man/mtaq.1

# table MTA: "ACTION STATE WORD" for each cell.
table() {
	awk -v mta="$1" '
	/^\.Ss States/ { inside = 1 }
	inside && $0 == "On " mta ":" { here = 1 }
	!here || !/^\.It / { if (here && /^\.El/) exit; next }
	{
		sub(/^\.It /, "")
		gsub(/Em /, "")
		n = split($0, cell, / Ta /)
		if (cell[1] == "action")
			for (i = 2; i <= n; i++)
				state[i] = cell[i]
		else
			for (i = 2; i <= n; i++)
				print cell[1], state[i], cell[i]
	}' "$page"
}

# --- one queue with one message in a state -----------------------------------------------------------------------

# What sendmail is asked to try: proves to be sendmail, and touches what it is told to run.
cat >"$tmp/sendmail" <<'END'
#!/bin/sh
case "$*" in *-bt*) echo 'Version 8.17.1'; exit 0 ;; esac
for word; do
	case $word in
	-OQueueDirectory=*) at=${word#*=} ;;
	-qIqf*) echo >>"$at/${word#-qI}" ;;
	esac
done
END
chmod +x "$tmp/sendmail"

# alone ID: only its files stay.
alone() {
	find "$tree" -mindepth 1 -type f ! -path '*/lock/*' ! -name "?f$1" ! -name "$1" -delete
}

# make_sendmail STATE: one message in that state. Sets dir, tree, clock, queue, id, recipient.
make_sendmail() {
	dir=$(fixture sendmail quarantined) || exit 99
	tree=$dir/mqueue clock=@1768478400 queue=sendmail:$dir/mqueue,cf=$dir/mail/sendmail.cf,sendmail=$tmp/sendmail
	case $1 in
	held) kind=h ;;
	lost) kind=Q ;;
	*) kind=q ;;
	esac
	# the first that has its data file
	for control in "$tree/$kind"f*; do
		id=${control##*/?f}
		[ ! -f "$tree/df$id" ] || break
	done
	alone "$id"
	recipient=dropped@example.net
	sed -i "1,/^R/s/^R.*/&\nRPFD:<$recipient>/" "$control"
	case $1 in
	nodata) rm "$tree/df$id" ;;
	incomplete) sed -i '/^\.$/d' "$control" ;;
	incoming) : >"$control" && touch -d "$clock" "$control" ;;
	esac
}

# make_qmail STATE
make_qmail() {
	case $1 in
	new | incoming) case=todo ;;
	*) case=basic ;;
	esac
	dir=$(fixture qmail $case) || exit 99
	tree=$dir/queue clock=@1795167000 queue=qmail:$dir/queue,control=$dir/control
	case $1 in
	new) id=1148145 ;;
	incoming) id=1148149 ;;
	*) id=$("$MTAQ" -q "$queue" --clock "$clock" list --format '{id}' --limit 1 -e 'recipients == 5 and age < 5d') ;;
	esac
	recipient=$("$MTAQ" -q "$queue" --clock "$clock" list --format '{recipient}' "$id" | cut -d , -f 1)
	alone "$id"
	[ "$1" != ending ] || find "$tree/local" "$tree/remote" -type f -delete
}

# What is unpacked has other inodes: the number becomes that of mess again, as it is in a queue in use.
renumber() {
	renumber_to=$(stat -c %i "$(find "$tree/mess" -name "$id")")
	for f in "$tree"/*/*/"$id" "$tree"/*/"$id"; do
		[ -f "$f" ] || continue
		case $f in
		*/todo/* | */intd/* | */bounce/*) mv "$f" "${f%/*}/$renumber_to" ;;
		*) mv "$f" "${f%/*/*}/$((renumber_to % 23))/$renumber_to" ;;
		esac
	done
	id=$renumber_to
}

# fresh MTA STATE: a queue with one message in that state, like the last of them.
fresh() {
	if [ "$made" != "$1 $2" ]; then
		rm -rf "${template:?}"
		"make_$1" "$2"
		mv "$dir" "$template"
		made="$1 $2" made_id=$id
	fi
	id=$made_id dir=$tmp/queue other=$tmp/queue/aside
	rm -rf "$dir"
	cp -a "$template" "$dir"
	tree=$dir/$([ "$1" = qmail ] && echo queue || echo mqueue)
	if [ "$1" = qmail ]; then
		queue=qmail:$tree,control=$dir/control other=$dir/other/queue
		mkdir -m 755 "$dir/other" && cp -a "$tree" "$dir/other/queue"
		find "$other" -type f ! -path '*/lock/*' -delete
		renumber
	else
		queue=sendmail:$tree,cf=$dir/mail/sendmail.cf,sendmail=$tmp/sendmail
		mkdir -m 700 "$other"
	fi
}
made= template=$tmp/template

# --- acting -------------------------------------------------------------------------------------------------------

# attempt ACTION WHICH [OPTION]: $came_to is what it came to, in the table's words.
attempt() {
	attempt_action=$1 attempt_which=$2
	shift 2
	case $attempt_action in
	drop) set -- "$@" --recipient "$recipient" ;;
	move) set -- "$@" --to "$other" ;;
	save) set -- "$@" --to "$dir/saved" ;;
	esac
	run "$MTAQ" -q "$queue" --clock "$clock" --journal "$dir/journal" --trash "$dir/trash" \
	    "$attempt_action" --no-syslog "$@" "$attempt_which"
	attempt_count=$(sed -n 's/.*1 message matched: 1 //p' "$err")
	case $status/$attempt_count in
	0/'not applicable') came_to=no ;;
	1/busy) came_to=busy ;;
	1/failed) came_to=$(sed -n 's/^mtaq: [^ ]*: refused: .*/refused/p' "$err") ;;
	0/'already so' | 0/'asked for an attempt' | 0/*ed | 0/held) came_to=yes ;;
	75/) came_to=75 ;;
	*) came_to="status $status, $(tr '\n' ' ' <"$err")" ;;
	esac
}

# cell MTA ACTION STATE WANTED-OF-ALL WANTED-BY-ID NAME
cell() {
	cell_got=
	for which in all id; do
		fresh "$1" "$3"
		[ "$send" = stopped ] || start_send
		named=$id
		[ $which = id ] || named=ALL
		attempt "$2" "$named" -n
		cell_dry=$came_to
		attempt "$2" "$named"
		[ "$send" = stopped ] || stop_send
		[ "$cell_dry" = "$came_to" ] || came_to="$came_to, but in a dry run $cell_dry"
		cell_got="$cell_got$which: $came_to; "
	done
	is "$cell_got" "all: $4; id: $5; " "$6"
}

# --- a qmail-send that runs, as far as can be seen ----------------------------------------------------------------

mkdir "$tmp/bin"
cat >"$tmp/bin/qmail-send" <<'END'
#!/bin/sh
trap : ALRM
exec 9>>"$1/lock/sendmutex"
flock -n 9 || exit
: >"$2"
while [ -e "$2" ]; do
	read -r line <"$3"
done 2>/dev/null
END
chmod +x "$tmp/bin/qmail-send"
mkfifo "$tmp/fifo"

start_send() {
	"$tmp/bin/qmail-send" "$tree" "$tmp/runs" "$tmp/fifo" &
	send_pid=$!
	within 10 test -e "$tmp/runs" || bail 'the stand-in for qmail-send does not start'
}

stop_send() {
	rm "$tmp/runs"
	kill "$send_pid" 2>/dev/null
	wait "$send_pid" 2>/dev/null
}

# --- the tables ---------------------------------------------------------------------------------------------------

table sendmail >"$tmp/sendmail.table"
table qmail >"$tmp/qmail.table"
is "$(wc -l <"$tmp/sendmail.table") $(wc -l <"$tmp/qmail.table")" '60 32' 'the manual has all cells'

send=stopped
while read -r action state word; do
	case $word in
	named) wanted=no by_id=yes ;;
	*) wanted=$word by_id=$word ;;
	esac
	cell sendmail "$action" "$state" "$wanted" "$by_id" "sendmail: $action, $state: $word"
done <<END
$(sort -s -k2,2 "$tmp/sendmail.table")
END

while read -r action state word; do
	wanted=$word
	[ "$word" != stopped ] || wanted=yes
	send=stopped
	cell qmail "$action" "$state" "$wanted" "$wanted" "qmail: $action, $state: $word; qmail-send is stopped"
	[ "$word" != stopped ] || wanted=no
	by_id=$wanted
	case $action/$word in
	*/no) ;;
	move/*) wanted=75 by_id=75 ;;
	retry/*) by_id=75 ;; # the whole queue, or nothing
	esac
	send=runs
	cell qmail "$action" "$state" "$wanted" "$by_id" "qmail: $action, $state: $word; qmail-send runs"
done <<END
$(sort -s -k2,2 "$tmp/qmail.table")
END
done_testing
