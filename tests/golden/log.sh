#!/bin/sh
# What qmail-send's log tells of the recorded queues, from each carrier, against the reference reading (CASE.truth.json).
. "${top_srcdir:-.}/tests/lib.sh" || exit 99
command -v jq >/dev/null || skip_all 'no jq'
TZ=UTC
export TZ

here=$top_srcdir/tests/golden
recorded=$top_srcdir/fixtures/qmail
clock=$(fixture_clock qmail)

# query FILTER FILE...: with the definitions of truth.jq.
query() {
	filter=$1
	shift
	jq -S -c --argjson clock "${clock#@}" -L "$here" "include \"truth\"; $filter" "$@"
}

# compare CASE LOG NAME: the queue of CASE with this log.
compare() {
	run "$MTAQ" list --format json --clock "$clock" -q "$(fixture_queue qmail "$1")" --log "$2"
	is "$status $(cat "$err")" '0 ' "$3: all is read"
	query '.[] | truth_log($clock)' "$recorded/$1.truth.json" | sort >"$tmp/wanted"
	query 'ours_log' "$out" | sort >"$tmp/got"
	same "$tmp/got" "$tmp/wanted" "$3"
}

for reference in "$recorded"/*.truth.json; do
	case=$(basename "$reference" .truth.json)
	for carrier in log syslog syslog-iso; do
		[ -f "$recorded/$case.$carrier" ] || continue
		compare "$case" "$recorded/$case.$carrier" "$case.$carrier"
	done
done
tar -C "$tmp" --warning=no-timestamp -xf "$recorded/basic.logdir.tar"
compare basic "$tmp/logdir" 'basic: multilog directory'

# --- what is asked, and what cannot be answered

queue=$(fixture_queue qmail basic)

# asks STATUS LOG EXPRESSION WANTED NAME: the number of messages.
asks() {
	run "$MTAQ" count -1 --clock "$clock" -q "$queue" --log "$2" -e "$3"
	is "$status $(cat "$out")" "$1 $4" "$5"
}

asks 0 "$recorded/basic.log" 'attempts > 3' 16 'attempts'
asks 0 "$recorded/basic.log" 'any(attempts > 5 and dsn == "4.4.1")' 1 'attempts and dsn of one recipient'
asks 0 "$recorded/basic.log" 'reply == "421"' 4 'reply'
asks 0 "$recorded/basic.log" 'has(next_attempt)' 21 'next attempt'
asks 0 "$recorded/basic.log" 'status =~ /maildrop: quota exceeded/' 1 'blanks in the status'

# no times: counts and results all the same
cut -d' ' -f2- "$recorded/basic.log" >"$tmp/plain"
asks 0 "$tmp/plain" 'attempts > 3' 16 'bare lines'
asks 0 "$tmp/plain" 'has(last_attempt)' 0 'bare lines have no times'

# the beginning was rotated away: no answer, but where the rest decides; a lower bound for who looks
rm "$tmp"/logdir/@*bf38.s
run "$MTAQ" count -1 --clock "$clock" -q "$queue" --log "$tmp/logdir" -e 'attempts >= 1'
is "$status" 1 'cut: some messages have no answer'
is "$(grep -c 'does not reach back to message [0-9]*: at least [1-9]' "$err")" "$((22 - $(cat "$out")))" 'cut: each of them is told'
asks 0 "$tmp/logdir" 'attempts >= 1 and size < 0' 0 'cut: nobody needs the log'
run "$MTAQ" show --clock "$clock" -q "$queue" --log "$tmp/logdir" 1147990
like "$(cat "$out")" '^remote pending to lost.user@grey.example.net, attempts >= [1-7]$' 'cut: show has a lower bound'
run "$MTAQ" list --format json --clock "$clock" -q "$queue" --log "$tmp/logdir" 1147990
is "$status $(jq -c '[has("attempts"), .recipients[0].attempts, .errors[0].part]' "$out")" '0 [false,null,"log"]' \
    'cut: json leaves it out and says why'

# a directory whose files may lack lines
mv "$tmp"/logdir/@*a0b8.s "$tmp/logdir/@400000006b0004421096a0b8.u"
asks 1 "$tmp/logdir" 'attempts >= 1 and subject =~ /won #1001/' 0 'lines may be missing after .u'

# the number belongs to another message: the log has another process, another size, or its end
sed '/info msg 1147990/s/qp [0-9]*/qp 1/' "$recorded/basic.log" >"$tmp/log"
run "$MTAQ" count -1 --clock "$clock" -q "$queue" --log "$tmp/log" -e 'attempts >= 1'
is "$status $(cat "$out")" '0 22' 'put in by hand: sender, size and time agree'
sed '/info msg 1147990/{s/qp [0-9]*/qp 1/;s/from <>/from <x@y>/;}' "$recorded/basic.log" >"$tmp/log"
run "$MTAQ" count -1 --clock "$clock" -q "$queue" --log "$tmp/log" -e 'attempts >= 1'
is "$status $(cat "$out")" '1 21' 'another process, another sender'
like "$(cat "$err")" 'message 1147990 is not the one in the queue, its number was used again' 'and why'
sed '/info msg 1147990/s/bytes [0-9]*/bytes 5/' "$recorded/basic.log" >"$tmp/log"
asks 1 "$tmp/log" 'attempts >= 1' 21 'another size'
{
	cat "$recorded/basic.log"
	echo '@400000006b00118d1ab1000c end msg 1147990'
} >"$tmp/log"
asks 1 "$tmp/log" 'attempts >= 1' 21 'it ended'
sed '/new msg 1147990$/d' "$recorded/basic.log" >"$tmp/log"
asks 1 "$tmp/log" 'attempts >= 1' 21 'its beginning is missing'

# a start that says the delivery of another message by the same name makes the first one's result nobody's
{
	cat "$recorded/basic.log"
	echo '@400000006b00118d1ab1000c starting delivery 1: msg 1147990 to remote lost.user@grey.example.net'
	echo '@400000006b00118d1ab1000c starting delivery 1: msg 5 to remote x@y'
	echo '@400000006b00118d1ab1000c delivery 1: deferral: not_yours/'
} >"$tmp/log"
asks 0 "$tmp/log" 'status =~ /not yours/' 0 'delivery numbers begin again'
asks 0 "$tmp/log" 'attempts == 9' 1 'a start without a result is an attempt'

# no log, wrong logs
run "$MTAQ" count -1 -q "$queue" -e 'attempts > 3'
is "$status" 64 'no log'
like "$(cat "$err")" 'name it with --log' 'no log: how to name one'
run "$MTAQ" count -1 -q "$queue,log=none" --log "$recorded/basic.log" -e 'attempts > 3'
is "$status" 64 'log=none'
run "$MTAQ" count -1 -q "$queue" --log /no/such/file
is "$status" 64 'a log that is not there'
run "$MTAQ" count -1 -q "$(fixture_queue sendmail flat)" --log "$recorded/basic.log"
is "$status" 64 'nobody takes the log'
run "$MTAQ" queues -v -q "$queue,log=$recorded/basic.log"
like "$(cat "$out")" "^  log  *$recorded/basic.log +.named.$" 'queues -v: which log'
run "$MTAQ" queues -v -q "$queue"
like "$(cat "$out")" '^  log  *none ' 'queues -v: no log'
done_testing
