#!/bin/sh
# What takes things back says what it did: restore and undo name each message that does not come back, count each once,
# and bring each back once; several queues with one trash; --max wherever something is touched.
. "${top_srcdir:-.}/tests/acting-lib.sh" || exit 99

the_run() {
	basename "$(find "$dir/journal" -name '*.jsonl')" .jsonl
}

# adds_up NAME: the counts of the last command come to what it matched; what could not be read is not one of them.
adds_up() {
	tail -n 1 "$err" | sed 's/^mtaq: \(dry run, nothing was changed: \)*\([0-9]*\) messages* matched:/\2/; s/, [0-9]* could not be read$//' |
	    awk '{ for (i = 2; i <= NF; i++) if ($i ~ /^[0-9]+$/) sum += $i; exit sum != $1 || NF < 2 }'
	is $? 0 "$1: the counts add up: $(tail -n 1 "$err")"
}

# --- undo counts each message once

new qmail broken
ends 1 'expire of a broken queue' expire --no-syslog ALL
adds_up 'expire of a broken queue'
run_id=$(the_run)
act undo --no-syslog -n "$run_id"
adds_up 'undo -n in a broken queue'
act undo --no-syslog "$run_id"
adds_up 'undo in a broken queue'
is "$(tail -n 1 "$err" | grep -o '[0-9]* undone')" "$(grep -c ': undone' "$out") undone" 'as many undone as lines'

# --- what does not come back is named, and is a failure

new sendmail flat
id=60F000B2017028
ends 0 'delete' delete --no-syslog $id
run_id=$(the_run)
rm "$dir/trash/$run_id/df$id"
ends 1 'restore of a half' trash restore --no-syslog $id
like "$(cat "$err")" "^mtaq: $id: it is not complete in " 'it is named'
ends 1 'undo of a half' undo --no-syslog "$run_id"
like "$(cat "$err")" "^mtaq: $id: it is not complete in " 'there too'

new qmail todo
ends 0 'bounce of new ones' bounce --no-syslog -e 'state == new'
count=$(grep -c ': bounced' "$out")
ends 1 'undo of what has no way back' undo --no-syslog "$(the_run)"
is "$(grep -c 'cannot be taken back' "$err")" "$count" 'each is named'

# --- each comes back once

new qmail basic
act list --limit 1 --format ids
id=$(cat "$out")
ends 0 'qmail: delete' delete --no-syslog "$id"
ends 0 'restore of one named twice' trash restore --no-syslog "$id" "$id"
is "$(wc -l <"$out") $(cat "$err")" '1 mtaq: 1 message matched: 1 restored' 'it comes back once'

new sendmail flat
id=60F000B2017028
ends 0 'save' save --no-syslog --to "$dir/saved" $id
ends 0 'delete what is saved' delete --no-syslog --purge $id
ends 0 'restore of ids and ALL' restore --no-syslog --from "$dir/saved" $id ALL
is "$(wc -l <"$out")" 1 'comes back once'

# --- a message that moved has another name there

new qmail basic
snapshot >"$tmp/before"
cp -a "$tree" "$dir/other"
find "$dir/other" -type f ! -path '*/lock/*' -delete
act list --limit 1 --format ids
id=$(cat "$out")
ends 0 'qmail: move' move --no-syslog --to "$dir/other" "$id"
is "$(find "$dir/other/mess" -type f | wc -l)" 1 'it is there'
ends 0 'qmail: undo of move' undo --no-syslog "$(the_run)"
is "$(find "$dir/other/mess" -type f | wc -l)" 0 'it is back'

# --- a trash that was named from elsewhere

new sendmail flat
snapshot >"$tmp/before"
(cd "$dir" && "$MTAQ" -q "$queue" --clock "$clock" --journal "$dir/journal" --trash trash delete --no-syslog -f '<>') >/dev/null 2>&1
run "$MTAQ" --journal "$dir/journal" undo --no-syslog "$(the_run)"
is "$status" 0 'undo from another directory'
snapshot >"$tmp/after"
same "$tmp/after" "$tmp/before" 'brings back what went into a relative trash'

# --- two queues, one trash

new sendmail flat
other=$tree.two
cp -a "$tree" "$other"
first=60F000B2017028
second=$(basename "$(find "$other" -name 'qf*' ! -name "qf$first" | sort | head -n 1)" | cut -c 3-)
rm "$tree/qf$second" "$tree/df$second"
run flock "$tree/qf$first" "$MTAQ" -q "$queue" -q "sendmail:$other,cf=$dir/mail/sendmail.cf" --clock "$clock" \
    --journal "$dir/journal" --trash "$dir/trash" delete --no-syslog "$tree/qf$first" "$second"
is "$status $(tail -n 1 "$err")" '1 mtaq: 2 messages matched: 1 deleted, 1 busy' 'two queues, one trash'
ok 'the second is in it' test -e "$dir/trash/$(the_run)/qf$second"

# --- stdout is lost: no queue is begun after that

new sendmail flat
cp -a "$tree" "$tree.two"
status=0
"$MTAQ" -q "$queue" -q "sendmail:$tree.two,cf=$dir/mail/sendmail.cf" --clock "$clock" --journal "$dir/journal" \
    expire --no-syslog ALL >/dev/full 2>"$err" || status=$?
lost=$status
run "$MTAQ" --journal "$dir/journal" journal
is "$lost $(grep -o '[0-9]* done' "$out")" '74 25 done' 'standard output is lost: the second queue is not begun'

# --- --max

new sendmail broken
act check --repair --no-syslog
run_id=$(the_run)
snapshot >"$tmp/before"
ends 75 'undo of a repair: --max' undo --no-syslog --max 1 "$run_id"
like "$(cat "$err")" '^mtaq: undo: [0-9]* repairs are more than --max 1 allows: nothing was touched$' 'why'
snapshot >"$tmp/after"
same "$tmp/after" "$tmp/before" 'nothing is touched'
ends 64 'trash empty: --max' trash empty -o 0s --max 1
new sendmail flat
act delete --no-syslog ALL
ends 0 'undo: --max of a percentage' undo --no-syslog --max 100% "$(the_run)"
new qmail broken
act check --repair --max 1
found=$(sed -n 's/^mtaq: check: \([0-9]*\) repairs are more than --max 1 .*/\1/p' "$err")
act check --repair --no-syslog --max "$found"
count=$(grep -c ': repaired (' "$out")
ok "repair: $count, no more than the $found that were counted" test "$count" -gt 1 -a "$count" -le "$found"

# --- a repair that needs what another one makes

# In a copied queue each message is to be renamed to its inode: one into a directory that is missing.
new qmail basic
wanted=
for mess in $(find "$tree/mess" -type f | sort); do
	tries=0
	while [ -z "$wanted" ] && [ $((tries += 1)) -le 50 ]; do
		place=$(($(stat -c %i "$mess") % 23))
		[ -n "$(find "$tree"/*/$place -type f)" ] || wanted=$place
		[ -n "$wanted" ] || { mv "$mess" "$mess.old" && cp -p "$mess.old" "$mess" && rm "$mess.old"; }
	done
done
rmdir "$tree/mess/$wanted"
snapshot >"$tmp/before"
act check --repair --no-syslog
is "$(tail -n 1 "$err" | sed 's/^mtaq: \([0-9]*\) findings: \1 repaired$/all/')" all 'all of it in one run'
ok 'the message is where it is to be' test -n "$(find "$tree/mess/$wanted" -type f)"
act undo --no-syslog "$(the_run)"
snapshot >"$tmp/after"
same "$tmp/after" "$tmp/before" 'and taken back'

# --- a repair that was cut off, finished, and both taken back

if command -v strace >/dev/null; then
	new qmail basic
	snapshot >"$tmp/before"
	strace -f -o /dev/null -e trace=renameat2 -e inject=renameat2:signal=KILL:when=29 "$MTAQ" -q "$queue" --clock "$clock" \
	    --journal "$dir/journal" --trash "$dir/trash" check --repair --no-syslog >/dev/null 2>&1
	begun=$(the_run)
	act check --repair --no-syslog
	like "$(cat "$out")" '(half-renamed)' 'a renaming that was cut off is finished'
	finished=$(basename "$(find "$dir/journal" -name '*.jsonl' ! -name "$begun.jsonl")" .jsonl)
	ends 1 'undo of the run that finished it' undo --no-syslog "$finished"
	like "$(cat "$err")" 'it was only finished: undo the run that began it' 'leaves it as it is, and says so'
	act check
	unlike "$(cat "$out")" urgent 'nothing is hidden from qmail'
	act undo --no-syslog "$begun"
	snapshot >"$tmp/after"
	same "$tmp/after" "$tmp/before" 'undo of the run that began it: all is back'
else
	skip 'no strace' 'a repair that is cut off'
fi

# --- what is said of null senders is of those that are acted on

new sendmail flat
act expire --no-syslog -n -f '<>' --limit 1
like "$(cat "$err")" '^mtaq: 1 of the messages chosen ' 'null senders within --limit'

# --- one that is too young grows older while it is waited for

new sendmail flat
id=60F000B2017028
sed -i "s/^T[0-9]*\$/T${clock#@}/" "$tree/qf$id"
act bounce --no-syslog $id
is "$status $(tail -n 1 "$err")" '1 mtaq: 1 message matched: 1 busy' 'a young message is busy'
act bounce --no-syslog --wait 60s $id
is "$status $(tail -n 1 "$err")" '0 mtaq: 1 message matched: 1 bounced' 'and is bounced when it is old enough'
done_testing
