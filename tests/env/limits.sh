#!/bin/sh
# Limits that only the whole program meets; those of one module are tested beside it.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99

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

# --- LIMIT_LISTING_TEXT: mailq prints the same whether all texts, some, or none (--limit) are kept until they are in order

mailq() {
	run "$MTAQ" -q "$1" --clock "$(fixture_clock sendmail)" list --format mailq
	mv "$out" "$tmp/kept" && mv "$err" "$tmp/kept.err"
	kept=$status
	run "$MTAQ" -q "$1" --clock "$(fixture_clock sendmail)" list --format mailq --limit 1000000
	is "$kept" "$status" "$2: the same status"
	same "$tmp/kept" "$out" "$2: kept or read again"
	sort "$err" >"$tmp/again.err"
	sort "$tmp/kept.err" | cmp -s - "$tmp/again.err" && pass "$2: the same is told, once" || fail "$2: the same is told, once"
}
for case in flat split groups broken quarantined; do
	mailq "$(fixture_queue sendmail $case)" $case
done
huge=$tmp/huge
mkdir "$huge"
awk 'BEGIN {
	print "V8\nT1768400000\nK0\nN0\nP1\nS<ann@example.com>"
	long = sprintf("%020d", 0)
	for (i = 0; i < 190000; i++)
		print "RPFD:<" long i "@example.net>"
	print "H??Subject: many\n."
}' >"$huge/model"
size=$(wc -c <"$huge/model")
i=0
while [ $((i * size)) -le "$(limit LIMIT_LISTING_TEXT)" ]; do
	sed "s/^P1\$/P$((9000 - i))/" "$huge/model" >"$huge/qf60F00000000$(printf %04d $i)"
	: >"$huge/df60F00000000$(printf %04d $i)"
	i=$((i + 1))
done
head -n 20 "$huge/model" >"$huge/qf60F000000009999" # without its end
: >"$huge/df60F000000009999"
rm "$huge/model"
mailq "sendmail:$huge" 'more than is kept'
is "$(grep -c '^60F' "$tmp/kept")" $((i + 1)) 'all are there'
is "$(grep -c 60F000000009999 "$tmp/kept.err")" 1 'trouble is told once'
ok 'and it is more' test "$(wc -c <"$tmp/kept")" -gt "$(limit LIMIT_LISTING_TEXT)"
rm -r "$huge"
done_testing
