#!/bin/sh
# What looks like an answer and would be a wrong one: each is told, and none is passed off as whole.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99
TZ=UTC LC_ALL=C.UTF-8 MTAQ_TEST=1
export TZ LC_ALL MTAQ_TEST
unset MTAQ_QUEUES NO_COLOR COLUMNS

# --- a directory of mess that cannot be read: its messages have no id for scripts ----------------------------------

dir=$(fixture qmail basic)
queue=qmail:$dir/queue
run "$MTAQ" -q "$queue" list -i
all=$(wc -l <"$out")
hidden=$(find "$dir/queue/mess/8" -type f | wc -l)
is "$((hidden > 0)) $(grep -c '@-' "$out")" '1 0' 'every message has its time'
rm "$(find "$dir/queue/mess/6" -type f | head -n 1)"
if [ "$(id -u)" -eq 0 ] && setpriv --reuid=65534 --regid=65534 --clear-groups true 2>/dev/null; then
	chmod -R a+rX "$dir" && chmod 711 "$tmp" && chmod 700 "$dir/queue/mess/8"
	cp "$MTAQ" "$tmp/mtaq" && chmod 755 "$tmp/mtaq"
	run setpriv --reuid=65534 --regid=65534 --clear-groups "$tmp/mtaq" -q "$queue" list -i
	is "$status $(wc -l <"$out")" "1 $((all - hidden))" 'those that cannot be looked at are not listed'
	is "$(grep -c '@-$' "$out")" 1 'but the one that has no mess is'
	like "$(cat "$err")" '/mess/8.*: Permission denied' 'and it is told why'
else
	skip 'not root, or no setpriv' 'a directory that cannot be read'
fi

# --- a part of a queue is no queue --------------------------------------------------------------------------------

dir=$(fixture sendmail split)
for part in qf df qf/; do
	run "$MTAQ" -q "$dir/mqueue/q1/$part" list
	is "$status $(wc -c <"$out")" '64 0' "$part is refused"
	like "$(cat "$err")" "name the directory that it is in, $dir/mqueue/q1\$" "$part: and the queue named"
done
run "$MTAQ" -q "$dir/mqueue/q1" list -i
is "$status" 0 'the directory around it is read'

# --- an id in many directories ------------------------------------------------------------------------------------

dir=$(fixture sendmail flat)
id=60F000B2017028
i=0
while [ $i -lt 40 ]; do
	i=$((i + 1))
	mkdir -p "$dir/many/q$i" && cp "$dir/mqueue/qf$id" "$dir/mqueue/df$id" "$dir/many/q$i"
done
run "$MTAQ" -q "sendmail:$dir/many/q*" count -1 "$id"
is "$status $(cat "$out")" '0 40' 'an id in forty directories means each'
run "$MTAQ" -q "sendmail:$dir/many/q*" --journal "$dir/journal" delete "$id"
is "$status" 64 'and none that is acted on'
like "$(cat "$err")" "$id lies in $dir/many/q[0-9]*/qf$id and in $dir/many/q[0-9]*/qf$id: say which" 'two are named'

# --- a control file without an id ---------------------------------------------------------------------------------

cp -p "$dir/mqueue/qf$id" "$dir/mqueue/qf"
run "$MTAQ" -q "sendmail:$dir/mqueue,cf=$dir/mail/sendmail.cf" --journal "$dir/journal" hold --no-syslog -f '<>'
is "$status" 1 'it is not acted on'
like "$(cat "$err")" "its control file's name has no id" 'and why'
ok 'it is where it was' test -f "$dir/mqueue/qf"

# --- a header value that is too long to decode --------------------------------------------------------------------

dir=$(fixture sendmail flat)
control=$dir/mqueue/qf$id
{
	sed '/^H/,$d' "$control"
	printf 'H??Subject: '
	head -c 1200000 /dev/zero | tr '\0' 'a'
	printf ' END\n.\n'
} >"$dir/long" && cat "$dir/long" >"$control"
for expression in 'subject =~ /END/' 'not subject =~ /END/' 'subject =~ /^a/'; do
	run "$MTAQ" -q "sendmail:$dir/mqueue,cf=$dir/mail/sendmail.cf" count -1 -e "$expression" "$id"
	is "$status $(cat "$out")" '1 0' "$expression: an error, neither yes nor no"
done
run "$MTAQ" -q "sendmail:$dir/mqueue,cf=$dir/mail/sendmail.cf" show "$id"
like "$(cat "$out")" 'Subject: \(too long to decode\)' 'show says so'
done_testing
