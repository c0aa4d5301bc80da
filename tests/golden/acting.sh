#!/bin/sh
# What acting commands say and how they end, on recorded queues; that they can be taken back; and that nothing is touched
# when they refuse. What the actions do to each MTA's files is tested elsewhere.
. "${top_srcdir:-.}/tests/acting-lib.sh" || exit 99

# For what goes by when a run was: it is the real time that makes its id.
later=@$(($(date +%s) + 3600))

# Runs of one second and process id would have the same id; each is another process.
# taken_back NAME COMMAND...: it changes something, undo gives the same tree back, undo of that the changed one.
taken_back() {
	taken_name=$1
	shift
	snapshot >"$tmp/before"
	act "$@" --no-syslog
	is "$status" 0 "$taken_name"
	snapshot >"$tmp/changed"
	taken_run=$(last_run)
	if cmp -s "$tmp/before" "$tmp/changed"; then fail "$taken_name changes something"; else pass "$taken_name changes something"; fi
	act undo --no-syslog -n "$taken_run"
	snapshot >"$tmp/dry"
	same "$tmp/dry" "$tmp/changed" "$taken_name: undo -n changes nothing"
	cp "$out" "$tmp/dry-lines"
	act undo --no-syslog "$taken_run"
	is "$status" 0 "$taken_name: undo"
	same "$out" "$tmp/dry-lines" "$taken_name: undo -n prints what undo prints"
	snapshot >"$tmp/undone"
	same "$tmp/undone" "$tmp/before" "$taken_name: undo gives everything back"
	taken_undo=$(last_run)
	act undo --no-syslog "$taken_run"
	is "$status" 0 "$taken_name: a second undo finds nothing to do"
	snapshot >"$tmp/again"
	same "$tmp/again" "$tmp/before" "$taken_name: and does nothing"
	act undo --no-syslog "$taken_undo"
	is "$status" 0 "$taken_name: undo of undo"
	snapshot >"$tmp/redone"
	same "$tmp/redone" "$tmp/changed" "$taken_name: does it again"
}

# --- refusals -------------------------------------------------------------------------------------------------------

new sendmail flat
untouched 64 'which messages\? Give a selector, ids, or ALL' 'no selector' expire
untouched 64 'ALL and ids do not go together' 'ALL and ids' expire ALL 60F800S2016995
untouched 64 '^mtaq: ' 'a bad expression' expire -e 'colour == 1'
untouched 64 '--max wants a number or a percentage' 'a bad --max' expire ALL --max some
untouched 75 '25 messages are more than --max 24 allows: nothing was touched' '--max' expire ALL --max 24
untouched 75 'more than --max 50% allows' '--max of a percentage' expire ALL --max 50%
untouched 64 '--wait wants a duration with its unit' 'a wait without unit' expire ALL --wait 5
untouched 64 '--to which directory' 'move nowhere' move ALL
untouched 64 '--to which directory' 'save nowhere' save ALL
untouched 64 '--recipient who' 'drop nobody' drop ALL
untouched 64 'which run' 'undo of what' undo
untouched 64 'is no run' 'undo of nonsense' undo ../../etc/passwd
untouched 66 'no run 20200101T000000Z-1 in' 'undo of a run that never was' undo 20200101T000000Z-1
untouched 64 '--from which directory' 'restore from nowhere' restore ALL
untouched 64 'Give ids, or ALL' 'restore nothing' restore --from "$tmp"
untouched 64 'which messages' 'trash restore nothing' trash restore
untouched 64 'Say -o AGE' 'trash empty without an age' trash empty
untouched 64 'Say -o AGE' 'journal prune without an age' journal prune
untouched 64 "list, show RUN or prune" 'no such word of journal' journal frobnicate
untouched 64 "list, restore ID... or empty" 'no such word of trash' trash frobnicate
untouched 1 'NOSUCHID: no such message' 'an id that is not there' expire NOSUCHID

run env -u MTAQ_TEST "$MTAQ" -q "$queue" --clock "$clock" expire ALL
is "$status" 64 'acting goes by the real clock'

# --- journal and trash that cannot be made: before the first action -----------------------------------------------

echo 'in the way' >"$dir/file"
untouched 73 'the journal cannot be made' 'no place for the journal' expire ALL --journal "$dir/file"
is "$(grep -c 'the journal cannot be made' "$err")" 1 'told once, not for each message'
untouched 73 'the trash cannot be made' 'no place for the trash' delete ALL --trash "$dir/file"
mkdir -m 777 "$dir/open"
chmod 777 "$dir/open"
untouched 73 'only you can write to' 'a trash that others can write to' delete ALL --trash "$dir/open"
if mount -t tmpfs -o ro none "$dir/open" 2>/dev/null; then
	at_exit "umount '$dir/open' 2>/dev/null"
	untouched 73 'Read-only' 'a read-only journal' expire ALL --journal "$dir/open"
	umount "$dir/open"
else
	skip 'mounting is not allowed here' 'a read-only journal'
fi
is "$(ls "$dir")" "$(printf 'file\nmail\nmqueue\nopen')" 'no journal and no trash were made'

# --- lines, counts, statuses ---------------------------------------------------------------------------------------

ends 0 'a dry run' expire -n -f '<>' 60F000B2017028
is "$(cat "$out")" '60F000B2017028: expired, from=<>' 'its line'
is "$(tail -n 1 "$err")" 'mtaq: dry run, nothing was changed: 1 message matched: 1 expired' 'its count'
ends 1 'one of two ids' expire --no-syslog 60F000B2017028 NOSUCHID
is "$(cat "$out")" '60F000B2017028: expired, from=<>' 'the other one is done'
is "$(tail -n 1 "$err")" 'mtaq: 1 message matched: 1 expired' 'and counted'
ends 0 'once more' expire --no-syslog 60F000B2017028
is "$(wc -c <"$out") $(tail -n 1 "$err")" '0 mtaq: 1 message matched: 1 already so' 'already so'
ends 0 'no message matches' expire --no-syslog -e 'size > 100M'
is "$(wc -c <"$out") $(cat "$err")" '0 mtaq: 0 messages matched' 'which is no failure'
ends 0 'quiet' expire --no-syslog --quiet 60F000B2017028
is "$(wc -c <"$out") $(wc -c <"$err")" '0 0' 'is quiet'
ends 0 'without the bytes' requeue --no-syslog -f '<>' --limit 2
is "$(wc -l <"$out")" 2 '--limit'

new sendmail flat
status=0
"$MTAQ" -q "$queue" --clock "$clock" --journal "$dir/journal" expire --no-syslog ALL >/dev/full 2>"$err" || status=$?
is "$status" 74 'standard output is lost'
run "$MTAQ" --journal "$dir/journal" journal
like "$(cat "$out")" 'expire: 25 done$' 'what was done stands in the journal'

# the same id in two directories: never the wrong one
new sendmail split
first=$(find "$tree" -name 'qf*' -type f | sort | head -n 1)
id=$(basename "$first" | cut -c3-)
other=$tree/q3/qf
[ "${first%/*}" != "$other" ] || other=$tree/q1/qf
cp -p "$first" "$other/"
untouched 64 "lies in .* and in .*: say which" 'an id in two directories' expire "$id"
ends 0 'one of them by its path' expire --no-syslog -n "$first"
cp -p "${first%/*/*}/df/df$id" "${other%/*}/df/"
snapshot >"$tmp/before"
ends 0 'delete one of them' delete --no-syslog "$first"
deleting=$(ls "$dir/journal" | sed 's/\.jsonl$//')
snapshot >"$tmp/changed"
ends 1 'undo while the other is there' undo --no-syslog "$deleting"
is "$(head -n 1 "$err")" "mtaq: $id: refused: a message of this id is in the queue" 'the other is not taken for it'
snapshot >"$tmp/after"
same "$tmp/after" "$tmp/changed" 'and not touched'
mkdir "$dir/aside"
mv "$other/qf$id" "${other%/*}/df/df$id" "$dir/aside/"
ends 0 'undo when it is away' undo --no-syslog "$deleting"
mv "$dir/aside/qf$id" "$other/"
mv "$dir/aside/df$id" "${other%/*}/df/"
snapshot >"$tmp/undone"
same "$tmp/undone" "$tmp/before" 'brings it back to where it was'

# a locked message is passed over, and told
new sendmail flat
run flock "$tree/qf60F000B2017028" "$MTAQ" -q "$queue" --clock "$clock" --journal "$dir/journal" expire --no-syslog -f '<>'
is "$status $(wc -l <"$out") $(tail -n 1 "$err")" '1 4 mtaq: 5 messages matched: 4 expired, 1 busy' 'a locked message is busy'

# what cannot be read is neither a match nor none
new sendmail broken
snapshot >"$tmp/before"
ends 1 'a broken queue' delete --no-syslog -n -e 'not (size > 0)'
snapshot >"$tmp/after"
same "$tmp/after" "$tmp/before" 'is not touched by a dry run'
like "$(tail -n 1 "$err")" 'could not be read' 'and errors are counted'

# --- actions that an MTA does not have ------------------------------------------------------------------------------

new qmail basic
untouched 64 'hold cannot be done on qmail' 'hold' hold ALL
untouched 64 'release cannot be done on qmail' 'release' release ALL

# --- undo -----------------------------------------------------------------------------------------------------------

new sendmail flat
taken_back 'sendmail: expire' expire ALL
new sendmail flat
taken_back 'sendmail: bounce' bounce ALL
new sendmail flat
taken_back 'sendmail: requeue' requeue ALL
new sendmail flat
taken_back 'sendmail: hold' hold ALL --reason 'for a while'
new sendmail quarantined
taken_back 'sendmail: release' release -e 'state == held'
new sendmail split
taken_back 'sendmail: delete' delete ALL
new sendmail flat
taken_back 'sendmail: drop' drop --recipient grey@example.net -e 'recipient == "plain@example.net"'
new sendmail split
mkdir "$dir/aside" && chmod 700 "$dir/aside"
taken_back 'sendmail: move' move --to "$dir/aside" ALL
new qmail basic
taken_back 'qmail: expire' expire -y 5d
new qmail basic
taken_back 'qmail: requeue' requeue ALL

# what is gone is named
new sendmail flat
act expire --no-syslog -f '<>'
first=$(last_run)
rm "$tree/qf60F000B2017028"
ends 1 'undo when one is gone' undo --no-syslog "$first"
like "$(cat "$err")" '60F000B2017028: cannot be taken back: it is no longer in its queue' 'it is named'
like "$(tail -n 1 "$err")" '5 messages matched: 4 undone, 1 gone' 'and counted'
act delete --no-syslog --purge 60AD00BA016749
ends 1 'undo of a purge' undo --no-syslog "$(last_run)"
like "$(cat "$err")" '60AD00BA016749: cannot be taken back: it did not go into the trash' 'says so'

# --- the trash ------------------------------------------------------------------------------------------------------

new sendmail flat
snapshot >"$tmp/whole"
act trash list
is "$status $(wc -c <"$out")" '0 0' 'no trash yet'
act delete --no-syslog 60F000B2017028 60AD00BA016749
run_id=$(last_run)
act trash
is "$status" 0 'trash list'
is "$(cut -d ' ' -f 1 "$out")" "$(printf '%s/60AD00BA016749\n%s/60F000B2017028' "$run_id" "$run_id")" 'what was deleted'
like "$(head -n 1 "$out")" "  sendmail:$tree  from=<>\$" 'from where, and whose'
is "$(stat -c %a "$dir/trash" "$dir/trash/$run_id" | tr '\n' ' ')" '700 700 ' 'it is ours alone'
ends 1 'an id that is not there' trash restore NOSUCHID
like "$(cat "$err")" 'NOSUCHID: not in the trash' 'is named'
ends 0 'trash restore -n' trash restore --no-syslog -n 60F000B2017028
ends 0 'trash restore' trash restore --no-syslog 60F000B2017028
is "$(cat "$out")" '60F000B2017028: restored, from=<>' 'its line'
ends 1 'and again' trash restore --no-syslog 60F000B2017028
ends 0 'by run and id' trash restore --no-syslog "$run_id/60AD00BA016749"
snapshot >"$tmp/back"
same "$tmp/back" "$tmp/whole" 'all is back'
act trash
is "$(wc -c <"$out")" 0 'and the trash is empty'

new qmail basic
act delete --no-syslog 1147967
rm "$dir/trash/$(last_run)/"*.mess
untouched 1 'No such file' 'one of its saved files is missing' trash restore --no-syslog \
    "$(basename "$dir/trash/$(last_run)"/*.json .json)"
like "$(cat "$err")" '1 message matched: 1 failed' 'that is no success'

new sendmail flat
act delete --no-syslog 60F000B2017028
run_id=$(last_run)
mkdir -m 700 "$dir/trash/20200101T000000Z-1"
cp -a "$dir/trash/$run_id/." "$dir/trash/20200101T000000Z-1"
untouched 64 'is in the trash several times, say which: 20200101T000000Z-1/60F000B2017028, ' 'one id in two runs' \
    trash restore 60F000B2017028
echo rubbish >"$dir/trash/20200101T000000Z-1/ODD.json"
ends 1 'a note that makes no sense' trash list
like "$(sed -n '/ODD/p' "$out")" 'ODD  unreadable: its note makes no sense' 'is told'
ends 0 'trash empty -n' trash empty -n -o 1w --clock "@$(date +%s)"
is "$(cat "$out")" '20200101T000000Z-1: 2 messages removed for good' 'what it would remove'
is "$(ls "$dir/trash" | wc -l)" 2 'and does not'
ends 0 'trash empty' trash empty -o 1w --clock "@$(date +%s)"
is "$(ls "$dir/trash")" "$run_id" 'the old one is gone, the new one stays'
exec 7<"$dir/trash/$run_id"
flock -s 7
ends 0 'a run that has not ended' trash empty -o 0s --clock "$later"
like "$(cat "$err")" 'has not ended yet' 'is left alone'
is "$(ls "$dir/trash")" "$run_id" 'with what it has'
exec 7<&-
chmod 777 "$dir/trash"
untouched 77 'others can write to it: this is no trash' 'a trash that others can write to by now' trash restore "$run_id/60F000B2017028"
untouched 77 'this is no trash' 'nor is it emptied' trash empty -o 0s --clock "$later"
chmod 700 "$dir/trash"

# --- save and restore -----------------------------------------------------------------------------------------------

new sendmail flat
mkdir -m 700 "$dir/saved"
snapshot >"$tmp/whole"
ends 0 'save' save --no-syslog --to "$dir/saved" -f '<>'
snapshot >"$tmp/after"
same "$tmp/after" "$tmp/whole" 'save changes nothing'
is "$(ls "$dir/saved" | grep -c '\.json$')" 5 'a note for each'
ends 1 'restore beside the original' restore --no-syslog --from "$dir/saved" 60F000B2017028
act delete --no-syslog --purge -f '<>'
ends 0 'restore' restore --no-syslog --from "$dir/saved" ALL
snapshot >"$tmp/back"
same "$tmp/back" "$tmp/whole" 'all is back'

# --- the journal ----------------------------------------------------------------------------------------------------

new sendmail flat
ends 0 'no journal yet' journal
is "$(wc -c <"$out") $(wc -c <"$err")" '0 0' 'is empty'
act expire --no-syslog 60F000B2017028
run_id=$(last_run)
is "$(stat -c %a "$dir/journal" "$dir/journal/$run_id.jsonl" | tr '\n' ' ')" '700 600 ' 'it is ours alone'
ends 0 'journal' journal
is "$(cat "$out")" "$run_id  2026-01-15 12:00:00 +0000  root  expire: 1 done" 'its line'
ends 0 'journal show' journal show "$run_id"
like "$(cat "$out")" "^run      $run_id\$" 'the run'
like "$(cat "$out")" '^command  .* expire --no-syslog 60F000B2017028$' 'the command'
is "$(tail -n 1 "$out")" '60F000B2017028: expire, from=<>: done' 'the message'
sed '$d' "$dir/journal/$run_id.jsonl" | sed '$d' >"$dir/cut"
printf '{"result":"do' >>"$dir/cut"
cp "$dir/cut" "$dir/journal/$run_id.jsonl"
act journal
like "$(cat "$out")" 'expire: 0 done, 1 unknown  cut off$' 'a run that was cut off'
act journal show "$run_id"
like "$(tail -n 1 "$out")" ': unknown$' 'its message is not known'
ends 0 'undo of a run that was cut off' undo --no-syslog "$run_id"
is "$(cat "$out")" '60F000B2017028: undone, from=<>' 'looks at the queue'
echo rubbish >"$dir/journal/20200101T000000Z-1.jsonl"
act journal
is "$status" 1 'a journal that makes no sense'
like "$(cat "$err")" '20200101T000000Z-1.jsonl: line 1: no line of a journal' 'is named'
like "$(cat "$out")" "$run_id" 'the others are listed'
exec 7<"$dir/journal/$run_id.jsonl"
flock -x 7
act journal
like "$(cat "$out")" "^$run_id .*  running\$" 'a run that has not ended'
ends 75 'undo of it' undo "$run_id"
ends 0 'journal prune -n' journal prune -n -o 90d --clock "@$(date +%s)"
is "$(cat "$out")" '20200101T000000Z-1: forgotten' 'what it would forget'
ends 0 'journal prune' journal prune -o 0s --clock "$later"
is "$(ls "$dir/journal")" "$run_id.jsonl" 'all but the one that runs'
exec 7<&-
done_testing
