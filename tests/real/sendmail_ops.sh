#!/bin/sh
# Each action on a private queue of the real sendmail, confirmed by what sendmail then does.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99
. "$top_srcdir/tests/sendmail.sh" || exit 99
need_sendmail

# --- a world of its own: sendmail, and a sink that takes all mail while it runs

world=$tmp/world sink=$tmp/sink
mkdir "$sink" "$tmp/free"

start_sink() {
	rm -f "$sink/port"
	python3 "$top_srcdir/tests/real/sink.py" "$sink" "$PORT" &
	sink_pid=$!
	within 20 test -s "$sink/port" || bail 'the sink does not start'
}
stop_sink() {
	[ -z "$sink_pid" ] || kill "$sink_pid"
	wait "$sink_pid" 2>/dev/null
	sink_pid=
}
at_exit 'stop_sink'
PORT=$(closed_port)
export PORT
private_sendmail "$world"
queue=$world/spool/mqueue
sm() {
	"$world/bin/sm" "$@"
}

cf=$world/cf/sendmail.cf

# acting ACTION ARGUMENT...
acting() {
	action=$1
	shift
	run "$MTAQ" "$action" -q "sendmail:$queue,cf=$cf,sendmail=$world/bin/sm" --journal "$tmp/journal" \
	    --trash "$tmp/trash" --no-syslog "$@"
}

# submit NAME RECIPIENT...: its id goes to the file ids/NAME. Its body says its name at the beginning and at the end.
mkdir "$tmp/ids"
submit() {
	name=$1
	shift
	{
		printf 'Subject: %s\n\nbegin-%s\n' "$name" "$name"
		seq 1 200
		printf 'end-%s\n' "$name"
	} >"$tmp/message"
	sm -odq -f root@mx.example.test "$@" <"$tmp/message" || bail "cannot submit $name"
	basename "$(grep -l "^H??Subject: $name\$" "$queue"/qf*)" | sed 's/^qf//' >"$tmp/ids/$name"
}
id() {
	cat "$tmp/ids/$1"
}
qf() {
	printf '%s/qf%s\n' "$queue" "$(id "$1")"
}
line() { # NAME CODE
	sed -n "s/^$2//p" "$(qf "$1")" | head -n 1
}

queued() {
	ls "$queue" | sed -n 's/^qf//p' | sort
}
lost() {
	find "$queue" "$@" -name 'Qf*'
}
# How many bounces about this message have come back to its sender.
bounced() {
	grep -c "^Subject: $1\$" "$world/mail/root" 2>/dev/null
}
# How many times the sink has it, whole, for this recipient.
delivered() {
	grep -l "^Subject: $1\$" "$sink"/[0-9]* /dev/null 2>/dev/null | while read -r file; do
		grep -q "^begin-$1\$" "$file" && grep -q "^end-$1\$" "$file" && grep -q "^RCPT $2\$" "$file" && echo "$file"
	done | wc -l
}
forget_deliveries() {
	rm -f "$sink"/[0-9]*
}

for n in 1 2 3 4 5 6 7 8; do
	submit "m$n" "rcpt$n@example.net"
done
submit many one@example.net two@example.net three@example.com
sm -qf
is "$(queued | wc -l)" 9 'all messages are put off'
is "$(line m1 M)" 'Deferred: Connection refused by [127.0.0.1]' 'by sendmail itself'

# --- expire

acting expire -e "recipient == 'rcpt1@example.net'"
is "$status" 0 'expire'
like "$(cat "$out")" "^$(id m1): expired, from=<root@mx.example.test>$" 'one line says so'
sm -qf
is "$(bounced m1)" 1 'the one that was expired is returned at the next run'
is "$(queued | grep -c .)" 8 'the others stay'
is "$(bounced m2)" 0 'and are not returned'
like "$(cat "$world/mail/root")" 'Action: failed' 'with a report of failure'

acting expire "$(id m2)" --try
is "$status" 0 'expire --try'
is "$(bounced m2)" 1 'is returned at once'

# --- bounce: without an attempt

tried=$(line m3 K)
sleep_until_older() { # the deadline of one second is over after two
	test "$(($(date +%s) - $(line "$1" T)))" -ge 2
}
within 5 sleep_until_older m3
acting bounce --wait 20s "$(id m3)" # it may have come in this second
is "$status" 0 'bounce'
is "$(line m3 K)" "$tried" 'nothing was tried yet'
sm -qf -v >"$tmp/log" 2>&1
is "$(bounced m3)" 1 'returned at the next run'
like "$(cat "$world/mail/root")" 'Status: 5.4.7' 'because its time was over'
unlike "$(grep -A3 "$(id m3)" "$tmp/log")" 'Connecting to \[127' 'without an attempt'
is "$(bounced m4)" 0 'the others are not'

# --- requeue, and undo

acting expire "$(id m4)" "$(id m5)"
acting requeue "$(id m4)"
is "$status" 0 'requeue'
run_of() {
	find "$tmp/journal" -name '*.jsonl' -printf '%T@ %f\n' | sort -rn | sed 's/^[^ ]* \(.*\)\.jsonl$/\1/' | while read -r run; do
		grep -q "\"op\":\"$1\"" "$tmp/journal/$run.jsonl" && echo "$run"
	done | head -n 1
}
was=$(line m5 T)
acting undo "$(run_of expire)"
like "$(cat "$out")" "$(id m5)" 'undo of expire'
is "$(($(line m5 T) > was))" 1 'sets the time back'
sm -qf
is "$(bounced m4)$(bounced m5)" 00 'neither is returned'
is "$(queued | grep -c .)" 6 'both are still queued'

# --- hold and release

before=$(qf m6)
cp "$before" "$tmp/before"
acting hold --reason 'looks odd' "$(id m6)"
is "$status" 0 'hold'
cp "$queue/hf$(id m6)" "$tmp/held"
is "$(queued | grep -c "$(id m6)")" 0 'no longer a qf'
like "$(sm -bp -qQ)" 'QUARANTINE: looks odd' 'sendmail lists it with its reason'
tried=$(sed -n 's/^N//p' "$queue/hf$(id m6)")
sm -qf
is "$(sed -n 's/^N//p' "$queue/hf$(id m6)")" "$tried" 'and does not try it'
acting release "$(id m6)"
is "$status" 0 'release'
same "$(qf m6)" "$tmp/before" 'is as it was before'
sm -Q'looks odd' -qI"$(id m6)" >/dev/null 2>&1
same "$tmp/held" "$queue/hf$(id m6)" 'what hold makes is what sendmail -Q makes'
acting release "$(id m6)"
same "$(qf m6)" "$tmp/before" 'what sendmail holds is released'
acting hold "$(id m6)"
sm -Q -qQ -qI"$(id m6)" >/dev/null 2>&1
same "$(qf m6)" "$tmp/before" 'and sendmail releases what is held'

# cut off in the middle, in either direction
sed 's/^S/qhalf held\n&/' "$tmp/before" >"$(qf m6)"
sm -qf
ok 'a qf with a reason is not tried, and sendmail calls it hf' test -f "$queue/hf$(id m6)"
is "$(sed -n 's/^N//p' "$queue/hf$(id m6)")" "$tried" 'without an attempt'
sed '/^q/d' "$queue/hf$(id m6)" >"$tmp/half" && cat "$tmp/half" >"$queue/hf$(id m6)"
sm -qf
ok 'an hf without a reason stays held' test -f "$queue/hf$(id m6)"
is "$(sed -n 's/^N//p' "$queue/hf$(id m6)")" "$tried" 'without an attempt too'
acting release "$(id m6)"
is "$status" 0 'release goes on from there'
ok 'and it is queued' test -f "$(qf m6)"

# --- retry: the chosen one alone

tried=$(line m4 N) others=$(line m5 N)
acting retry "$(id m4)"
is "$status" 0 'retry'
like "$(cat "$err")" '1 attempted' 'is counted as done'
is "$(line m4 N)" "$((tried + 1))" 'one attempt more'
is "$(line m5 N)" "$others" 'and none of another message'
mkdir -p "$world/hoststat/net./example./"
: >"$world/hoststat/net./example./mx"
{ cat "$cf" && echo "O HostStatusDirectory=$world/hoststat"; } >"$world/cf/hosts.cf"
cf=$world/cf/hosts.cf
acting retry --forget-hosts "$(id m4)"
cf=$world/cf/sendmail.cf
like "$(cat "$err")" '1 host status files removed' 'retry --forget-hosts'
ok 'the status of its hosts is forgotten' test ! -e "$world/hoststat/net./example./mx"
run "$MTAQ" retry -q "sendmail:$queue,cf=$cf,sendmail=/bin/true" --journal "$tmp/journal" --no-syslog "$(id m4)"
is "$status" 64 'a program that is not sendmail is not asked'

# --- delete, drop, move, save, restore: told by what is delivered

acting delete "$(id m4)"
is "$status" 0 'delete'
acting drop --recipient two@example.net "$(id many)"
is "$status" 0 'drop'
mkdir "$tmp/parked"
acting move --to "$tmp/parked" "$(id m5)"
is "$status" 0 'move'
acting save --to "$tmp/saved" "$(id m7)"
is "$status" 0 'save'
acting delete --purge "$(id m7)"
acting hold "$(id m8)"
start_sink
sm -qf
is "$(delivered m4 rcpt4@example.net)" 0 'what was deleted is not delivered'
is "$(delivered many one@example.net)$(delivered many three@example.com)" 11 'the others of a dropped recipient get it'
is "$(delivered many two@example.net)" 0 'the dropped one does not'
is "$(delivered m5 rcpt5@example.net)" 0 'what was moved away is not delivered from here'
is "$(delivered m6 rcpt6@example.net)" 1 'what was released is'
is "$(queued)" '' 'nothing else is queued'
sm -OQueueDirectory="$tmp/parked" -qf
is "$(delivered m5 rcpt5@example.net)" 1 'it is delivered whole from where it was moved to'
acting trash restore "$(id m4)"
is "$status" 0 'restore from the trash'
acting restore --from "$tmp/saved" "$(id m7)"
is "$status" 0 'restore from where it was saved'
acting release "$(id m8)"
sm -qf
is "$(delivered m4 rcpt4@example.net)$(delivered m7 rcpt7@example.net)$(delivered m8 rcpt8@example.net)" 111 'all are delivered whole'
is "$(queued)" '' 'and the queue is empty'
is "$(find "$queue" "$tmp/parked" -type f)" '' 'without leftovers'
is "$(lost "$tmp/parked")" '' 'sendmail gave up none of our files'

# --- qtool -b: at once, and only those

stop_sink
submit q1 q1@example.net
submit q2 q2@example.net
sm -qf
within 5 sleep_until_older q2
acting qtool --wait 20s -b -e '$msg{message} =~ /Connection refused/ && $msg{recipient} =~ /^q1/' "$queue"
is "$status" 0 'qtool -b'
is "$(bounced q1) $(bounced q2)" '1 0' 'returns what was chosen, at once'
is "$(queued)" "$(id q2)" 'and leaves the rest'
acting qtool -d "$queue"
is "$status $(queued)" '0 ' 'qtool -d of a whole directory'
done_testing
