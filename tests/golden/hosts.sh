#!/bin/sh
# mtaq hosts: qmail's recorded table beside what qmail-tcpto printed of it, and a HostStatusDirectory of sendmail as it is and
# as nobody would want it; forgetting.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99

# --- qmail

queue=$(fixture qmail tcpto)/queue
recorded=$(cat "$top_srcdir/fixtures/qmail/tcpto.when")
MTAQ_TEST=1
export MTAQ_TEST
hosts() {
	run "$MTAQ" -q "qmail:$queue" --clock "@$recorded" hosts "$@"
}
# as qmail-tcpto words it
words() {
	jq -r --argjson now "$recorded" '"\(.host) timed out \($now - .noted) seconds ago; # recent timeouts: \(.failures)"' "$1" | sort
}
hosts --json
words "$out" >"$tmp/ours"
sort "$top_srcdir/fixtures/qmail/tcpto.tcpto" >"$tmp/theirs"
same "$tmp/ours" "$tmp/theirs" 'what qmail-tcpto prints'
is "$(jq -r '[.host, .state] | join(" ")' "$out" | tr '\n' ,)" '127.0.0.11 down,127.0.0.12 down,127.0.0.13 tried,' \
    'two timeouts make a host down, one does not'
hosts
is "$status $(wc -l <"$out")" '0 4' 'the table has a line each, and a heading'
like "$(cat "$out")" '^127\.0\.0\.11 +down +19s +2 +1h03m-1h36m +connection timed out$' 'since when, how often, for how long, why'
hosts 127.0.0.13
is "$status $(grep -c '^127' "$out")" '0 1' 'a host by name'
hosts 127.0.0.14
is "$status $(cat "$out")" '1 ' 'one that is not noted'
like "$(cat "$err")" '127\.0\.0\.14: nothing is noted' 'is told'
cp "$queue/lock/tcpto" "$tmp/tcpto"
hosts --forget -n 127.0.0.12
is "$status $(cat "$out")" '0 127.0.0.12: forgotten' 'dry run'
same "$queue/lock/tcpto" "$tmp/tcpto" 'a dry run changes nothing'
hosts --forget 127.0.0.12
is "$status $(cat "$out")" '0 127.0.0.12: forgotten' 'one is forgotten'
# shellcheck disable=SC2046 # byte, new, old
is "$(echo $(cmp -l "$queue/lock/tcpto" "$tmp/tcpto"))" '5 0 2' 'by its count alone'
hosts --json
is "$(jq -r .host "$out" | tr '\n' ,)" '127.0.0.11,127.0.0.13,' 'the others stay'
hosts --forget
is "$status $(wc -l <"$out")" '0 2' 'all are forgotten'
hosts --all
is "$status $(cat "$out")" '0 ' 'and none is left'
cp "$tmp/tcpto" "$queue/lock/tcpto"

# somebody has the lock, for longer than we wait
exec 9>>"$queue/lock/tcpto"
flock -n 9 || bail 'flock does not lock'
hosts --forget 127.0.0.12
is "$status $(cat "$out")" '1 127.0.0.12: not forgotten' 'no forgetting without the lock'
same "$queue/lock/tcpto" "$tmp/tcpto" 'nothing was written'
exec 9>&-

# --- damaged tables

head -c 24 "$tmp/tcpto" >"$queue/lock/tcpto"
hosts
is "$status $(grep -c '^127' "$out")" '0 1' 'a cut table: whole records only'
: >"$queue/lock/tcpto"
hosts
is "$status $(cat "$out")" '0 ' 'an empty one'
cat "$tmp/tcpto" "$tmp/tcpto" >"$queue/lock/tcpto"
hosts
is "$status $(grep -c '^127' "$out")" '0 3' 'one that is too long: qmail reads 64 records'
truncate -s 3G "$queue/lock/tcpto"
hosts
is "$status $(grep -c '^127' "$out")" '0 3' 'a huge one'
rm "$queue/lock/tcpto"
hosts
is "$status $(cat "$out")" '0 ' 'none'
hosts --forget
is "$status" 0 'nothing to forget'
mkfifo "$queue/lock/tcpto"
hosts
is "$status $(cat "$out")" '1 ' 'a FIFO is not read'
like "$(cat "$err")" 'FIFO' 'and told'
hosts --forget 127.0.0.11
is "$status" 1 'nor written'
rm "$queue/lock/tcpto"
cp "$tmp/tcpto" "$tmp/elsewhere"
ln -s "$tmp/elsewhere" "$queue/lock/tcpto"
hosts --forget
is "$status" 1 'a symbolic link is not followed'
same "$tmp/elsewhere" "$tmp/tcpto" 'what it points to is left alone'

# --- sendmail

top=$tmp/sm
mkdir -p "$top/mqueue" "$top/hosts/com./example." "$top/hosts/1./0./0." "$top/hosts/test."
printf 'V10/Berkeley\nO QueueDirectory=%s\nO HostStatusDirectory=%s\n' "$top/mqueue" "$top/hosts" >"$top/cf"
printf 'V10/Berkeley\nO QueueDirectory=%s\nO HostStatusDirectory=../hosts\nO Timeout.hoststatus=1h\n' "$top/mqueue" >"$top/cf.relative"
printf 'V10/Berkeley\nO QueueDirectory=%s\n' "$top/mqueue" >"$top/cf.none"
now=1795181100
hosts() {
	run "$MTAQ" -q "sendmail:$top/mqueue,cf=$top/${cf:-cf}" --clock "@$now" hosts "$@"
}
# status FILE EXIT TIME [LINE]
status() {
	printf 'V0\nE%s\nH0\nS%s\n%sU%s\n.\n' "${5:-0}" "$2" "${4:+$4
}" "$3" >"$top/hosts/$1"
}
status 1./0./0./127 75 $((now - 60)) D4.4.1 111
status com./example./mx 75 $((now - 1799)) 'R421 4.3.2 Service not available'
status com./example./old 75 $((now - 1800))
status com./example./good 0 $((now - 10))
status com./example 68 $((now - 5))
status test./late 75 $((now + 100))
: >"$top/hosts/test./writing"
mkdir "$top/hosts/com./example./deep."
status com./example./deep./a 75 $((now - 20))

hosts --json
is "$(jq -r '[.host, .state, .reason] | join(" ")' "$out")" '127.0.0.1 down Connection refused
a.deep.example.com down temporary failure
example.com down no such host
late.test down temporary failure
mx.example.com down 421 4.3.2 Service not available
old.example.com tried temporary failure' 'who is down, and why'
is "$status $(cat "$err")" '0 ' 'nothing to complain of'
hosts --json mx.example.com
is "$(jq -r '[.noted, .skipped_until, .skipped_until_latest] | join(" ")' "$out")" "$((now - 1799)) $((now + 1)) $((now + 1))" \
    'until Timeout.hoststatus after the last use'
hosts --json -a
is "$(jq -r .host "$out" | wc -l)" 8 'all, those without trouble too'
hosts
like "$(cat "$out")" '^127\.0\.0\.1 +down +1m00s +- +29m00s +Connection refused$' 'the table'
cf=cf.relative
hosts --json mx.example.com
is "$(jq -r '.skipped_until' "$out")" "$((now + 1801))" 'another timeout; a directory relative to the queue'
cf=cf.none
hosts
is "$status $(cat "$out")" '0 ' 'none is configured'
like "$(cat "$err")" 'no HostStatusDirectory is configured' 'and that is said'
cf=cf

snapshot() {
	(cd "$top" && find hosts ! -type d -exec ls -ln --time-style=full-iso {} + && find hosts -type d | sort)
}
snapshot >"$tmp/before"
hosts --forget -n
is "$status $(wc -l <"$out")" '0 8' 'dry run of forgetting all'
snapshot >"$tmp/after"
same "$tmp/after" "$tmp/before" 'a dry run changes nothing'
hosts --forget Example.COM. '[127.0.0.1]'
is "$status $(sort "$out" | tr '\n' ,)" '0 127.0.0.1: forgotten,example.com: forgotten,' 'two by name, the ways one writes them'
ok 'hosts below stay' test -f "$top/hosts/com./example./mx"
hosts --forget .example.com
is "$status $(grep -c ': forgotten' "$out")" '0 4' 'all below a domain'
hosts
is "$(grep -c . "$out")" 2 'the rest stays'

if have_pty; then
	status com./example./mx 75 $((now - 60)) "$(printf 'R421 \302\23331m\177 busy')"
	for format in '' --json; do
		# shellcheck disable=SC2086 # none or one
		run_on_tty 80 "$MTAQ" -q "sendmail:$top/mqueue,cf=$top/cf" --clock "@$now" hosts mx.example.com $format
		is "$status $(controls "$out") $(grep -c 'busy' "$out")" '0 0 1' "a terminal gets no control: hosts $format"
	done
else
	skip 'no pseudo-terminals' 'what a terminal gets'
fi

# sendmail is at work with a host
status com./example./mx 75 $((now - 60))
exec 9>>"$top/hosts/com./example./mx"
flock -n 9 || bail 'flock does not lock'
hosts mx.example.com
like "$(cat "$out")" '^mx[.]example[.]com +down[*] ' 'a host that is in use has a mark'
hosts --forget
is "$status" 1 'it cannot be forgotten'
like "$(cat "$out")" '^mx.example.com: not forgotten' 'and that is said'
ok 'it stays' test -s "$top/hosts/com./example./mx"
hosts -a
is "$(grep -c '^[a-z0-9.]* .*down' "$out")" 1 'the others are gone'
exec 9>&-
hosts --forget mx.example.com
is "$status" 0 'now it can'

# --- what nobody would want there

mkdir -p "$top/hosts/org." "$tmp/outside"
status mx 75 $((now - 60))
cp "$top/hosts/mx" "$tmp/outside/victim"
ln -s "$tmp/outside/victim" "$top/hosts/org./link"
ln -s "$tmp/outside" "$top/hosts/org./dir."
mkfifo "$top/hosts/org./fifo"
truncate -s 1G "$top/hosts/org./huge" # past LIMIT_HOST_STATUS
printf 'V0\nwhat is this\n' >"$top/hosts/org./garbage"
status "org./$(printf 'e\033[31mvil')" 75 $((now - 60)) "$(printf 'R\033]0;title\007')"
status org./.hidden 75 $((now - 60))
status org./dotted.name 75 $((now - 60))
printf 'V0\nS75\nU-9223372036854775808\n.\n' >"$top/hosts/org./never"
printf 'V0\nS75\nU9223372036854775807\n.\n' >"$top/hosts/org./ever"
long=$(printf '%0120d' 0)
deep=$top/hosts
for i in 1 2 3 4 5 6 7 8 9; do # longer than LIMIT_HOST_NAME
	deep=$deep/$long.
done
mkdir -p "$deep"
deep=$top/hosts/z.
i=0
while [ $i -lt 130 ]; do # past LIMIT_HOST_LABELS
	deep=$deep/d.
	i=$((i + 1))
done
mkdir -p "$deep"
hosts
is "$status" 1 'trouble is told'
is "$(grep -c ': status of host' "$err")" 7 'each once' || diag "$(cat "$err")"
for what in 'link\.org' 'dir\.org' fifo huge garbage 'too long'; do
	like "$(cat "$err")" "status of hosts?.*$what" "$what is told"
done
unlike "$(cat "$out" "$err")" "$(printf '\033')" 'no control character reaches the terminal'
like "$(cat "$out")" '^e[\]x1b[[]31mvil[.]org ' 'the name is escaped'
unlike "$(cat "$out")" 'hidden|dotted' 'names that sendmail never makes are none'
hosts --json
ok 'valid JSON' jq -e . "$out"
hosts --forget -n garbage.org
is "$status $(cat "$out")" '1 ' 'dry run: what cannot be read has no row'
like "$(cat "$err")" 'garbage\.org: nothing that can be read is noted.*would be forgotten' 'but it is said what the run would do'
hosts --forget garbage.org link.org victim.dir.org ../outside/victim ..org
is "$status $(cat "$out")" '1 garbage.org: forgotten' 'garbage is forgotten by its name; links are not followed'
ok 'what they point to is left alone' test -s "$tmp/outside/victim"
hosts --forget
ok 'also when all is forgotten' test -s "$tmp/outside/victim"
ok 'the link is left alone' test -L "$top/hosts/org./link"
rm -rf "$top/hosts"
hosts
is "$status" 0 'a directory that is not there'
mkfifo "$top/hosts"
hosts
is "$status $(cat "$out")" '0 ' 'is no directory'

# --- the command line

hosts -n
is "$status" 64 '-n is for --forget'
unset MTAQ_TEST
hosts --forget
is "$status" 64 'no other clock for acting'
done_testing
