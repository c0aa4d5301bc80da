#!/bin/sh
# Which queues a run is about: mistakes in naming them open none, and each trouble is told once.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99

sendmail=$(fixture sendmail flat)/mqueue
qmail=$(fixture qmail basic)/queue

# --- mistakes: status 64, one line, nothing listed

mistake() {
	run "$MTAQ" queues -q "$sendmail" -q "$1"
	is "$status $(cat "$out")" '64 ' "no queue is opened beside $2"
	is "$(wc -l <"$err" | tr -d ' ')" 1 "one line tells of $2"
	like "$(cat "$err")" "$3" "it says what is wrong with $2"
}
mistake "$qmail,colour=blue" 'an unknown option' colour
mistake "$sendmail,lifetime=3d" 'an option of the other MTA' 'sendmail queue.*lifetime'
mistake "qmail:$qmail,lifetime=3" 'a lifetime without unit' 'lifetime=3'
mistake "qmail:$qmail,control=$tmp/none" 'a control directory that is not there' 'control='
mistake "sendmail:$sendmail,cf=" 'an empty cf=' 'cf='
mistake "sendmail:$sendmail,cf" 'cf without a value' 'cf='
mistake 'postfix:/tmp' 'another kind of queue' 'sendmail: or qmail:'

# --- what cannot be opened: the others are served

run "$MTAQ" queues -q "$tmp/none" -q "$qmail"
is "$status $(cat "$out")" "66 qmail:$qmail" 'a queue that is not there keeps no other from being opened'
run "$MTAQ" queues -q "qmail:$sendmail"
is "$status" 66 'a directory that is no qmail queue'
is "$(wc -l <"$err" | tr -d ' ')" 1 'is told in one line'
run "$MTAQ" queues -q "sendmail:$tmp/none"
is "$status" 66 'a sendmail queue that is not there'
is "$(wc -l <"$err" | tr -d ' ')" 1 'is told once'

# --- MTAQ_QUEUES

run env MTAQ_QUEUES="$qmail
	$sendmail" "$MTAQ" queues
is "$status $(tr '\n' ' ' <"$out")" "0 qmail:$qmail sendmail:$sendmail " 'MTAQ_QUEUES parts them by blanks of any kind'
"$MTAQ" queues >"$tmp/host" 2>&1
run env MTAQ_QUEUES='  ' "$MTAQ" queues
is "$(cat "$out" "$err")" "$(cat "$tmp/host")" 'MTAQ_QUEUES of blanks is as good as none'
run env MTAQ_QUEUES="$qmail lifetime=3" "$MTAQ" -q "$sendmail" queues
is "$status $(cat "$out")" "0 sendmail:$sendmail" '-q stands in its place'
run env MTAQ_QUEUES="$(yes "$qmail" | head -n 1001 | tr '\n' ' ')" "$MTAQ" queues
is "$status" 64 'more queues than the limit'

done_testing
