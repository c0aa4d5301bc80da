# What takes hours and days, on the stand-in, whose clock can be set (ahead); and what only it can be made to do. Sourced
# after cases.sh, with qmail-send stopped.
# shellcheck shell=sh
# shellcheck disable=SC2154,SC2034

# plan CHANNEL: when message $n is to be tried next, as qmail-send has put it down when it was stopped.
plan() {
	stat -c %Y "$queue/$1/$d/$n"
}

birth() {
	stat -c %Y "$queue/info/$d/$n"
}

# --- the schedule: of a young message, and of an old one that is made young again

policy "plan@$remote" deferral
policy "plan-too@$local" deferral
start
put "plan@$local" "plan@$remote" "plan-too@$local"
ends_as "plan@$remote" deferral 'schedule: deferred'
ends_as "plan-too@$local" deferral 'schedule: deferred locally'
number "plan@$local"
stop
# the first began in the second of its birth, or in the next
like "$(($(plan local) - $(birth))) $(($(plan remote) - $(birth)))" '^(100|121) (400|441)$' 'schedule: the second attempts'
touch -d '5 days ago' "$queue/info/$d/$n"
touch -d '1 minute ago' "$queue/remote/$d/$n" "$queue/local/$d/$n"
start
ends_as "plan@$remote" 'deferral deferral' 'schedule: an old one is tried when it is planned'
ends_as "plan-too@$local" 'deferral deferral' 'schedule: locally, too'
stop
ok 'schedule: for an old one, hours go by' test $(($(plan remote) - $(date +%s))) -gt 20000
start
acts '1 message matched: 1 requeued' requeue -f "plan@$local"
alarm
ends_as "plan@$remote" 'deferral deferral deferral' 'requeue: tried again'
stop
ok 'requeue: only minutes after the next attempt' test $(($(plan remote) - $(date +%s))) -lt 700

# --- expire takes effect at the next attempt that is planned, without a signal

policy "patient@$remote" deferral
policy "doomed@$remote" deferral 'Not today.'
start
put "patient@$local" "patient@$remote"
put "doomed@$local" "doomed@$remote"
ends_as "patient@$remote" deferral 'time: one is deferred'
ends_as "doomed@$remote" deferral 'time: another, too'
acts '1 message matched: 1 expired' expire -f "doomed@$local"
ahead 1000
arrives "doomed@$local" 1 'time: the expired one comes back at its next attempt'
ends_as "patient@$remote" 'deferral deferral' 'time: the other one is tried'
is "$(attempts "doomed@$remote") $(received "patient@$local")" '2 0' 'time: and stays'

# --- bounce and delete as well

policy "returned@$remote" deferral
policy "removed@$remote" deferral
put "returned@$local" "returned@$remote"
put "removed@$local" "removed@$remote"
ends_as "returned@$remote" deferral 'time: deferred'
ends_as "removed@$remote" deferral 'time: deferred'
acts '1 message matched: 1 bounced' bounce -f "returned@$local"
acts '1 message matched: 1 deleted' delete -f "removed@$local"
ahead 3000
arrives "returned@$local" 1 'time: the bounced one comes back when its time has come'
vanishes "removed@$local" 'time: the deleted one ends'
is "$(attempts "returned@$remote")$(attempts "removed@$remote")$(received "removed@$local")" 110 'time: without another attempt'

# --- all of it comes back when its lifetime is over

ahead 700000
arrives "patient@$local" 1 'time: what is too old comes back by itself'
arrives "plan@$local" 1 'time: all of it'
ahead 0
within 20 empty || :
stop

# --- qmail-send is killed: its lock goes with it, and what was in flight is tried again

policy "killed@$remote" hold
start
put "killed@$local" "killed@$remote"
within 20 in_flight "killed@$remote" || fail 'a delivery is in flight'
kill -9 "$send"
wait "$send" 2>/dev/null
send=
number "killed@$local"
acts '1 message matched: 1 bounced' bounce -f "killed@$local" --reason 'Sent back.'
finish "killed@$remote" success
start
arrives "killed@$local" 1 'killed: what was marked meanwhile comes back at once'
arrives "killed@$remote" 1 'killed: what was in flight arrived all the same'

# --- somebody keeps qmail-send down

policy "kept-down@$remote" deferral
put "kept-down@$local" "kept-down@$remote"
ends_as "kept-down@$remote" deferral 'held by another: a message is there'
stop
flock -n "$queue/lock/sendmutex" sh -c 'echo held >"$1"; while [ -e "$1" ]; do sleep 0.05; done' sh "$tmp/keep" &
keeper=$!
within 20 test -s "$tmp/keep" || fail 'the mutex is held'
refuses 75 'stop it first' move -f "kept-down@$local" --to "$LIVE/other"
act retry ALL
like "$status $(cat "$err")" '77 .*its process cannot be found' 'held by another: no signal to anybody but a proven qmail-send'
rm "$tmp/keep"
wait $keeper

# --- numbers that are no inodes: a queue that was copied

policy "copied@$remote" deferral
start
put "copied@$local" "copied@$remote"
ends_as "copied@$remote" deferral 'copied: deferred'
number "copied@$local"
stop
mv "$queue" "$LIVE/away" && cp -a "$LIVE/away" "$queue" && rm -rf "$LIVE/away" || bail 'cannot copy the queue'
ok 'copied: the number is not the inode' test "$(stat -c %i "$queue/mess/$d/$n")" != "$n"
start
for action in bounce delete; do
	act $action -f "copied@$local"
	like "$status $(cat "$err")" '1 .*safe only while qmail-send is stopped' "copied: $action is refused while it runs"
done
acts '1 message matched: 1 expired' expire -f "copied@$local"
stop
acts '1 message matched: 1 deleted' delete -f "copied@$local"
is "$(files_of)" '' 'copied: deleted while it is stopped'
