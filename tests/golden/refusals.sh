#!/bin/sh
# Bad input of every acting command, on both MTAs: one clear line, the exit status that mtaq(1) says, and nothing is
# touched. Each exit status but 70 (an error in the program) is met here.
# many small runs, each of which waits for the disk
[ -n "${TMPDIR:-}" ] || [ ! -w /dev/shm ] || export TMPDIR=/dev/shm
. "${top_srcdir:-.}/tests/acting-lib.sh" || exit 99

every='expire bounce requeue retry hold release delete drop move save'

# one ACTION: the command with what it cannot do without; $aside is where to.
one() {
	case $1 in
	drop) echo "drop --recipient $recipient" ;;
	move | save) echo "$1 --to $aside" ;;
	*) echo "$1" ;;
	esac
}

# has ACTION: does the MTA of the queue have it?
has() {
	case $kind/$1 in
	qmail/hold | qmail/release) return 1 ;;
	esac
}

# one_line NAME: standard error of the last command is one line, with no count behind it.
one_line() {
	is "$(wc -l <"$err")" 1 "$1: one line"
}

# refuses STATUS WORDS NAME COMMAND...
refuses() {
	untouched "$@"
	one_line "$3"
}

# a place outside for move, of the same MTA
place_aside() {
	case $kind in
	qmail)
		aside=$dir/aside/queue
		mkdir "$dir/aside" && cp -a "$dir/queue" "$aside" &&
		    find "$aside" -type f ! -path '*/lock/*' -delete
		;;
	*)
		aside=$dir/aside
		mkdir -m 700 "$aside"
		;;
	esac
}

# --- the same for every action ------------------------------------------------------------------------------------

nobody() {
	setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}

for mta in 'sendmail flat' 'qmail basic'; do
	# shellcheck disable=SC2086
	new $mta
	place_aside
	recipient=grey@example.net
	[ "$kind" != qmail ] || recipient=u00@grey.example.net
	for action in $every; do
		command=$(one "$action")
		what="$kind: $action"
		# shellcheck disable=SC2086
		if ! has "$action"; then
			refuses 64 "cannot be done on $kind: .*: delete puts it" "$what" $command ALL
			continue
		else
			refuses 64 'which messages' "$what without a selector" $command
			untouched 64 'unknown field colour' "$what, a bad expression" $command -e 'colour == 1'
			refuses 64 'wants a duration with its unit' "$what, a bad age" $command -o 5
			refuses 1 'NOSUCHID: no such message' "$what, an id that is not there" $command --quiet NOSUCHID
			refuses 64 'unknown option --frobnicate' "$what, an option that is none" $command --frobnicate ALL
		fi
		[ "$action" != release ] || continue # nothing is held
		# shellcheck disable=SC2086
		refuses 75 'more than --max 1 allows' "$what, too many" $command --max 1 ALL
		# the last word of all is what happened, also where nothing could be written
		if [ "$action" != retry ]; then
			echo 'in the way' >"$dir/file"
			# shellcheck disable=SC2086
			untouched 73 'the journal cannot be made' "$what, no place for the journal" $command --journal "$dir/file" ALL
			unlike "$(cat "$err")" ' matched' "$what, no place for the journal: nothing is counted"
		fi
	done
done

# --- not root -----------------------------------------------------------------------------------------------------

if nobody true 2>/dev/null; then
	cp "$MTAQ" "$tmp/mtaq" && chmod 755 "$tmp" "$tmp/mtaq"
	as_root=$MTAQ
	mkdir -m 777 "$tmp/theirs" && chmod 777 "$tmp/theirs"
	for mta in 'sendmail flat' 'qmail basic'; do
		# shellcheck disable=SC2086
		new $mta
		place_aside
		chmod -R a+rX "$dir"
		for action in $every; do
			has "$action" && [ "$action" != release ] || continue
			snapshot >"$tmp/before"
			# shellcheck disable=SC2046
			run nobody "$tmp/mtaq" -q "$queue" --clock "$clock" --journal "$tmp/theirs/j" --trash "$tmp/theirs/t" \
			    $(one "$action") --no-syslog ALL
			snapshot >"$tmp/after"
			is "$status $(wc -c <"$out")" '77 0' "$kind: $action, not root but able to read"
			like "$(cat "$err")" "^mtaq: $tree.*: .*Permission denied" "$kind: $action, not root: why"
			one_line "$kind: $action, not root"
			same "$tmp/after" "$tmp/before" "$kind: $action, not root: nothing is touched"
		done
		chmod 700 "$tree"
		run nobody "$tmp/mtaq" -q "$queue" --clock "$clock" expire ALL
		is "$status $(wc -c <"$out")" '77 0' "$kind: not root, nor able to read"
		one_line "$kind: not root, nor able to read"
	done
	MTAQ=$as_root
else
	skip 'setpriv cannot be used here' 'not root'
fi

# --- a file system that is read-only ------------------------------------------------------------------------------

mkdir "$tmp/fs"
if mount -t tmpfs none "$tmp/fs" 2>/dev/null; then
	at_exit "umount '$tmp/fs' 2>/dev/null"
	for mta in 'sendmail flat' 'qmail basic'; do
		# shellcheck disable=SC2086
		new $mta
		mount -o remount,rw "$tmp/fs"
		cp -a "$dir" "$tmp/fs/$kind"
		queue=$(echo "$queue" | sed "s,$dir,$tmp/fs/$kind,g") tree=$tmp/fs/$kind/${tree##*/} dir=$tmp/elsewhere-$kind
		mkdir "$dir"
		aside=$dir/aside
		mount -o remount,ro "$tmp/fs"
		for action in $every; do
			has "$action" && [ "$action" != release ] || continue
			mkdir -p -m 700 "$aside"
			words='Read-only file system'
			# another queue of qmail has to be beside it
			[ "$kind/$action" != qmail/move ] || words="$words|is no qmail queue"
			snapshot >"$tmp/before"
			# shellcheck disable=SC2046
			act $(one "$action") --no-syslog ALL
			snapshot >"$tmp/after"
			case $kind/$action/$status in
			qmail/move/66 | */77) pass "$kind: $action, read-only: status" ;;
			*) fail "$kind: $action, read-only: status $status" ;;
			esac
			like "$(cat "$err")" "$words" "$kind: $action, read-only: why"
			one_line "$kind: $action, read-only"
			same "$tmp/after" "$tmp/before" "$kind: $action, read-only: nothing is touched"
			is "$(find "$dir/journal" 2>/dev/null | wc -l)" 0 "$kind: $action, read-only: no journal"
		done
	done
	umount "$tmp/fs"
else
	skip 'mounting is not allowed here' 'a read-only file system'
fi

# --- targets ------------------------------------------------------------------------------------------------------

new sendmail flat
mkdir "$dir/full" "$dir/plain" "$dir/mqueue/below" "$dir/parent" "$dir/parent/queue"
echo x >"$dir/full/notes.txt"
cp "$tree/qf60F800S2016995" "$tree/df60F800S2016995" "$dir/parent/queue"
refuses 66 'no such directory' 'move: target is missing' move --to "$dir/nowhere" ALL
refuses 66 'No such file or directory' 'save: its parent is missing' save --to "$dir/no/where" ALL
refuses 64 'there are other things in it' 'move: target is not empty' move --to "$dir/full" ALL
refuses 66 'Not a directory' 'move: target is a file' move --to "$dir/full/notes.txt" ALL
refuses 66 'Not a directory' 'save: target is a file' save --to "$dir/full/notes.txt" ALL
refuses 64 'lies inside the queue directory' 'move: target is inside the queue' move --to "$dir/mqueue/below" ALL
refuses 64 'lies inside the queue directory' 'save: target is inside the queue' save --to "$dir/mqueue/below" ALL
refuses 64 'lies inside the queue directory' 'save: target would be' save --to "$dir/mqueue/new" ALL
refuses 64 'is a directory of the queue' 'save: target is the queue' save --to "$dir/mqueue" ALL
refuses 64 'is a queue: what is copied there would be sent' 'save: target is another queue' save --to "$dir/parent/queue" ALL
refuses 64 'holds queue directories' 'move: target is above a queue' move --to "$dir/parent" ALL
is "$(ls "$dir/mqueue" | grep -c new)" 0 'and is not made'
new sendmail split
mkdir "$tree/q.old" "$tree/aside"
queue="sendmail:$tree/q*,cf=$dir/mail/sendmail.cf"
refuses 64 'is one that the queue.s configuration looks for|is a directory of the queue|is no queue directory|lies inside' \
    'save: a wildcard matches the target' save --to "$tree/q.old" ALL
refuses 64 'is one that the queue.s configuration looks for' 'save: a wildcard would match the target' save --to "$tree/q.new" ALL

new qmail basic
mkdir "$dir/plain" "$tree/below"
refuses 66 'No such file or directory' 'qmail: move: target is missing' move --to "$dir/nowhere" ALL
refuses 66 'is no qmail queue' 'qmail: move: target is no queue' move --to "$dir/plain" ALL
refuses 66 'Not a directory' 'qmail: move: target is a file' move --to "$dir/control/me" ALL
refuses 64 'are not two queues' 'qmail: move: target is the queue' move --to "$tree" ALL
refuses 64 'lies in the queue' 'qmail: save: target is inside the queue' save --to "$tree/below" ALL
refuses 64 'lies in the queue' 'qmail: save: target would be' save --to "$tree/new" ALL
is "$(ls -d "$tree/new" 2>/dev/null)" '' 'and is not made'

if mount -t tmpfs none "$tmp/fs" 2>/dev/null; then
	cp -a "$tree" "$tmp/fs/queue"
	refuses 64 'is on another filesystem: save the messages' 'qmail: move: target is on another file system' \
	    move --to "$tmp/fs/queue" ALL
	new sendmail flat
	mkdir -m 700 "$tmp/fs/aside"
	ends 0 'sendmail: move to another file system' move --no-syslog --to "$tmp/fs/aside" 60F800S2016995
	is "$(ls "$tmp/fs/aside" | tr '\n' ' ')" 'df60F800S2016995 qf60F800S2016995 ' 'it is all there'
	mount -o remount,ro "$tmp/fs"
	refuses 73 'cannot be made: Read-only file system' 'save: target cannot be made' save --to "$tmp/fs/new" ALL
	refuses 73 'the trash cannot be made' 'delete: a trash that is read-only' delete --trash "$tmp/fs/trash" ALL
	refuses 73 'the journal cannot be made' 'expire: a journal that is read-only' expire --journal "$tmp/fs/journal" ALL
	umount "$tmp/fs"
else
	skip 'mounting is not allowed here' 'targets on another file system'
fi

# --- ids ----------------------------------------------------------------------------------------------------------

new sendmail split
first=$(find "$tree" -name 'qf*' -type f | sort | head -n 1)
id=$(basename "$first" | cut -c3-)
other=$tree/q3/qf
[ "${first%/*}" != "$other" ] || other=$tree/q1/qf
cp -p "$first" "$other/"
aside=$dir/aside && mkdir -m 700 "$aside"
for action in $every; do
	# shellcheck disable=SC2046
	refuses 64 "$id lies in .* and in .*: say which" "$action: an id in two directories" $(one "$action") "$id"
	like "$(cat "$err")" "lies in $tree/q[13]/qf/qf$id and in $tree/q[13]/qf/qf$id:" "$action: it names both"
done

# --- the system ---------------------------------------------------------------------------------------------------

new sendmail flat
snapshot >"$tmp/before"
for kilobytes in 7500 7000 6750 6500 6250 6000 5750 5500 5250 5000; do
	run sh -c 'ulimit -v "$0" && exec "$@"' "$kilobytes" "$MTAQ" -q "$queue" --clock "$clock" --journal "$dir/journal" \
	    --jobs 64 expire -n ALL
	# 134, by abort(3): for want of the few bytes that its own lists need, before anything is done
	case $status in
	0 | 134) ;;
	*) break ;;
	esac
done
snapshot >"$tmp/after"
if grep -aq '__asan_init\|__tsan_init' "$MTAQ"; then
	status=127 # a sanitizer needs more than there is
fi
case $status in
126 | 127) skip "the program does not even start with $kilobytes kB here (status $status)" 'too little memory' ;;
*) is "$status" 71 'too little memory' ;;
esac
same "$tmp/after" "$tmp/before" 'too little memory: nothing is touched'
if [ -w /dev/full ]; then
	status=0
	"$MTAQ" -q "$queue" --clock "$clock" --journal "$dir/journal" expire --no-syslog ALL >/dev/full 2>"$err" || status=$?
	is "$status" 74 'standard output is full'
else
	skip 'no /dev/full' 'standard output is full'
fi
queue=$dir/nowhere
refuses 66 'nowhere: No such file or directory' 'no such queue' expire ALL
done_testing
