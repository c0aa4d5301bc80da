#!/bin/sh
# Limits that only the whole program meets; those of one module are tested beside it.
. "${top_srcdir:-.}/tests/lib.sh"

# The value of a limit, in bytes or pieces.
limit() {
	value=$(sed -n "s|^#define $1 *\([^/]*[^/ ]\).*|\1|p" "$top_srcdir/include/mtaq/limits.h" | tr -d 'u')
	[ -n "$value" ] || bail "no $1"
	echo "$(($value))"
}

flat=$(fixture_queue sendmail flat) || exit 99
basic=$(fixture qmail basic) || exit 99

# --- LIMIT_JOBS

most=$(limit LIMIT_JOBS)
run "$MTAQ" --jobs "$most" -q "$flat" count -1
is "$status $(cat "$out")" '0 25' "$most threads"
run "$MTAQ" --jobs $((most + 1)) -q "$flat" count -1
is "$status" 64 "$((most + 1)) threads are refused"
run "$MTAQ" --jobs 0 -q "$flat" count -1
is "$status" 64 'no thread is refused'

# --- LIMIT_QUEUES

most=$(limit LIMIT_QUEUES)
# shellcheck disable=SC2046
run "$MTAQ" $(yes -- "-q qmail:$basic/queue" | head -n $((most + 1))) count -1
is "$status" 64 "$((most + 1)) queues are refused"
# shellcheck disable=SC2046
run "$MTAQ" $(yes -- "-q qmail:$basic/queue" | head -n "$most") count -1
is "$status" 0 "$most queues are not"

# --- LIMIT_SMTPROUTES

truncate -s "$(limit LIMIT_SMTPROUTES)" "$basic/control/smtproutes"
run "$MTAQ" -q "qmail:$basic/queue" count -1
is "$status $(cat "$out")" '0 22' 'a large smtproutes'
truncate -s $(($(limit LIMIT_SMTPROUTES) + 1)) "$basic/control/smtproutes"
run "$MTAQ" -q "qmail:$basic/queue" count -1 -e 'route =~ /x/'
unlike "$status" '^0$' 'an smtproutes past the limit is no answer'
like "$(cat "$err")" 'smtproutes is larger than' 'an smtproutes past the limit is named'
rm "$basic/control/smtproutes"

# --- LIMIT_SPLIT: a directory beyond it is none of the queue's, one below it is looked at

beyond=$(limit LIMIT_SPLIT)
mkdir "$basic/queue/mess/$beyond" "$basic/queue/mess/$((beyond - 1))"
: >"$basic/queue/mess/$beyond/1"
: >"$basic/queue/mess/$((beyond - 1))/1"
run "$MTAQ" -q "qmail:$basic/queue" count -1
is "$(cat "$out")" 22 'odd directories hold no messages'
like "$(cat "$err")" "mess/$((beyond - 1))" 'a directory below the limit is told'
rm -r "$basic/queue/mess/$beyond" "$basic/queue/mess/$((beyond - 1))"

# --- LIMIT_NAME_BYTES

longest=$(printf "%0$(limit LIMIT_NAME_BYTES)d" 7)
: >"$basic/queue/info/3/$longest"
run "$MTAQ" -q "qmail:$basic/queue" count -1
is "$(cat "$out")" 22 'qmail: the longest name is no message'
like "$(cat "$err")" 'info/3/0000' 'qmail: the longest name is told'
spool=$(fixture sendmail flat) || exit 99
: >"$spool/mqueue/qf${longest#00}"
run "$MTAQ" -q "sendmail:$spool/mqueue,cf=$spool/mail/sendmail.cf" count -1
is "$(cat "$out")" 25 'sendmail: the longest name is no message'
like "$(cat "$err")" 'mqueue/qf0000' 'sendmail: the longest name is told'

# --- LIMIT_IDS: standard input has room for 32 bytes an id

status=0
head -c $(($(limit LIMIT_IDS) * 32 + 1)) /dev/zero | "$MTAQ" -q "$flat" list -i - >"$out" 2>"$err" || status=$?
unlike "$status" '^0$' 'more ids than the limit are refused'
is "$(wc -c <"$out")" 0 'and nothing is listed'

# --- LIMIT_CHUNK_ENTRIES, LIMIT_CHUNK_OUTPUT: chunks of names and of output do not show

chunk=$(limit LIMIT_CHUNK_ENTRIES)
one=$(find "$spool/mqueue" -name 'df*' -size +60k | head -n 1)
mkdir "$tmp/many"
count=$((2 * chunk + 1)) i=0
while [ $i -lt $count ]; do
	id=$(printf '60DA00iN%06d' $i)
	ln "$one" "$tmp/many/df$id"
	cp "${one%/df*}/qf${one##*/df}" "$tmp/many/qf$id"
	i=$((i + 1))
done
for jobs in 1 3 8; do
	# the body is 69 kB: each chunk holds many times LIMIT_CHUNK_OUTPUT
	"$MTAQ" --jobs $jobs -q "sendmail:$tmp/many" list --format '{id} {size} {body}' 2>"$err" | cksum >"$tmp/sum.$jobs"
	is "$("$MTAQ" --jobs $jobs -q "sendmail:$tmp/many" count -1)" $count "$count messages with $jobs threads"
done
[ "$(wc -c <"$one")" -gt $(($(limit LIMIT_CHUNK_OUTPUT) / chunk)) ] || bail 'the body is too small for this test'
same "$tmp/sum.3" "$tmp/sum.1" 'three threads write what one does'
same "$tmp/sum.8" "$tmp/sum.1" 'eight threads write what one does'
like "$(cat "$tmp/sum.1")" ' [0-9]{8,}$' 'and it is much'
done_testing
