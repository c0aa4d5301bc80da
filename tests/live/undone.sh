# Undo of each action, before and after qmail-send has gone by it, and of undo itself; and what was left out in cases.sh.
# Sourced like that, with qmail-send stopped.
# shellcheck shell=sh
# shellcheck disable=SC2154,SC2034

start

# --- delete, when the message has ended: it comes back from the trash

policy "u1@$remote" deferral
put "undo-delete@$local" "u1@$remote"
ends_as "u1@$remote" deferral 'undo of delete, ended: deferred'
number "undo-delete@$local"
cp "$queue/mess/$d/$n" "$tmp/mess"
first=$n
acts '1 message matched: 1 deleted' delete -f "undo-delete@$local"
delete_run=$last_run
alarm
vanishes "undo-delete@$local" 'undo of delete, ended: it has ended'
acts '1 message matched: 1 undone' undo "$delete_run"
restore_run=$last_run
number "undo-delete@$local"
is "$n" "$first" 'undo of delete, ended: under the same number'
same "$queue/mess/$d/$n" "$tmp/mess" 'undo of delete, ended: the same bytes'
ends_as "u1@$remote" 'deferral deferral' 'undo of delete, ended: it is tried again'
act undo "$delete_run"
unlike "$(cat "$out")" 'undo-delete@' 'undo of delete: once only'

# --- restore: it goes into the trash again; and undo of that undo

acts '1 message matched: 1 undone' undo "$restore_run"
delete_run=$last_run
alarm
vanishes "undo-delete@$local" 'undo of restore: it ends'
is "$(attempts "u1@$remote")" 2 'undo of restore: without another attempt'
acts '1 message matched: 1 undone' undo "$delete_run"
ends_as "u1@$remote" 'deferral deferral deferral' 'undo of undo: it is tried again'
policy "u1@$remote" success
alarm
arrives "u1@$remote" 1 'undo of undo: and delivered'
vanishes "undo-delete@$local" 'undo of undo: and ends'
is "$(received "undo-delete@$local")" 0 'undo of undo: no word to the sender'

# --- delete for good, when the message is in the queue still: the marks are all there is to take back

policy "forgone@$remote" deferral
put "undo-forgone@$local" "forgone@$remote"
ends_as "forgone@$remote" deferral 'undo of delete --purge: deferred'
acts '1 message matched: 1 deleted' delete --purge -f "undo-forgone@$local"
acts '1 message matched: 1 undone' undo "$last_run"
alarm
ends_as "forgone@$remote" 'deferral deferral' 'undo of delete --purge: it is tried again'
policy "forgone@$remote" success
alarm
arrives "forgone@$remote" 1 'undo of delete --purge: and delivered'
vanishes "undo-forgone@$local" 'undo of delete --purge: and ends'

# --- delete, when the message is in the queue still: from then on it is there alone, whoever undoes it again

policy "u2@$remote" deferral
policy "u3@$remote" deferral
put "undo-early@$local" "u2@$remote" "u3@$remote"
ends_as "u2@$remote" deferral 'undo of delete, early: deferred'
ends_as "u3@$remote" deferral 'undo of delete, early: both'
early=$(look list -i -f "undo-early@$local")
acts '1 message matched: 1 deleted' delete -f "undo-early@$local"
delete_run=$last_run
acts '1 message matched: 1 undone' undo "$delete_run"
undo_run=$last_run
unlike "$(look trash list --trash "$LIVE/trash")" "$early" 'undo of delete, early: it is not in the trash'
policy "u2@$remote" success
alarm
arrives "u2@$remote" 1 'undo of delete, early: one has it'
ends_as "u3@$remote" 'deferral deferral' 'undo of delete, early: the other is deferred'
acts '1 message matched: 1 already so' undo "$delete_run"
number "undo-early@$local"
is "$(records remote)" "Du2@$remote
Tu3@$remote" 'undo of delete, early: once more: who has it does not get it again'
acts '1 message matched: 1 undone' undo "$undo_run"
like "$(cat "$out")" ': deleted, from=<undo-early@' 'undo of undo of delete: deleted anew, into the trash'
acts '1 message matched: 1 undone' undo "$last_run"
is "$(records remote)" "Du2@$remote
Tu3@$remote" 'undo of undo of delete: the same recipients'
policy "u3@$remote" success
alarm
vanishes "undo-early@$local" 'undo of delete, early: delivered to all'
act undo "$delete_run"
like "$status $(cat "$err")" '^1 .*no longer in the trash' 'undo of delete, delivered: it does not come back'
act trash restore "$early"
like "$status $(cat "$err")" '^1 .*not in the trash' 'undo of delete, delivered: nor by hand'
is "$(received "u2@$remote")$(received "u3@$remote") $(is_gone "undo-early@$local" || echo there)" '11 ' 'undo of delete, delivered: everybody has it once'

# --- nothing is undone while a delivery is under way: when it has ended, the message may

policy "u4@$remote" hold
policy "u5@$remote" deferral
put "undo-flight@$local" "u4@$remote" "u5@$remote"
within 20 in_flight "u4@$remote" || fail 'undo in flight: a delivery is in flight'
ends_as "u5@$remote" deferral 'undo in flight: the other is deferred'
acts '1 message matched: 1 recipient dropped' drop -f "undo-flight@$local" --recipient "u5@$remote"
number "undo-flight@$local"
drop_run=$last_run
act undo "$drop_run"
like "$status $(cat "$err")" '^1 .*1 busy' 'undo in flight: it is put off'
is "$(records remote)" "Tu4@$remote
Du5@$remote" 'undo in flight: nothing is done'
finish "u4@$remote" deferral
ends_as "u4@$remote" deferral 'undo in flight: it ends'
acts '1 message matched: 1 undone' undo "$drop_run"
policy "u4@$remote" success
alarm
arrives "u4@$remote" 1 'undo in flight: one has it'
ends_as "u5@$remote" 'deferral deferral' 'undo in flight: the other is tried'
acts '1 message matched: 1 already so' undo "$drop_run"
is "$(records remote)" "Du4@$remote
Tu5@$remote" 'undo once more: nothing is done'
policy "u5@$remote" success
alarm
vanishes "undo-flight@$local" 'undo in flight: the message ends'
is "$(received "u4@$remote")$(received "u5@$remote")" 11 'undo in flight: both have it'

# --- what cannot be taken back any more is named

for what in expire bounce; do
	policy "too-late@$remote" deferral
	put "late-$what@$local" "too-late@$remote"
	within 20 queued "late-$what@$local"
	within 20 deferred_all "too-late@$remote" "$([ $what = expire ] && echo 1 || echo 2)" || fail "undo too late: $what: deferred"
	acts "1 message matched: 1 $(echo ${what}ed | sed s/ee/e/)" $what -f "late-$what@$local"
	alarm
	arrives "late-$what@$local" 1 "undo too late: $what: it has come back"
	vanishes "late-$what@$local" "undo too late: $what: the message has ended"
	vanishes '' "undo too late: $what: and what tells its sender"
	tree >"$tmp/before"
	act undo "$last_run"
	like "$(cat "$err")" '1 gone' "undo too late: $what: it is gone"
	is "$(cat "$out")" '' "undo too late: $what: nothing is said to be done"
	tree >"$tmp/after"
	same "$tmp/after" "$tmp/before" "undo too late: $what: nothing is touched"
done

policy "dropped@$remote" deferral
put "late-drop@$local" "dropped@$remote" "stays@$local"
ends_as "dropped@$remote" deferral 'undo too late: drop: deferred'
policy "last@$remote" deferral
put "late-drop2@$local" "dropped@$remote" "last@$remote"
ends_as "last@$remote" deferral 'undo too late: drop: the other one is deferred'
acts '1 message matched: 1 recipient dropped' drop -f "late-drop2@$local" --recipient "dropped@$remote"
policy "last@$remote" success
alarm
arrives "last@$remote" 1 'undo too late: drop: the last one is delivered'
vanishes "late-drop2@$local" 'undo too late: drop: the message has ended'
act undo "$last_run"
like "$(cat "$err")" '1 gone' 'undo too late: drop: it is gone'
policy "dropped@$remote" success
alarm
arrives "dropped@$remote" 1 'undo too late: drop: that of another message is delivered'

# --- who sends double bounces hears nothing: only if that is wanted

policy "nobody@$remote" deferral
put '#@[]' "nobody@$remote"
ends_as "nobody@$remote" deferral 'double bounce: deferred'
acts '1 message matched: 1 not applicable' bounce -f '#@[]'
like "$(cat "$err")" 'even-silent' 'double bounce: passed over'
acts '1 message matched: 1 bounced' bounce -f '#@[]' --even-silent
alarm
vanishes '#@[]' 'double bounce: it ends'
is "$(attempts "nobody@$remote")" 1 'double bounce: without another attempt'
ok 'double bounce: thrown away, as qmail says' within 20 log_says 'triple bounce: discarding'

# --- a sender for each recipient

policy "verp@$remote" deferral
put "owner-@$local-@[]" "verp@$remote"
ends_as "verp@$remote" deferral 'VERP: deferred'
acts '1 message matched: 1 bounced' bounce -r "verp@$remote" --reason 'List is closed.'
alarm
arrives "owner-@$local" 1 'VERP: the owner has it back'
like "$(letter "owner-@$local")" 'List is closed' 'VERP: with the reason'

# --- retry: everybody, by a signal; and who is believed down

policy "r1@$remote" deferral
policy "r2@$remote" deferral
put "retry1@$local" "r1@$remote"
put "retry2@$local" "r2@$remote"
ends_as "r1@$remote" deferral 'retry: deferred'
ends_as "r2@$remote" deferral 'retry: deferred'
printf 'some hosts' | dd of="$queue/lock/tcpto" conv=notrunc 2>/dev/null
act retry -f "retry1@$local" --whole-queue --forget-hosts
is "$status" 0 'retry --whole-queue: done'
ends_as "r1@$remote" 'deferral deferral' 'retry --whole-queue: the chosen one is tried'
ends_as "r2@$remote" 'deferral deferral' 'retry --whole-queue: and all others'
is "$(tr -d '\0' <"$queue/lock/tcpto" | wc -c) $(wc -c <"$queue/lock/tcpto")" '0 1024' 'retry --forget-hosts: nobody is believed down'
acts '1 message matched: 1 expired' expire -f "retry1@$local"
acts '2 messages matched: 2 asked for an attempt' retry ALL
arrives "retry1@$local" 1 'retry ALL: the expired one comes back'
ends_as "r2@$remote" 'deferral deferral deferral' 'retry ALL: the other is tried, and stays'
policy "r2@$remote" success
alarm
vanishes "retry2@$local" 'retry: delivered in the end'
stop

# --- marks in a pass that is under way: what qmail-send has read ahead it still tries, and nothing after that

echo 2 >"$control/concurrencyremote"
start
list=
for i in $(seq 1 30); do
	policy "pass$i@$remote" success
	list="$list pass$i@$remote"
done
policy "pass1@$remote" hold
policy "pass2@$remote" hold
# shellcheck disable=SC2086 # words
put "pass@$local" $list
within 20 in_flight "pass1@$remote" || fail 'pass: one is in flight'
within 20 in_flight "pass2@$remote" || fail 'pass: another'
acts '1 message matched: 1 deleted' delete -f "pass@$local"
finish "pass1@$remote" deferral
finish "pass2@$remote" deferral
ends_as "pass1@$remote" deferral 'pass: those in flight end'
ends_as "pass2@$remote" deferral 'pass: both'
ok 'pass: the message ends' within 20 ended_by_alarm "pass@$local"
diag "marked done with 2 of 30 in flight: $(grep -c '^pass[0-9]*@' "$LIVE/attempts") were tried"
is "$(attempts "pass1@$remote") $(attempts "pass2@$remote")" '1 1' 'pass: no other attempt to those'
is "$(attempts "pass15@$remote") $(attempts "pass30@$remote")" '0 0' 'pass: none to those that were not read yet'
is "$(received "pass@$local")" 0 'pass: no word to the sender'
stop
rm "$control/concurrencyremote"

# --- qmail-send is stopped: undo gives back the very same files

start
for what in delete bounce drop expire move retry; do
	policy "back-$what@$remote" deferral
	policy "back-$what@$local" deferral
	policy "failed-$what@$remote" failure 'No such user.'
	put "back2-$what@$local" "back-$what@$remote" "back-$what@$local" "failed-$what@$remote" "done-$what@$remote"
	ends_as "back-$what@$remote" deferral "undo, stopped: $what: deferred"
	ends_as "back-$what@$local" deferral "undo, stopped: $what: deferred locally"
	ends_as "failed-$what@$remote" failure "undo, stopped: $what: one has failed"
	arrives "done-$what@$remote" 1 "undo, stopped: $what: one has it"
done
stop
for what in bounce delete drop; do
	put "back-new-$what@$local" "back-new-$what@$remote" "back-new2-$what@$remote"
done
# Names, sizes, modes, owners, bytes, and the times that qmail-send goes by; not which file it is.
files() {
	tree | sed 's/^\(\.[^ ]*\) [0-9]* /\1 /; /^\.\/\(bounce\|intd\|todo\)/s/ [0-9.]*$//'
}
# stopped_undo WORDS COMMAND...
stopped_undo() {
	files >"$tmp/before"
	acts "$@"
	files >"$tmp/after"
	if cmp -s "$tmp/before" "$tmp/after"; then fail "$2: something has changed"; else pass "$2: something has changed"; fi
	act undo "$last_run"
	is "$status" 0 "undo of $2: done"
	files >"$tmp/after"
}
gives_back() {
	stopped_undo "$@"
	same "$tmp/after" "$tmp/before" "undo of $2: the same names, bytes, owners, times"
}
gives_back '1 message matched: 1 bounced' bounce -f "back2-bounce@$local"
gives_back '1 message matched: 1 recipient dropped' drop -f "back2-drop@$local" --recipient "back-drop@$remote"
gives_back '1 message matched: 1 expired' expire -f "back2-expire@$local"
gives_back '1 message matched: 1 requeued' requeue -f "back2-expire@$local"
gives_back '1 message matched: 1 recipient dropped' drop -f "back-new-drop@$local" --recipient "back-new-drop@$remote"
gives_back '1 message matched: 1 deleted' delete -f "back2-delete@$local"
gives_back '1 message matched: 1 deleted' delete -f "back-new-delete@$local"
acts '1 message matched: 1 bounced' bounce -f "back-new-bounce@$local"
act undo "$last_run"
is "$(grep -c 'not applicable' "$err") $(cat "$out")" '1 ' 'undo of bounce of a new one: cannot be had, and is not said to be done'
stopped_undo '1 message matched: 1 moved' move -f "back2-move@$local" --to "$LIVE/other"
start
for what in delete bounce drop expire move; do
	policy "back-$what@$remote" success
	policy "back-$what@$local" success
done
alarm
for what in delete bounce drop expire move; do
	arrives "back-$what@$remote" 1 "undo, stopped: $what: delivered once"
	arrives "back-$what@$local" 1 "undo, stopped: $what: locally, too"
	arrives "back2-$what@$local" 1 "undo, stopped: $what: the sender hears of the one that failed"
	is "$(received "done-$what@$remote") $(attempts "failed-$what@$remote")" '1 1' "undo, stopped: $what: nobody gets it twice"
	unlike "$(letter "back2-$what@$local")" 'without another attempt' "undo, stopped: $what: and of nothing else"
done
arrives "back-new-bounce@$local" 1 'undo, stopped: new, bounce: it comes back'
for what in delete drop; do
	arrives "back-new-$what@$remote" 1 "undo, stopped: new, $what: delivered once"
	arrives "back-new2-$what@$remote" 1 "undo, stopped: new, $what: to both"
done
policy "back-retry@$remote" success
policy "back-retry@$local" success
alarm
within 20 empty || :
is "$(find "$queue" -type f ! -path '*/lock/*' | sed "s,^$queue/,," | sort)" '' 'undo: nothing is left in the queue'
stop
