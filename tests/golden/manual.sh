#!/bin/sh
# What mtaq(1) and mtaq-filter(7) promise, case by case. What is wanted comes from the manual pages and from what the
# README files and the MTAs' own listings beside the recorded queues say.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99
TZ=UTC LC_ALL=C.UTF-8
export TZ LC_ALL
unset MTAQ_QUEUES NO_COLOR COLUMNS

flat_dir=$(fixture sendmail flat)
flat=sendmail:$flat_dir/mqueue,cf=$flat_dir/mail/sendmail.cf
held_dir=$(fixture sendmail quarantined)
held=sendmail:$held_dir/mqueue,cf=$held_dir/mail/sendmail.cf
basic_dir=$(fixture qmail basic)
basic=qmail:$basic_dir/queue
fixtures=$top_srcdir/fixtures

# of QUEUE COMMAND...: run it when the queue was recorded.
of() {
	of_queue=$1
	shift
	case $of_queue in
	qmail:*) of_clock=@1795167000 ;;
	*) of_clock=@1768478400 ;;
	esac
	run "$MTAQ" -q "$of_queue" --clock "$of_clock" "$@"
}

# ends STATUS NAME ARGUMENT...: the command line ends with that status.
ends() {
	ends_status=$1 ends_name=$2
	shift 2
	run "$MTAQ" "$@"
	is "$status" "$ends_status" "$ends_name"
}

# selects QUEUE NUMBER ARGUMENT...: so many messages, and all is well.
selects() {
	selects_queue=$1 selects_number=$2
	shift 2
	of "$selects_queue" count -1 "$@"
	is "$status $(cat "$out")" "0 $selects_number" "$selects_number in ${selects_queue%%:*}: $*"
}

# refuses COLUMN EXPRESSION: status 64, nothing printed, a caret under that column (counted from 1).
refuses() {
	of "$flat" list -e "$2"
	is "$status $(wc -c <"$out") $(awk '/^ *\^$/ { print length }' "$err")" "64 0 $1" "refused at column $1: $2"
}

# --- the command line ---------------------------------------------------------------------------------------------

ends 64 'no command'
ends 64 'no such command' frobnicate
ends 64 'no such option' list --frobnicate
ends 64 'an option of another command' fields --sort age
ends 64 'an argument is missing' list -q
ends 64 'show without an id' show
ends 64 'cat without an id' cat
ends 64 'fields takes no words' fields age
ends 64 'queues takes no words' queues /var/spool/mqueue
ends 64 'help of no command' help frobnicate
ends 64 'no jobs' -q "$flat" --jobs 0 list
ends 64 'too many jobs' -q "$flat" --jobs 257 list
ends 0 'as many jobs as may be' -q "$flat" --jobs 256 list
ends 64 'a colour that is no time' -q "$flat" --color sometimes list
ends 64 'a clock that is no time' -q "$flat" --clock yesterday list
ends 64 'an age without a unit' -q "$flat" list -o 2
ends 64 'a limit that is no number' -q "$flat" list --limit many
ends 0 'version' --version
like "$(cat "$out")" '^mtaq [0-9]' 'its number'
ends 0 'global options after the command' list -q "$flat" --clock @1768478400 --quiet
ends 64 'other options stand after the command' -q "$flat" --limit 3 list

# --- queues -------------------------------------------------------------------------------------------------------

mkdir "$tmp/empty" "$tmp/with,comma"
cp -a "$flat_dir/mqueue" "$tmp/with,comma/mqueue"
ends 66 'no such directory' -q /nonexistent/mqueue list
ends 66 'a directory that is no queue' -q "$tmp/empty" list
ends 64 'no such kind of queue' -q "postfix:$flat_dir/mqueue" list
ends 64 'no such key' -q "$flat,frobnicate=1" list
ends 64 "a key of the other MTA" -q "$flat,lifetime=3d" list
selects "sendmail:$tmp/with\\,comma/mqueue" 25
selects "$flat_dir/mqueue" 25
run "$MTAQ" -q "$basic_dir/queue" list --format '{mta}'
is "$status $(sort -u "$out")" '0 qmail' 'the kind is found from the contents'
run "$MTAQ" -q /nonexistent/mqueue -q "$basic" count -1
is "$status $(cat "$out")" '66 22' 'the other queues are read all the same'
run env MTAQ_QUEUES="$flat $basic" "$MTAQ" count -1
is "$status $(cat "$out")" '0 47' 'queues from the environment'
run env MTAQ_QUEUES="$flat" "$MTAQ" -q "$basic" count -1
is "$status $(cat "$out")" '0 22' '-q comes before the environment'
split_dir=$(fixture sendmail split)
ln -s q1 "$split_dir/mqueue/q9"
selects "sendmail:$split_dir/mqueue/q*" 7
client_dir=$(fixture sendmail client)
selects "sendmail:$client_dir/mqueue,msp,cf=$client_dir/mail/sendmail.cf" 4
selects "qmail:$(fixture qmail bigtodo)/queue" 7 -e 'state == new'
selects "qmail:$(fixture qmail split151)/queue" 6
selects "qmail:$(fixture qmail split1)/queue" 6
run "$MTAQ" -q "$flat" -q "$basic" queues
printf '%s\n' "sendmail:$flat_dir/mqueue" "$basic" >"$tmp/wanted"
same "$out" "$tmp/wanted" 'queues prints one line each'

# expires NAME WANTED ARGUMENT...: of the message from zoe, or 1148212, which arrived on January 15, 8:00, and on
# November 15, 6:26:10.
expires() {
	expires_name=$1 expires_wanted=$2
	shift 2
	run "$MTAQ" "$@" --format '{expires}'
	is "$status $(cat "$out")" "0 $expires_wanted" "$expires_name"
}
sed 's/^O Timeout.queuereturn=.*/O Timeout.queuereturn=1d/' "$flat_dir/mail/sendmail.cf" >"$tmp/one-day.cf"
mkdir "$tmp/control"
echo 3600 >"$tmp/control/queuelifetime"
expires 'cf=' 2026-01-20T08:00:00Z -q "$flat" list 60F800S2016995
expires '-C' 2026-01-16T08:00:00Z -q "sendmail:$flat_dir/mqueue" -C "$tmp/one-day.cf" list 60F800S2016995
expires 'control beside the queue' 2026-11-22T06:26:10Z -q "$basic" list 1148212
expires 'control=' 2026-11-15T07:26:10Z -q "$basic,control=$tmp/control" list 1148212
expires 'lifetime=' 2026-11-17T06:26:10Z -q "$basic,lifetime=2d" list 1148212

denied=$(fixture sendmail flat)
if [ "$(id -u)" -eq 0 ]; then
	cp "$MTAQ" "$tmp/mtaq"
	chmod 755 "$tmp" "$denied"
	chown -R 0:0 "$denied/mqueue"
	chmod 700 "$denied/mqueue"
	run setpriv --reuid=65534 --regid=65534 --clear-groups "$tmp/mtaq" -q "sendmail:$denied/mqueue" list
else
	chmod 000 "$denied/mqueue"
	run "$MTAQ" -q "sendmail:$denied/mqueue" list
	chmod 700 "$denied/mqueue"
fi
is "$status" 77 'a queue that may not be read'
like "$(cat "$err")" "^mtaq: $denied/mqueue: Permission denied" 'and which'

# --- selectors ----------------------------------------------------------------------------------------------------

selects "$flat" 25
selects "$flat" 25 ALL
selects "$flat" 1 -f zoe@example.com
selects "$flat" 1 -f ZOE@Example.COM
selects "$flat" 0 -f oe@example.com
selects "$flat" 2 -f zoe@example.com -f alice@example.com
selects "$flat" 0 -f zoe@example.com -r ben@example.org
selects "$flat" 5 -f '<>'
selects "$flat" 2 -f '/^(ZOE|alice)@/'
selects "$flat" 19 -r @example.NET
selects "$flat" 0 -r @net
selects "$flat" 4 -o 2d
selects "$flat" 19 -y 2d
selects "$flat" 1 -o 2d -y 3d
selects "$flat" 2 -e bounce -e 'age > 2d'
selects "$basic" 2 -f '<>'
selects "$basic" 1 -r u00@grey.example.net
selects "$basic" 0 -r u01@example.com
ends 64 'no recipient is <>' -q "$flat" list -r '<>'
of "$flat" list --format '{id}' --limit 2
is "$status $(wc -l <"$out")" '0 2' 'the first two only'
of "$flat" list --format '{id}' --limit 0
is "$status $(wc -l <"$out")" '0 0' 'or none'

# --- ids ----------------------------------------------------------------------------------------------------------

zoe=60F800S2016995
for id in $zoe qf$zoe "$flat_dir/mqueue/qf$zoe" "$zoe*" "$zoe-"; do
	selects "$flat" 1 "$id"
done
of "$flat" list --format '{id}' 60F800S201699
is "$status $(wc -c <"$out")" '1 0' 'a part of an id is none'
like "$(cat "$err")" '60F800S201699' 'and is named'
of "$flat" list --format '{sender}' NOSUCHID $zoe
is "$status $(cat "$out")" '1 zoe@example.com' 'the others are listed'
of "$flat" list --format '{sender}' -e bounce $zoe
is "$status $(wc -c <"$out")" '0 0' 'ids and selectors must both be true'
ends 64 'ALL goes with no id' -q "$flat" list ALL $zoe
"$MTAQ" -q "$flat" list -0 -f '<>' >"$tmp/ids"
is "$(tr -dc '\0' <"$tmp/ids" | wc -c) $(wc -l <"$tmp/ids")" '5 0' 'ids ended by NUL'
is "$("$MTAQ" -q "$flat" count -1 - <"$tmp/ids")" 5 'and read again'
is "$("$MTAQ" -q "$flat" list -i -f '<>' | "$MTAQ" -q "$flat" count -1 -)" 5 'ids by line'

mess=$(find "$basic_dir/queue/mess" -name 1148212)
stamp=$(stat -c %Y "$mess")000000000
of "$basic" list -i 1148212
is "$status $(cat "$out")" "0 1148212@$stamp" 'an id of qmail for scripts'
selects "$basic" 1 1148212
selects "$basic" 1 '#1148212'
selects "$basic" 1 "1148212@$stamp"
of "$basic" count -1 1148212@1
is "$status $(cat "$out")" '1 0' 'a number that is another message now'
is "$(echo "1148212@$stamp" | "$MTAQ" -q "$basic" count -1 -)" 1 'from standard input with its time'
status=0
echo 1148212 | "$MTAQ" -q "$basic" count -1 - >"$out" 2>"$err" || status=$?
is "$status $(wc -c <"$out")" '64 0' 'a bare number from standard input'

# --- expressions --------------------------------------------------------------------------------------------------

refuses 1 'colour == 1'
refuses 12 'bounce and colour'
refuses 7 'age > 2'
refuses 8 'size > 3y'
refuses 8 'size > 2d'
refuses 5 'any(bounce)'
refuses 5 'any(any(recipient == "x"))'
refuses 8 'bounce == 1'
refuses 12 'subject =~ "x"'
refuses 15 'subject =~ /x/q'
refuses 8 'sender = "x"'
refuses 10 'age < 2d < 3d'
refuses 7 'age > x'
refuses 11 'sender == zoe'
refuses 8 'sender < "a"'
refuses 9 'arrival == 2026-01-01'
refuses 10 'state == tired'
refuses 9 'size == sender'
refuses 1 'sender'
refuses 16 'subject =~ /a(b/'
refuses 21 'bounce and (age > 2d'
refuses 9 'age > 2d)'
refuses 1 "'x' == sender"
ends 64 'priority in a queue of qmail' -q "$basic" list -e 'priority > 5'
selects "$basic" 0 -e 'mta == sendmail and priority > 5'
selects "$basic" 22 -e 'mta == qmail or priority > 5'
selects "$flat" 6 -e 'bounce or size > 50k and age > 2d'
selects "$flat" 3 -e '(bounce or size > 50k) and age > 2d'
selects "$flat" 21 -e 'not age > 2d'
selects "$flat" 21 -e '! age > 2d'
selects "$flat" 2 -e 'not not bounce && age > 2d'
selects "$flat" 5 -e 'BOUNCE AND Mta == SendMail'
selects "$flat" 0 -e 'sender == "ZOE@example.com"'
selects "$flat" 1 -e 'sender == "zoe@EXAMPLE.com"'
selects "$flat" 1 -e 'sender eq "zoe@example.com"'
selects "$flat" 24 -e 'sender ne "zoe@example.com"'
selects "$flat" 2 -e 'sender in ("zoe@example.com", "alice@Example.com", "x")'
selects "$flat" 1 -e 'sender == "zoe\x40example.com"'
printf '# people\n zoe@example.com \n\nalice@example.com\n' >"$tmp/people"
selects "$flat" 2 -e "sender in file '$tmp/people'"
selects "$flat" 23 -e "sender not in file '$tmp/people'"
ends 64 'a file of values that is not there' -q "$flat" list -e "sender in file '$tmp/nobody'"
selects "$flat" 23 -e 'recipient != "grey@example.net"'
selects "$flat" 23 -e 'not recipient == "grey@example.net"'
selects "$flat" 1 -e 'recipient == "plain@example.net" and status =~ /4\.7\.1 <grey/'
selects "$flat" 0 -e 'any(recipient == "plain@example.net" and status =~ /4\.7\.1 <grey/)'
selects "$flat" 23 -e 'last_attempt > 2000-01-01'
selects "$flat" 0 -e 'not last_attempt > 2000-01-01'
selects "$flat" 2 -e 'not has(last_attempt)'
selects "$flat" 4 -e 'has(last_attempt) and num_delivery_attempts > 10'
selects "$flat" 1 -e 'subject == "Rechnung 2026-01 für Ihre Bestellung – letzte Mahnung"'
selects "$flat" 1 -e 'header["x-spam-flag"] == "YES"'
selects "$flat" 1 -e 'message =~ /Network is unreachable/'
selects "$flat" 0 -e 'status =~ /network is unreachable/'
selects "$flat" 1 -e 'status =~ /network is unreachable/i'
selects "$flat" 1 -e 'size > 67k'
selects "$flat" 0 -e 'size > 68K'
selects "$flat" 1 -e 'size == 69300'
selects "$flat" 24 -e 'size not in (69300, 1M)'
selects "$flat" 15 -e 'arrival >= 2026-01-15'
selects "$flat" 15 -e 'arrival >= 2026-01-15T00:00:00Z and arrival >= @1768435200'
TZ=Etc/GMT-1 selects "$flat" 16 -e 'arrival >= 2026-01-15'
TZ=Etc/GMT-1 selects "$flat" 15 -e 'arrival >= 2026-01-15T00:00Z'
selects "$flat" 4 -e 'age > 1d23h59m60s and not age <= 2d'
selects "$flat" 24 -e 'has(subject)'
selects "$flat" 25 -e 'subject != "x"'
selects "$flat" 1 -e 'subject == ""'
selects "$flat" 1 -e 'header.raw["subject"] =~ /^=\?UTF-8\?B\?/'
selects "$flat" 1 -e 'original["subject"] == "cron job output"'
selects "$flat" 1 -e 'subject =~ /digest 3\/2026/'
selects "$flat" 1 -e 'subject =~ /^ weekly \s digest \b # of 2026/ix'
selects "$flat" 1 -e 'header["X-Spam-Status"] =~ /^Yes.*spam$/s'
selects "$flat" 5 -e 'reply == "452"'
selects "$flat" 4 -e 'dsn == "4.2.2"'
selects "$flat" 1 -e 'envid == "QQ314159+2Bedgar"'
selects "$flat" 15 -e 'macro["r"] == "ESMTP"'
selects "$flat" 18 -e 'macro["{daemon_flags}"] == "c u" and macro["daemon_flags"] eq "c u"'
selects "$flat" 1 -e 'body_type == "8bitmime"'
selects "$flat" 1 -e 'flags =~ /w/'
selects "$flat" 3 -e 'body =~ /^Content-Type: message\/rfc822$/'
selects "$flat" 4 -e 'relay_ip == "127.0.0.1"'
selects "$flat" 18 -e 'submitter == "root@localhost"'
selects "$flat" 19 -e 'recipient.domain == "EXAMPLE.net"'
selects "$basic" 5 -e 'uid == 33'
selects "$basic" 1 -e 'relay_ip == "192.0.2.25"'
selects "$basic" 6 -e 'channel == local'
selects "$basic" 1 -e 'recipient.done == "u01@example.com" and not recipient == "u01@example.com"'
selects "$basic" 1 -e 'recipients == 30 and pending == 20'
none_pending="qmail:$(fixture qmail todo)/queue"
for e in '1 any(recipient == "x") or not any(recipient == "x")' '0 any(recipient == "x")' '0 all(recipient == "x")' \
    '0 not all(recipient == "x")' '1 recipient != "x"' '0 recipient == "x"' '0 has(recipient)'; do
	selects "$none_pending" "${e%% *}" -e "${e#* }" 1148129
done
for e in 'body_last_mod_time > 2000-01-01' 'body_size >= 0' 'control_last_mod_time > 2000-01-01' \
    'creation_time > 2000-01-01' 'headers["From"] != "x"' 'message != "x"' 'has(next_delivery_time) or bounce or not bounce' \
    'num_delivery_attempts >= 0' 'not has(quarantine_reason)' 'arrival_time > 2000-01-01' 'delay_reason != "x"' \
    'message_size >= 0' 'queue_id != "x"' 'queue_name != "x"'; do
	selects "$flat" 25 -e "$e"
done
selects "$held" 4 -e 'state == held'
selects "$held" 2 -e 'state == lost'
selects "$held" 2 -e 'state == queued'
selects "$held" 2 -e 'reason =~ /ticket #4711$/'

# --- what cannot be read ------------------------------------------------------------------------------------------

damaged_dir=$(fixture qmail basic)
damaged=qmail:$damaged_dir/queue
rm "$(find "$damaged_dir/queue/mess" -name 1148212)"
: >"$(find "$damaged_dir/queue/info" -name 1148213)"
for e in 'size >= 0' 'not size >= 0' 'has(subject)' 'subject != "x"'; do
	of "$damaged" list --format '{id}' -e "$e" 1148212
	is "$status $(wc -c <"$out")" '1 0' "a message without its mess file: $e"
	like "$(cat "$err")" '1148212' 'and it is reported'
done
for e in 'sender == "x"' 'not sender == "x"' 'sender.domain != "x"' 'has(sender)'; do
	of "$damaged" list --format '{id}' -e "$e" 1148213
	is "$status $(wc -c <"$out")" '1 0' "a message without its sender: $e"
done
of "$damaged" list --format '{id} {size}' -e 'age > 1d or size > 0' 1148212
is "$(cat "$out")" '1148212 ?' 'what decides without it decides'
of "$damaged" list --format '{sender}' 1148214
is "$status $(cat "$out")" '0 frank@local.example.test' 'the messages beside them are whole'
of "$damaged" count -1 -e 'size >= 0'
is "$status $(cat "$out")" '1 21' 'all others are counted'
of "$damaged" list --format qread
is "$status $(grep -c '^[0-9].*<' "$out") $(grep -c '#1148213 .*  <?> $' "$out")" '1 21 1' 'never the sender of another message'

# --- formats ------------------------------------------------------------------------------------------------------

for q in flat quarantined oldformats; do
	dir=$(fixture sendmail $q)
	for v in '' -v; do
		# shellcheck disable=SC2086
		of "sendmail:$dir/mqueue,cf=$dir/mail/sendmail.cf" list --format mailq $v
		sed "s|$dir/mqueue|/var/spool/mqueue|" "$out" >"$tmp/listing"
		same "$tmp/listing" "$fixtures/sendmail/$q.mailq$v" "sendmail -bp $v: $q"
	done
done
# The listing of each directory as one line, sorted: sendmail's order of directories is that of the recording.
by_directory() {
	awk '/^\t\t/ && NR > 1 { print "" } { printf "%s|", $0 } END { print "" }' "$1" | sort
}
for q in 'groups qmain' 'split q'; do
	dir=$(fixture sendmail "${q% *}")
	of "sendmail:$dir/mqueue/${q#* }*,cf=$dir/mail/sendmail.cf" list --format mailq
	sed "s|$dir/mqueue|/var/spool/mqueue|" "$out" >"$tmp/listing"
	by_directory "$tmp/listing" >"$tmp/directories"
	by_directory "$fixtures/sendmail/${q% *}.mailq" >"$tmp/wanted"
	same "$tmp/directories" "$tmp/wanted" "sendmail -bp: $q"
done
of "$held" list --format mailq -e 'state == held' -v
sed "s|$held_dir/mqueue|/var/spool/mqueue|" "$out" >"$tmp/listing"
same "$tmp/listing" "$fixtures/sendmail/quarantined.mailq-qQ-v" 'held ones when state is named'

# Blocks of a listing of qmail-qread as lines, sorted.
blocks() {
	awk '/^[0-9w]/ && NR > 1 { print "" } { printf "%s|", $0 } END { if (NR) print "" }' "$1" | sort
}
for q in basic bouncing split1 split151 tcpto empty; do
	of "qmail:$(fixture qmail $q)/queue" list --format qread
	blocks "$out" >"$tmp/listing"
	blocks "$fixtures/qmail/$q.qread" >"$tmp/wanted"
	same "$tmp/listing" "$tmp/wanted" "qmail-qread: $q"
done
todo=qmail:$(fixture qmail todo)/queue
of "$todo" list --format '{id}' -e 'state == new'
is "$status $(sort "$out" | tr '\n' ' ')" '0 1148105 1148107 1148109 1148111 1148120 1148129 1148145 ' 'new messages'
sed 's/.*/#& /' "$out" >"$tmp/new"
of "$todo" list --format qread
is "$status $(grep -c '^[0-9]' "$out") $(grep -c '#1147985 ' "$out")" '0 1 1' 'messages not preprocessed are not shown'
of "$todo" list --format qread -e 'state == new'
is "$status $(grep -cFf "$tmp/new" "$out")" '0 7' 'unless state is named'

of "$flat" list --format '{id}|{sender}|{last_attempt:%F %T}|{attempts}|{{}}\t' 60F000B2017028 60FBo0uv016249
printf '%s\t\n' '60F000B2017028|<>|2026-01-15 01:00:00|1|{}' '60FBo0uv016249|alice@example.com|-|0|{}' >"$tmp/wanted"
same "$out" "$tmp/wanted" 'a template'
of "$flat" list --format '{recipient}' 60DC00vJ017063
is "$(cat "$out")" 'vic@example.net, uma@example.net' 'several values'
of "$flat" list --format '{arrival}' $zoe
is "$(cat "$out")" '2026-01-15T08:00:00Z' 'a time without format'
of "$flat" list --format '{id}\0' $zoe
is "$(tr '\0' ! <"$out")" "$zoe!" 'a template that ends in NUL'
of "$basic" list --format '{recipient.all}' 1147961
is "$(wc -l <"$out")" 1 'an address with a line end stays on its line'
esc=$(printf '\033')
of "$basic" list
unlike "$(cat "$out")" "$esc" 'no control character in a table'
for t in '{nosuch}' '{id' '{id} }' '{size:%F}' '{header}' '{id}\q'; do
	of "$flat" list --format "$t"
	is "$status $(wc -c <"$out") $(grep -c '^ *^$' "$err")" '64 0 1' "template $t"
done
ends 64 'no such format' -q "$flat" list --format xml

of "$held" list --color always
like "$(cat "$out")" "$esc\\[" 'colours on demand'
of "$held" --color auto list
unlike "$(cat "$out")" "$esc" 'none off a terminal'

# on_terminal QUEUE COMMAND...: what is seen there, without carriage returns.
on_terminal() {
	printf '%s ' "$MTAQ" -q "'$1'" >"$tmp/line"
	shift
	printf "'%s' " "$@" >>"$tmp/line"
	script -qec ". '$tmp/line'" /dev/null </dev/null 2>&1 | tr -d '\r' >"$out"
}
if command -v script >/dev/null && script -qec true /dev/null </dev/null >/dev/null 2>&1; then
	COLUMNS=64 on_terminal "$flat" --color never list
	is "$(awk 'length > 64' "$out" | wc -l) $(grep -c '^60[A-F0-9]' "$out") $(grep -c '~' "$out")" '0 25 25' 'a table is cut to the width'
	is "$(awk 'NR > 1 { print $1 }' "$out" | sort | tr '\n' ' ')" "$("$MTAQ" -q "$flat" list -i | sort | tr '\n' ' ')" \
	    'but not its ids'
	on_terminal "$basic" list --format '{subject}' 1147962
	is "$(cat "$out")" 'odd\x1b[2Jsender \x07 control chars' 'a template on a terminal is escaped'
	on_terminal "$basic" cat 1147962
	unlike "$(cat "$out")" "$esc" 'cat on a terminal is escaped'
	on_terminal "$basic" cat --raw 1147962
	like "$(cat "$out")" "$esc" 'cat --raw is not'
	NO_COLOR=1 TERM=xterm on_terminal "$held" list
	unlike "$(cat "$out")" "$esc" 'NO_COLOR'
	NO_COLOR='' TERM=xterm on_terminal "$held" list
	like "$(cat "$out")" "$esc" 'an empty NO_COLOR is none'
	TERM=dumb on_terminal "$held" list
	unlike "$(cat "$out")" "$esc" 'TERM=dumb'
else
	skip 'no script(1)' 'what is seen on a terminal'
fi
ends 64 'mailq has an order of its own' -q "$flat" list --format mailq --sort age
of "$flat" list --format mailq --reverse
is "$status" 64 'and does not turn round'

of "$flat" list --format '{size}' --sort=-size --limit 3
is "$status $(tr '\n' ' ' <"$out")" '0 69300 1487 1485 ' 'the three largest'
of "$flat" list --format '{id}' --sort arrival --limit 2
is "$(tr '\n' ' ' <"$out")" '60AD00BA016749 60BC0589016504 ' 'the two oldest'
of "$flat" list --format '{id}' --sort arrival --reverse
is "$(tail -n 1 "$out")" 60AD00BA016749 'the other way round'
for key in last_attempt -last_attempt; do
	of "$flat" list --format '{id}' "--sort=$key"
	is "$(tail -n 2 "$out" | sort | tr '\n' ' ')" '60FAU0DH017079 60FBo0uv016249 ' "$key: those without come last"
done
of "$flat" list --format '{sender.domain} {size}' --sort sender.domain,-size -e 'has(sender.domain)'
LC_ALL=C sort -s -k1,1 -k2,2rn "$out" >"$tmp/wanted"
same "$out" "$tmp/wanted" 'two keys'
ends 64 'no such key' -q "$flat" list --sort colour

# --- show, cat, count ---------------------------------------------------------------------------------------------

of "$basic" cat 1148212
same "$out" "$mess" 'cat prints the mess file'
of "$flat" cat --body 60BC0589016504
same "$out" "$flat_dir/mqueue/df60BC0589016504" 'cat --body prints the df'
of "$flat" cat --headers $zoe
is "$(grep -c '^Subject: timeout$' "$out") $(grep -c '^$' "$out")" '1 0' 'cat --headers'
of "$basic" cat --body 1148212
sed '1,/^$/d' "$mess" >"$tmp/wanted"
same "$out" "$tmp/wanted" 'cat --body of qmail'
of "$flat" show $zoe
for line in 'Deferred: Connection timed out' "qf$zoe" "df$zoe" 't@example.net' 'Subject: timeout'; do
	like "$(cat "$out")" "$line" "show: $line"
done
of "$flat" show 60F90094016259
is "$(sed -n 's/^attempts: *//p' "$out")" 2 'show: attempts of the message'
is "$(sed -n 's/^  Received: //p' "$out" | grep -c '[\\]t')" 0 'show: folded headers are one line of words'
ends 1 'show of what is not there' -q "$flat" show NOSUCHID

of "$flat" count
is "$status $(awk 'NR == 2 { print $1, $2 }' "$out") $(wc -l <"$out")" "0 25 36 2" 'messages and pending recipients'
run "$MTAQ" -q "$flat" -q "$held" count
is "$(tail -n 1 "$out" | awk '{ print $1, $NF }')" '33 total' 'and in total'
while read -r wanted arguments; do
	# shellcheck disable=SC2086
	of "$flat" count $arguments
	is "$status" "$wanted" "count $arguments"
done <<-'END'
	0 -w 25
	1 -w 24
	0 -w 5d
	1 -w 4d
	2 -c 24
	0 -c 25
	2 -w 24 -c 24
	1 -w 24 -c 25
	2 -w 4d -c 20
	0 -w 1d -f zoe@example.com
	64 -w 5x
	64 -c -1
END

# --- nothing is changed, nothing is lost --------------------------------------------------------------------------

queues="$flat_dir/mqueue $held_dir/mqueue $basic_dir/queue"
# shellcheck disable=SC2086
find $queues -exec touch -a -d @1700000000 {} +
state='%p %i %m %U:%G %s %T@ %A@\n'
# shellcheck disable=SC2086
find $queues ! -type d -printf "$state" | sort >"$tmp/before"
for q in "$flat" "$held" "$basic"; do
	of "$q" list -e 'body =~ /nothing like this/ or age > 0s' --format mailq
	of "$q" list --format qread
	of "$q" list -i
	"$MTAQ" -q "$q" show - <"$out" >/dev/null 2>&1
	"$MTAQ" -q "$q" cat - <"$out" >/dev/null 2>&1
done
# shellcheck disable=SC2086
find $queues ! -type d -printf "$state" | sort >"$tmp/after"
same "$tmp/after" "$tmp/before" 'no file is changed, not even its access time'

if [ -w /dev/full ]; then
	status=0
	"$MTAQ" -q "$flat" list >/dev/full 2>"$err" || status=$?
	is "$status" 74 'standard output cannot be written'
else
	skip 'no /dev/full' 'standard output cannot be written'
fi
for jobs in 1 3 16; do
	of "$basic" --jobs $jobs list --format json
	cat "$out" >"$tmp/json.$jobs"
done
same "$tmp/json.3" "$tmp/json.1" 'the output does not depend on the number of threads'
same "$tmp/json.16" "$tmp/json.1" 'nor of many'
done_testing
