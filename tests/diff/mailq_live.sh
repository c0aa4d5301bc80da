#!/bin/sh
# list --format mailq beside the real `sendmail -bp`, on queues that sendmail has just filled: each layout of directories,
# messages never tried, deferred, split, held, lost, bounced and locked. Nothing of this host's own sendmail is used but the
# program: everything else is private and lies in the directory of the test.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99
. "$top_srcdir/tests/sendmail.sh" || exit 99
TZ=UTC
export TZ

need_sendmail flock

# Every size is another, so that no two priorities are equal.
size=0
body() {
	printf 'From: me\nSubject: message of %d bytes more\n\n%*s\n' "$size" "$size" x
}

submit() {
	size=$((size + 7))
	body | "$world/bin/sm" -odq -f "$@" || bail "sendmail does not take $*"
}

smtp() {
	size=$((size + 7))
	body | "$world/bin/smtp-inject.py" "$world/bin/sm" "$@" >"$tmp/smtp" 2>&1 || bail "sendmail does not take $*: $(cat "$tmp/smtp")"
}

# The control file of the message from this sender, by kind.
control_file() {
	find "$world/spool/mqueue" -type f -name "$1*" -exec grep -l "^S<*$2>*\$" {} + | head -n 1
}

id_of() {
	control_file "${2:-qf}" "$1" | sed 's|.*/[qhQ]f||'
}

sm() {
	"$world/bin/sm" "$@" >"$tmp/sm" 2>&1 || diag "sendmail $*: $(cat "$tmp/sm")"
}

fill() {
	printf 'owner-team: boss@example.com\nteam: anna@example.net, bert@slow.example.com\n' >>"$world/cf/aliases"
	sm -bi
	for i in 1 2 3 4; do
		submit "never$i@example.com" "one$i@example.net"
		submit "several$i@example.com" "a$i@example.net" "b$i@slow.example.com" "c$i@bulk.example.com" "d$i@example.org"
	done
	submit 'alias@example.com' team
	submit 'MixedCase+tag=x@example.com' '"john \"j\" doe"@example.net'
	submit "$(printf '%060d' 0)@$(printf 'sub.%.0s' 1 2 3 4 5)example.com" "$(printf '%0120d' 0)@example.net"
	smtp 'FROM:<>' 'TO:<bounced@example.net>'
	smtp 'FROM:<dsn@example.com> RET=HDRS ENVID=e1 BODY=8BITMIME' 'TO:<n@example.net> NOTIFY=DELAY,FAILURE ORCPT=rfc822;n@example.net'
	for name in tried tried-twice held held-tried lost late locked; do
		submit "$name@example.com" "$name@example.net"
	done
	# attempts, one by one: an address that failed is not tried again by the same process
	for name in tried tried-twice tried-twice several1 alias held-tried; do
		sm -qf -qI"$(id_of $name@example.com)"
	done
	sm -Q'suspected spam, ticket #4711' -qI"$(id_of held@example.com)"
	sm -Q"a reason longer than sixty columns, which the short form cuts, and than a hundred, where the long one does" \
	    -qI"$(id_of held-tried@example.com)"
	# a mode that others may write to: the next run gives the message up
	chmod 666 "$(control_file qf lost@example.com)"
	sm -qf -qI"$(id_of lost@example.com)"
	# returned to its sender, in a message of its own
	sm -qf -qI"$(id_of late@example.com)" -OTimeout.queuereturn=now -OTimeout.queuereturn.dsn=5d
}

# Directories by name; within one the order stays.
canonical() {
	awk 'BEGIN { unit = "!" }
	/^\t\t.* request/ || / is empty$/ { unit = $1 }
	/^\t\tTotal requests/ { unit = "~" }
	{ printf "%s\t%06d\t%s\n", unit, NR, $0 }' "$1" | LC_ALL=C sort -t "$(printf '\t')" -k 1,1 -k 2,2 | cut -f 3-
}

# compare NAME ARGUMENTS-OF-SENDMAIL ARGUMENT...
compare() {
	compare_name=$1 theirs=$2
	shift 2
	# shellcheck disable=SC2086 # several arguments
	"$world/bin/sm" -bp $theirs >"$tmp/listed" 2>"$tmp/complaint"
	run "$MTAQ" list --format mailq -q "sendmail:$world/spool/mqueue,cf=$world/cf/sendmail.cf" "$@"
	canonical "$tmp/listed" >"$tmp/theirs"
	canonical "$out" >"$tmp/ours"
	same "$tmp/ours" "$tmp/theirs" "$layout: $compare_name"
	cp "$tmp/listed" "$tmp/seen.$(echo "$theirs" | tr -d ' ')"
	[ -n "$complaints" ] || is "$status $(cat "$err")" '0 ' "$layout: $compare_name: nothing to complain of"
}

all_lists() {
	compare "$1" ''
	compare "$1, verbose" '-v' -v
	compare "$1, held" '-qQ' -e 'state == held'
	compare "$1, held, verbose" '-qQ -v' -e 'state == held' -v
	compare "$1, lost" '-qL' -e 'state == lost'
	compare "$1, lost, verbose" '-qL -v' -e 'state == lost' -v
}

complaints=
holder=
# shellcheck disable=SC2016
at_exit '[ -z "$holder" ] || kill "$holder"'

# hold FILE: as sendmail does while it delivers; until release.
hold() {
	rm -f "$tmp/held" "$tmp/go"
	mkfifo "$tmp/go"
	flock --exclusive "$1" sh -c ": >'$tmp/held'; read -r line <'$tmp/go'" &
	holder=$!
	within 10 test -e "$tmp/held" || bail "cannot lock $1"
}

release() {
	echo >"$tmp/go"
	wait "$holder"
	holder=
}

for layout in flat split multi groups; do
	world=$tmp/$layout
	# nobody listens there: whatever is tried is deferred
	EXTRA_CF='O MinQueueAge=30m' PORT=$(closed_port)
	export EXTRA_CF PORT
	private_sendmail "$world" $layout
	all_lists 'nothing yet'
	fill
	all_lists 'filled'
	for sign in ' MAILER-DAEMON$' '^ *\(Deferred: Connection refused by ' '^ *QUARANTINE: ' '^[^ ]{14}-' '\(---' '0{30}'; do
		like "$(cat "$tmp"/seen.*)" "$sign" "$layout: the queue has what it should have: $sign"
	done
	hold "$(control_file qf locked@example.com)"
	compare 'one locked' ''
	like "$(cat "$tmp/ours")" "^$(id_of locked@example.com)\\*" "$layout: the mark of the locked one"
	release
	compare 'released again' ''
	[ $layout = flat ] || rm -rf "$world"
	rm -f "$tmp"/seen.*
done

# Recorded control files, damaged at random but always alike: what sendmail makes of strange lines.
layout=mutated world=$tmp/flat
sources=
for case in flat oldformats quarantined broken; do
	sources="$sources $(fixture sendmail $case)/mqueue"
done
for seed in 1 2 3 4 5 6; do
	# shellcheck disable=SC2086 # several directories
	python3 "$top_srcdir/tests/diff/mutate.py" $seed "$world/spool/mqueue" $sources || bail 'no queue made'
	complaints=allowed
	all_lists "seed $seed"
	ok "seed $seed: there is something to list" test "$(grep -c '^60FA' "$tmp/seen.-v")" -ge 20
done
done_testing
