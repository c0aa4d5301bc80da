#!/bin/sh
# mtaq summary on recorded queues; the numbers were counted by hand from the recorded mailq and qread listings.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99

flat=$(fixture sendmail flat)
basic=$(fixture qmail basic)
sendmail() {
	run "$MTAQ" --clock @1768478400 -q "sendmail:$flat/mqueue,cf=$flat/mail/sendmail.cf" summary "$@"
}
qmail() {
	run "$MTAQ" --clock 2026-11-20T12:00Z -q "qmail:$basic/queue" summary "$@"
}
# messages of the group whose key is $1
group() {
	awk -v key="$1" '{ k = $5; for (i = 6; i <= NF; i++) k = k " " $i } k == key { print $1 }' "$out"
}

# --- against the recorded listing: messages with a status in it, folded or not
sendmail --by status
is "$status" 0 'ends well'
is "$(sed -n 2p "$out" | awk '{ print $1, $5 }')" '25 TOTAL' 'the first line is the total'
is "$(group 'Deferred: Connection refused by [*]')" 3 'brackets are folded'
sendmail --by status --exact
is "$(group 'Deferred: Connection refused by [127.0.0.1]')" 3 'exact: brackets as they are'
is "$(awk 'NR > 2 && $1 > last && NR > 3 { bad = 1 } { last = $1 } END { print bad + 0 }' "$out")" 0 'the largest first'

# --- codes and their meanings
sendmail --by reply
like "$(cat "$out")" '452  temporary: out of space' 'reply: what a code means'
sendmail --by dsn
like "$(cat "$out")" '4.2.2  temporary: mailbox full' 'dsn: what a code means'

# --- domains
sendmail --by sender.domain
is "$(group -)" "$(grep -c 'MAILER-DAEMON\|<>$' "$top_srcdir/fixtures/sendmail/flat.mailq")" 'null senders have no domain'
sendmail --labels 1
is "$(group .com)" 2 'rolled up to the last label'
qmail --by channel
is "$(awk 'NR > 2 { print $5 }' "$out" | sort | tr '\n' ' ')" 'local remote ' 'channels of qmail'

# --- several keys, top, age
sendmail --by state,bounce
is "$(sed 1d "$out" | awk '{ print $1, $5, $6, $7 }' | tr '\n' ';')" '25 TOTAL  ;20 queued | no;5 queued | yes;' 'two keys'
sendmail --top 2
is "$(wc -l <"$out" | tr -d ' ')" 4 'top: heading, total and two'
sendmail --age --first 1h --buckets 4
is "$(sed -n 1p "$out" | awk '{ print $5, $6, $7, $8 }')" '1h 2h 4h 4h+' 'age: columns double'
is "$(sed -n 2p "$out" | awk '{ print $5 + $6 + $7 + $8 }')" 25 'age: everybody is in one column'

# --- json
sendmail --by sender.domain --age --json
if command -v jq >/dev/null; then
	is "$(jq -s 'map(.messages) | add' "$out")" 25 'json: one object per group'
	is "$(jq -s 'all(.[]; (.by_age | add) == .messages)' "$out")" true 'json: ages'
else
	skip 'jq is not installed' 'json: one object per group'
	skip 'jq is not installed' 'json: ages'
fi

# --- on a terminal: a sender that has a C1 control (CSI) in it, and DEL
c1=$(printf 'Zed\177@\302\23331mex.com')
control=$(find "$flat/mqueue" -name 'qf*' | sort | head -n 1)
sed "s/^S.*/S<$c1>/" "$control" >"$tmp/control" && cat "$tmp/control" >"$control"
if have_pty; then
	for format in '' --json; do
		# shellcheck disable=SC2086 # none or one
		run_on_tty 80 "$MTAQ" -q "sendmail:$flat/mqueue,cf=$flat/mail/sendmail.cf" summary --by sender $format
		is "$status $(controls "$out") $(grep -c 31mex.com "$out")" '0 0 1' "a terminal gets no control: summary $format"
	done
else
	skip 'no pseudo-terminals' 'what a terminal gets'
fi
sendmail --by sender --json
is "$(grep -c "$(printf '@\302\23331mex.com')" "$out") $(grep -c "$(printf '\177')" "$out")" '1 0' 'elsewhere C1 is as it was, DEL never'

# --- answers quoted in bounces, as grep finds them in the data files
sendmail --by reply_in_body --exact
wanted=$(grep -h '^<<< [0-9]' "$flat"/mqueue/df* | sed 's/^<<< //' | sort | uniq -c | awk '{ print $1 }' | sort | tr '\n' ' ')
is "$(awk 'NR > 2 && $5 != "-" { print $1 }' "$out" | sort | tr '\n' ' ')" "$wanted" 'replies in bodies'

# --- two headers are two columns and two members
sendmail --by 'header["Subject"],header["From"]' --json
is "$(head -n 1 "$out" | grep -o '"header[^:]*:' | tr '\n' ' ')" '"header[\"Subject\"]": "header[\"From\"]": ' 'members have the name as it was written'
sendmail --by 'header["Subject"],header["From"]'
like "$(sed -n 1p "$out")" '  header\["Subject"\] [|] header\["From"\]$' 'and so has the heading'

# --- what cannot be read: a directory in the place of the recipients, and a list that is cut
cp -a "$basic" "$tmp/cut"
whole=$(find "$tmp/cut/queue/remote" -type f | sort | tail -n 1)
first=$(find "$tmp/cut/queue/remote" -type f | sort | head -n 1)
rm "$first" && mkdir "$first"
printf 'Tcut@cut.example' >"$whole"
run "$MTAQ" --clock 2026-11-20T12:00Z -q "qmail:$tmp/cut/queue" summary
is "$status $(group '?') $(grep -c 'cut.example' "$out")" '1 2 0' 'unreadable recipients are no missing ones'
is "$(awk '$5 == "?" { print $2 }' "$out")" 0 'and those of a cut list are not counted'

# --- more values than can be grouped
mkdir -p "$tmp/many/mqueue"
{
	printf 'V8\nT1768470000\nK0\nN0\nP1\nS<a@b>\n'
	awk 'BEGIN { for (i = 0; i < 5000; i++) print "RPFD:<x@d" i ".example>" }'
	echo .
} >"$tmp/many/mqueue/qf60F90094016001"
run "$MTAQ" --clock @1768478400 -q "sendmail:$tmp/many/mqueue" summary
is "$status $(sed -n 2p "$out" | awk '{ print $1, $2, $5 }') $(wc -l <"$out")" '1 1 5000 TOTAL 2' 'too many values: in the total only'
like "$(cat "$err")" '60F90094016001: too many values to count' 'and told'

# --- mistakes
for mistake in '--by nothing' '--by sender,' '--buckets 1' '--first 0s' '--labels 0' '--limit 3' '--top x'; do
	# shellcheck disable=SC2086 # words
	sendmail $mistake
	is "$status $(wc -c <"$out" | tr -d ' ')" '64 0' "refused: $mistake"
done
done_testing
