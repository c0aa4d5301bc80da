# What each action does to a qmail at work, told by what qmail then does: delivered, returned, vanished. Sourced by the
# scripts that have made a world (world.sh) of the stand-in or of a real qmail.
# shellcheck shell=sh
# shellcheck disable=SC2154,SC2016 # variables come from world.sh

remote=example.net local=local.example.test virtual=virt.example.test

# --- some who have nothing to do with any of it

start
for i in 1 2 3; do
	policy "bystander$i@$remote" deferral 'Not now.'
	put "stander$i@$local" "bystander$i@$remote" || fail 'a message is put into the queue'
	ends_as "bystander$i@$remote" deferral "bystander $i is deferred"
done

# --- expire

policy "late@$remote" deferral 'The mailbox is full.'
put "expire@$local" "late@$remote"
ends_as "late@$remote" deferral 'expire: the message has been deferred'
acts '1 message matched: 1 expired' expire -f "expire@$local"
acts '1 message matched: 1 already so' expire -f "expire@$local"
is "$(attempts "late@$remote") $(received "expire@$local")" '1 0' 'expire: nothing happens at once'
refuses 75 'can only be told to try every message: retry ALL, or --whole-queue, or stop it first' retry -f "expire@$local"
refuses 75 'can only be told to try every message' expire -f "expire@$local" --try
acts '4 messages matched: 4 asked for an attempt' retry ALL
arrives "expire@$local" 1 'expire: after one more attempt the sender has it back'
is "$(results "late@$remote")" 'deferral failure' 'expire: it was tried once more'
letter "expire@$local" >"$tmp/letter"
like "$(cat "$tmp/letter")" '^<?late@example.net>?:$' 'expire: the letter names the recipient'
like "$(cat "$tmp/letter")" 'The mailbox is full' 'expire: and the last answer'
like "$(cat "$tmp/letter")" 'in the queue too long' 'expire: and that it was given up'
like "$(cat "$tmp/letter")" 'This is the body of expire@' 'expire: and has the message'
vanishes "expire@$local" 'expire: the message is gone'

policy "luck@$remote" deferral
put "expired-luck@$local" "luck@$remote"
ends_as "luck@$remote" deferral 'expire: another has been deferred'
acts '1 message matched: 1 expired' expire -f "expired-luck@$local"
policy "luck@$remote" success
alarm
arrives "luck@$remote" 1 'expire: the last attempt may succeed'
vanishes "expired-luck@$local" 'expire: then it is gone'
is "$(received "expired-luck@$local")" 0 'expire: and nothing comes back'

# in flight: the attempt that is under way was begun before
policy "slow@$remote" hold
put "expire-flight@$local" "slow@$remote"
within 20 in_flight "slow@$remote" || fail 'a delivery is in flight'
acts '1 message matched: 1 expired' expire -f "expire-flight@$local"
finish "slow@$remote" deferral 'Later.'
ends_as "slow@$remote" deferral 'expire in flight: this attempt is only deferred'
policy "slow@$remote" deferral 'Later still.'
alarm
arrives "expire-flight@$local" 1 'expire in flight: the next one is the last'

policy "back@$remote" deferral
put "expire-undo@$local" "back@$remote"
ends_as "back@$remote" deferral 'undo of expire: deferred'
number "expire-undo@$local"
before=$(stat -c %y "$queue/info/$d/$n")
acts '1 message matched: 1 expired' expire -f "expire-undo@$local"
acts '1 message matched: 1 undone' undo "$last_run"
is "$(stat -c %y "$queue/info/$d/$n")" "$before" 'undo of expire: its birth is what it was'
alarm
ends_as "back@$remote" 'deferral deferral' 'undo of expire: it is tried, and stays'
is "$(received "expire-undo@$local") $(queued "expire-undo@$local")" "0 $n" 'undo of expire: nothing comes back'

# --- requeue

acts '1 message matched: 1 expired' expire -f "expire-undo@$local"
acts '1 message matched: 1 requeued' requeue -f "expire-undo@$local"
alarm
ends_as "back@$remote" 'deferral deferral deferral' 'requeue: what was expired is young again'
is "$(received "expire-undo@$local") $(queued "expire-undo@$local")" "0 $n" 'requeue: it stays'
like "$(look list --format '{age}' -f "expire-undo@$local")" '^[0-9]+s?$' 'requeue: its age begins again'
act journal
acts '1 message matched: 1 undone' undo "$last_run"
alarm
arrives "expire-undo@$local" 1 'undo of requeue: it is too old again, and comes back'

# --- bounce

policy "one@$local" success
policy "two@$local" deferral 'Two is not ready.'
policy "three@$remote" deferral 'Three is not ready.'
policy "four@$virtual" deferral 'Four is not ready.'
put "bounce@$local" "one@$local" "two@$local" "three@$remote" "four@$virtual"
ends_as "two@$local" deferral 'bounce: a local recipient is pending'
ends_as "three@$remote" deferral 'bounce: a remote one, too'
ends_as "four@$virtual" deferral 'bounce: and one of a virtual domain'
arrives "one@$local" 1 'bounce: one has it already'
number "bounce@$local"
acts '1 message matched: 1 bounced' bounce -f "bounce@$local" --reason 'Nobody is at home.'
is "$(stat -c '%u:%g %a' "$queue/bounce/$n")" "$(stat -c '%u:%g 600' "$queue/info/$d/$n")" 'bounce: the note is owned as its siblings'
acts '1 message matched: 1 not applicable' bounce -f "bounce@$local" --reason 'Nobody is at home.'
alarm
arrives "bounce@$local" 1 'bounce: the sender has it back'
letter "bounce@$local" >"$tmp/letter"
is "$(grep -c 'Nobody is at home\.' "$tmp/letter")" 3 'bounce: the reason is told for each that was pending'
for to in "two@$local" "three@$remote" "four@$virtual"; do
	like "$(cat "$tmp/letter")" "^<$to>:\$" "bounce: $to is named"
done
unlike "$(cat "$tmp/letter")" "one@$local" 'bounce: the one that has it is not'
like "$(cat "$tmp/letter")" 'This is the body of bounce@' 'bounce: and the message is there'
is "$(attempts "two@$local") $(attempts "three@$remote") $(attempts "four@$virtual")" '1 1 1' 'bounce: no other attempt was made'
vanishes "bounce@$local" 'bounce: the message is gone'
sed 's/^/# as received: /' "$tmp/letter"

# an earlier failure is told, too
policy "failed@$remote" failure 'No such user.'
policy "unready@$remote" deferral
put "bounce-more@$local" "failed@$remote" "unready@$remote"
ends_as "failed@$remote" failure 'bounce: one has failed'
ends_as "unready@$remote" deferral 'bounce: one is pending'
acts '1 message matched: 1 bounced' bounce -f "bounce-more@$local"
alarm
arrives "bounce-more@$local" 1 'bounce: one letter tells of both'
like "$(letter "bounce-more@$local")" 'No such user' 'bounce: what failed before'
like "$(letter "bounce-more@$local")" 'returned this message without another attempt' 'bounce: and what was returned'

# in flight: success, deferral, failure
for word in success deferral failure; do
	policy "$word-flight@$remote" hold
	put "bounce-$word@$local" "$word-flight@$remote"
	within 20 in_flight "$word-flight@$remote" || fail 'a delivery is in flight'
	number "bounce-$word@$local"
	acts '1 message matched: 1 bounced' bounce -f "bounce-$word@$local" --reason 'Sent back.'
	is "$(records remote)" "D$word-flight@$remote" "bounce in flight, $word: it is marked"
	finish "$word-flight@$remote" "$word" 'The answer.'
	ends_as "$word-flight@$remote" "$word" "bounce in flight, $word: so it ends"
	alarm
	arrives "bounce-$word@$local" 1 "bounce in flight, $word: the sender has it back"
	vanishes "bounce-$word@$local" "bounce in flight, $word: the message is gone"
	is "$(attempts "$word-flight@$remote")" 1 "bounce in flight, $word: no other attempt"
	like "$(letter "bounce-$word@$local")" 'Sent back\.' "bounce in flight, $word: the reason is told"
done
is "$(received "success-flight@$remote")" 1 'bounce in flight, success: and it was delivered: the note is false, as the manual says'
is "$(letter "bounce-failure@$local" | grep -c '^The answer')" 1 'bounce in flight, failure: its own answer is told, too'

# undo
policy "again@$remote" deferral
policy "local-again@$local" deferral
put "bounce-undo@$local" "again@$remote" "local-again@$local"
ends_as "again@$remote" deferral 'undo of bounce: deferred'
ends_as "local-again@$local" deferral 'undo of bounce: deferred locally'
number "bounce-undo@$local"
acts '1 message matched: 1 bounced' bounce -f "bounce-undo@$local"
acts '1 message matched: 1 undone' undo "$last_run"
is "$(files_of)" 'mess info local remote ' 'undo of bounce: the note is gone'
is "$(records local) $(records remote)" "Tlocal-again@$local Tagain@$remote" 'undo of bounce: both are pending'
policy "again@$remote" success
policy "local-again@$local" success
alarm
arrives "again@$remote" 1 'undo of bounce: it is delivered'
arrives "local-again@$local" 1 'undo of bounce: to both'
vanishes "bounce-undo@$local" 'undo of bounce: gone then'
is "$(received "bounce-undo@$local")" 0 'undo of bounce: nothing comes back'

# of a null sender, the postmaster
policy "gone@$remote" deferral
put '' "gone@$remote"
ends_as "gone@$remote" deferral 'bounce of a bounce: deferred'
act bounce -f '<>' --reason 'Nobody wants it.'
like "$status $(cat "$err")" '0 .*double bounces' 'bounce of a bounce: it is said what that makes'
alarm
arrives "postmaster@$local" 1 'bounce of a bounce: the postmaster has it'
like "$(letter "postmaster@$local")" 'Nobody wants it\.' 'bounce of a bounce: with the reason'

# --- delete, and restore

policy "deleted@$remote" deferral
policy "failed2@$remote" failure 'No such user.'
put "delete@$local" "deleted@$remote" "failed2@$remote"
ends_as "deleted@$remote" deferral 'delete: deferred'
ends_as "failed2@$remote" failure 'delete: one has failed'
number "delete@$local"
cp "$queue/mess/$d/$n" "$tmp/mess"
first=$n id=$(look list -i -f "delete@$local")
acts '1 message matched: 1 deleted' delete -f "delete@$local"
is "$(look list -i -e 'state == ending')" "$n@$(stat -c %.Y "$queue/mess/$d/$n" | tr -d .)" 'delete: it is about to end'
alarm
vanishes "delete@$local" 'delete: it ends'
is "$(attempts "deleted@$remote")" 1 'delete: without another attempt'
act trash list
like "$(cat "$out")" "delete@$local" 'delete: it lies in the trash'
# all others end before what came of it could arrive
put "after@$local" "after@$local"
arrives "after@$local" 1 'delete: a later message has arrived'
is "$(received "delete@$local")" 0 'delete: without a word to the sender, though one had failed'
acts '1 message matched: 1 restored' trash restore "$id"
number "delete@$local"
is "$n" "$first" 'restore: under the same number'
same "$queue/mess/$d/$n" "$tmp/mess" 'restore: the same bytes'
ends_as "deleted@$remote" 'deferral deferral' 'restore: it is tried again'
is "$(attempts "failed2@$remote")" 1 'restore: not to the one that had failed'
policy "deleted@$remote" success
alarm
arrives "deleted@$remote" 1 'restore: it is delivered'
vanishes "delete@$local" 'restore: and ends'
sed 1d "$tmp/mess" >"$tmp/body"
letter "deleted@$remote" | tail -n "$(wc -l <"$tmp/body")" >"$tmp/tail"
same "$tmp/tail" "$tmp/body" 'restore: as it was'
arrives "delete@$local" 1 'restore: the sender hears of the earlier failure now'
like "$(letter "delete@$local")" 'No such user' 'restore: in the words it had'

# taken back before it ends: nothing was lost
policy "kept@$remote" deferral
policy "failed3@$remote" failure 'No such user.'
put "delete-undo@$local" "kept@$remote" "failed3@$remote"
ends_as "kept@$remote" deferral 'undo of delete: deferred'
ends_as "failed3@$remote" failure 'undo of delete: one has failed'
number "delete-undo@$local"
acts '1 message matched: 1 deleted' delete -f "delete-undo@$local"
is "$(files_of)" 'mess info remote ' 'undo of delete: the note is away'
acts '1 message matched: 1 undone' undo "$last_run"
is "$(files_of)$(stat -c '%u:%g %a' "$queue/bounce/$n")" "mess info remote bounce $(stat -c '%u:%g 600' "$queue/info/$d/$n")" \
    'undo of delete: the note is back'
alarm
ends_as "kept@$remote" 'deferral deferral' 'undo of delete: it is tried again'
policy "kept@$remote" success
alarm
arrives "kept@$remote" 1 'undo of delete: it is delivered'
arrives "delete-undo@$local" 1 'undo of delete: the sender hears of the one that failed'

# in flight
for word in success deferral failure; do
	policy "$word-gone@$remote" hold
	put "delete-$word@$local" "$word-gone@$remote"
	within 20 in_flight "$word-gone@$remote" || fail 'a delivery is in flight'
	number "delete-$word@$local"
	acts '1 message matched: 1 deleted' delete -f "delete-$word@$local"
	finish "$word-gone@$remote" "$word" 'The answer.'
	ends_as "$word-gone@$remote" "$word" "delete in flight, $word: so it ends"
	alarm
	vanishes "delete-$word@$local" "delete in flight, $word: the message ends"
	is "$(attempts "$word-gone@$remote")" 1 "delete in flight, $word: no other attempt"
done
is "$(received "success-gone@$remote")" 1 'delete in flight, success: it had been delivered'
arrives "delete-failure@$local" 1 'delete in flight, failure: that answer goes to the sender'
is "$(received "delete-deferral@$local")$(received "delete-success@$local")" 00 'delete in flight: else nobody hears of it'

# purged
policy "purged@$remote" deferral
put "purge@$local" "purged@$remote"
ends_as "purged@$remote" deferral 'delete --purge: deferred'
acts '1 message matched: 1 deleted' delete --purge -f "purge@$local"
alarm
vanishes "purge@$local" 'delete --purge: it ends'
act trash list
unlike "$(cat "$out")" "purge@$local" 'delete --purge: it is not in the trash'

# --- drop

policy "keep@$remote" deferral
policy "drop@$remote" deferral
put "drop@$local" "drop@$remote" "keep@$remote"
ends_as "drop@$remote" deferral 'drop: deferred'
ends_as "keep@$remote" deferral 'drop: the other, too'
act drop -f "drop@$local" --recipient "nobody@$remote"
is "$status $(wc -l <"$out")" '0 0' 'drop: of a recipient it does not have, nothing'
acts '1 message matched: 1 recipient dropped' drop -f "drop@$local" --recipient "drop@$remote"
drop_run=$last_run
policy "keep@$remote" deferral 'Still not.'
alarm
ends_as "keep@$remote" 'deferral deferral' 'drop: the other is tried'
is "$(attempts "drop@$remote")" 1 'drop: the dropped one is not'
acts '1 message matched: 1 undone' undo "$drop_run"
policy "drop@$remote" success
alarm
arrives "drop@$remote" 1 'undo of drop: it is delivered'
act drop -f "drop@$local" --recipient "keep@$remote"
like "$(cat "$err")" 'delete' 'drop: not of the last one'
ends_as "keep@$remote" 'deferral deferral deferral' 'drop: the other was tried again, too'
policy "keep@$remote" success
alarm
arrives "keep@$remote" 1 'drop: the other is delivered'
vanishes "drop@$local" 'drop: and it ends'
is "$(received "drop@$local")" 0 'drop: no word to the sender'

policy "d1@$remote" hold
policy "d2@$remote" deferral
put "drop-flight@$local" "d1@$remote" "d2@$remote"
within 20 in_flight "d1@$remote" || fail 'a delivery is in flight'
ends_as "d2@$remote" deferral 'drop in flight: the other is deferred'
acts '1 message matched: 1 recipient dropped' drop -f "drop-flight@$local" --recipient "d1@$remote"
finish "d1@$remote" deferral
ends_as "d1@$remote" deferral 'drop in flight: it ends'
policy "d2@$remote" success
alarm
arrives "d2@$remote" 1 'drop in flight: the other is delivered'
vanishes "drop-flight@$local" 'drop in flight: and the message ends'
is "$(attempts "d1@$remote")" 1 'drop in flight: no other attempt'

# --- save, and a copy brought back

policy "saved@$remote" deferral
put "save@$local" "saved@$remote" "saved-too@$virtual"
ends_as "saved@$remote" deferral 'save: deferred'
arrives "saved-too@$virtual" 1 'save: one has it'
number "save@$local"
mkdir "$LIVE/saved"
acts '1 message matched: 1 saved' save -f "save@$local" --to "$LIVE/saved"
act restore --from "$LIVE/saved" ALL
like "$status $(cat "$err")" '1 .*in the queue' 'restore: not while it is queued'
acts '1 message matched: 1 deleted' delete --purge -f "save@$local"
alarm
vanishes "save@$local" 'save: the message itself has ended'
acts '1 message matched: 1 restored' restore --keep-age --from "$LIVE/saved" ALL
number "save@$local"
is "$(find "$LIVE/saved" -type f | wc -l)" 0 'restore: nothing is left of the copy'
ends_as "saved@$remote" 'deferral deferral' 'restore: it is tried'
is "$(received "saved-too@$virtual")" 1 'restore: not to the one that had it'
policy "saved@$remote" success
alarm
arrives "saved@$remote" 1 'restore: it is delivered'
vanishes "save@$local" 'restore: and ends'

# --- hold, move

act hold -f "stander1@$local"
like "$status $(cat "$err")" '64 .*delete puts it into the trash' 'hold: qmail cannot'
make_queue "$LIVE/other" 23 "$(stat -c %u "$queue/mess")" "$(stat -c %u "$queue/info")" "$(stat -c %g "$queue/info")"
refuses 75 'stop it first' move -f "stander1@$local" --to "$LIVE/other"

# --- a number that is used again belongs to another message

policy "former@$remote" deferral
put "identity@$local" "former@$remote"
ends_as "former@$remote" deferral 'identity: deferred'
number "identity@$local"
first=$n
id=$(look list -i -f "identity@$local")
policy "former@$remote" success
alarm
vanishes "identity@$local" 'identity: it ends'
again=
policy "successor@$remote" deferral
for i in $(seq 1 40); do
	put "identity$i@$local" "successor@$remote"
	again=$i
	! who_has "$first" || break
	again=
done
# settled: nothing of them changes by itself
number "identity$i@$local"
within 20 deferred_all "successor@$remote" "$i" || fail 'identity: all are deferred'
if [ -n "$again" ]; then
	for action in expire 'bounce --reason x' delete requeue 'delete --purge'; do
		tree >"$tmp/before"
		# shellcheck disable=SC2086 # words
		act $action "$id"
		is "$status $(cat "$out")" '1 ' "identity: $action does nothing to the one that has the number now"
		like "$(cat "$err")" 'another message|not found|no such|gone' "identity: $action says so"
		tree >"$tmp/after"
		same "$tmp/after" "$tmp/before" "identity: $action: nothing has changed"
	done
else
	skip 'this file system does not use inodes again at once' 'identity: a number that is used again'
fi
policy "successor@$remote" success
alarm
vanishes "identity$i@$local" 'identity: they end'

# --- mail that arrives meanwhile, and ends meanwhile

policy "busy@$remote" deferral
for i in 1 2 3 4 5 6 7 8 9 10; do
	put "chosen$i@$local" "busy@$remote"
done
within 20 deferred_all "busy@$remote" 10 || fail 'ten are deferred'
(
	for i in $(seq 1 60); do
		put "arriving$i@$local" "arrived$i@$remote" || echo "not queued: $i"
	done
) >"$tmp/arriving" 2>&1 &
arriving=$!
acts '10 messages matched: 10 expired' expire -f "/^chosen/" -r "busy@$remote"
acts '10 messages matched: 10 requeued' requeue -f "/^chosen/" -r "busy@$remote"
acts '10 messages matched: 10 bounced' bounce -f "/^chosen/" -r "busy@$remote"
acts '10 messages matched: 10 undone' undo "$last_run"
acts '10 messages matched: 10 deleted' delete -f "/^chosen/" -r "busy@$remote"
wait $arriving
is "$(cat "$tmp/arriving")" '' 'arriving: all are accepted'
all_arrived() {
	[ "$(find "$LIVE/got" -name 'arrived*' | wc -l)" -ge 60 ]
}
within 30 all_arrived
none 'arriving: each has arrived once' sh -c 'ls "$LIVE/got" | sed -n "s/^\(arrived[0-9]*\)@.*/\1/p" | sort | uniq -c | awk "\$1 != 1"'
is "$(find "$LIVE/got" -name 'arrived*' | wc -l)" 60 'arriving: all have arrived'
alarm
vanishes "chosen10@$local" 'arriving: the chosen ones end'

# --- qmail-send is stopped

for what in expire requeue bounce delete drop move retry other restore; do
	for to in "off-$what@$remote" "off2-$what@$remote" "off3-$what@$local"; do
		policy "$to" deferral "Not to $to."
	done
	put "off-$what@$local" "off-$what@$remote" "off2-$what@$remote" "off3-$what@$local"
done
for what in expire requeue bounce delete drop move retry other restore; do
	ends_as "off2-$what@$remote" deferral "offline: $what is deferred"
	ends_as "off3-$what@$local" deferral "offline: $what is deferred locally"
done
stop
# new ones, which nobody has preprocessed
for what in bounce delete drop; do
	put "new-$what@$local" "new-$what@$remote" "new2-$what@$remote"
done
acts '1 message matched: 1 expired' expire -f "off-expire@$local"
acts '1 message matched: 1 requeued' requeue -f "off-requeue@$local"
acts '1 message matched: 1 bounced' bounce -f "off-bounce@$local" --reason 'Sent back.'
number "off-delete@$local"
acts '1 message matched: 1 deleted' delete -f "off-delete@$local"
is "$(files_of)" '' 'offline: a deleted message is gone at once'
acts '1 message matched: 1 recipient dropped' drop -f "off-drop@$local" --recipient "off-drop@$remote"
number "off-restore@$local"
first=$n id=$(look list -i -f "off-restore@$local")
touch -d '2026-01-02 03:04:05' "$queue/info/$d/$n"
cp "$queue/mess/$d/$n" "$tmp/mess"
before=$(cd "$queue" && stat -c '%n %s %a %U:%G %y' "mess/$d/$n" "info/$d/$n" "local/$d/$n" "remote/$d/$n")
acts '1 message matched: 1 deleted' delete -f "off-restore@$local"
acts '1 message matched: 1 restored' trash restore --keep-age "$id"
is "$(cd "$queue" && stat -c '%n %s %a %U:%G %y' "mess/$d/$n" "info/$d/$n" "local/$d/$n" "remote/$d/$n" 2>&1)" "$before" \
    'offline: a restored message is what it was, with its age'
acts '1 message matched: 1 requeued' requeue -f "off-restore@$local"
acts '1 message matched: 1 bounced' bounce -f "new-bounce@$local" --reason 'Sent back unread.'
acts '1 message matched: 1 deleted' delete -f "new-delete@$local"
acts '1 message matched: 1 recipient dropped' drop -f "new-drop@$local" --recipient "new-drop@$remote"
acts '1 message matched: 1 moved' move -f "off-move@$local" --to "$LIVE/other"
is "$(look count -1 -f "off-move@$local")" 0 'offline: the moved one is not in this queue'
# all are planned for later; one is to be tried at the start
acts '1 message matched: 1 asked for an attempt' retry -f "off-retry@$local" --forget-hosts
start
ends_as "off-retry@$remote" 'deferral deferral' 'offline: retry, and at the start it is tried'
ends_as "off3-retry@$local" 'deferral deferral' 'offline: retry, in both channels'
is "$(results "off-other@$remote") $(results "off3-other@$local")" 'deferral deferral' 'offline: another one is not'
arrives "new2-drop@$remote" 1 'offline: a new one goes to those that are left'
is "$(attempts "new-drop@$remote")" 0 'offline: and not to the one that was dropped'
arrives "new-bounce@$local" 1 'offline: a new one is sent back'
is "$(letter "new-bounce@$local" | grep -c 'Sent back unread')$(attempts "new-bounce@$remote")" 20 'offline: without an attempt'
is "$(queued "off-restore@$local")" "$first" 'offline: the restored one is taken up'
alarm
arrives "off-expire@$local" 1 'offline: the expired one comes back'
arrives "off-bounce@$local" 1 'offline: the bounced one comes back'
is "$(attempts "off-bounce@$remote")" 1 'offline: without another attempt'
ends_as "off-requeue@$remote" 'deferral deferral' 'offline: the requeued one is tried'
ends_as "off2-drop@$remote" 'deferral deferral' 'offline: those that are left are tried'
is "$(attempts "off-drop@$remote") $(attempts "new-delete@$remote") $(attempts "off-delete@$remote")" '1 0 1' \
    'offline: what was dropped or deleted is not'
is "$(received "off-requeue@$local")$(received "off-delete@$local")$(received "new-delete@$local")" 000 'offline: nor told the sender'
stop
acts '1 message matched: 1 moved' -q "qmail:$LIVE/other,control=$control" move -f "off-move@$local" --to "$queue"

# --- in the end: who had nothing to do with it

start
for i in 1 2 3; do
	policy "bystander$i@$remote" success
done
for what in expire requeue bounce delete drop move retry other restore; do
	policy "off-$what@$remote" success
	policy "off2-$what@$remote" success
	policy "off3-$what@$local" success
done
alarm
arrives "off-move@$remote" 1 'what was moved away and back is delivered'
arrives "off3-move@$local" 1 'to the local one, too'
for i in 1 2 3; do
	arrives "bystander$i@$remote" 1 "bystander $i has its mail, once"
	is "$(received "stander$i@$local")" 0 "and its sender no word"
done
empty() {
	[ -z "$(find "$queue/mess" "$queue/info" "$queue/todo" "$queue/local" "$queue/remote" "$queue/bounce" -type f)" ]
}
within 20 empty || :
is "$(find "$queue" -type f ! -path '*/lock/*' | sed "s,^$queue/,," | sort)" '' 'nothing is left in the queue'
none 'each message was delivered to each recipient at most once' sh -c '
	for f in "$LIVE"/got/*; do
		to=${f##*/}
		echo "${to%.*} $(sed -n "s/^Message-ID: <\(.*\)>/\1/p" "$f" | head -n 1) $(grep -c "^Subject: failure notice" "$f")"
	done | sort | uniq -d'
is "$(sed 's/^@[0-9a-f]* //' "$LIVE/log" | grep 'warning:\|alert:' | sort | uniq -c)" '' 'qmail-send had nothing to complain of'
stop
