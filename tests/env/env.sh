#!/bin/sh
# What surrounds the program changes nothing: descriptors, locale, time zone, umask, user, limits; lost output is told.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99

# "Now" of the recorded sendmail queues.
now=@1768478400
flat=$(fixture sendmail flat) || exit 99
split=$(fixture sendmail split) || exit 99
many=$(fixture qmail split151) || exit 99
mtaq() {
	"$MTAQ" --clock $now "$@"
}
flat_queue=sendmail:$flat/mqueue,cf=$flat/mail/sendmail.cf
list() {
	mtaq -q "$flat_queue" list "$@"
}
# What a tree holds: names, sizes, times and bytes.
tree() {
	(cd "$1" && find . -printf '%p %y %m %s %T@\n' | sort && find . -type f -exec cksum {} + | sort)
}
tree "$flat" >"$tmp/before"

run list --format ids
is "$status" 0 'list ends well'
cp "$out" "$tmp/ids"
is "$(wc -l <"$tmp/ids")" 25 'list names each message'

# --- descriptors

status=0
list --format ids <&- >"$out" 2>"$err" || status=$?
is "$status" 0 'standard input closed: ends well'
same "$out" "$tmp/ids" 'standard input closed: same output'
status=0
list --format ids 2>&- >"$out" || status=$?
is "$status" 0 'standard error closed: ends well'
same "$out" "$tmp/ids" 'standard error closed: same output'
status=0
list --format ids >&- 2>"$err" || status=$?
is "$status" 74 'standard output closed: what is lost is told'
status=0
list --format ids <&- >&- 2>&- || status=$?
is "$status" 74 'all three closed: the same'
status=0
list --format json >/dev/full 2>"$err" || status=$?
is "$status" 74 'standard output on a full disk'
like "$(cat "$err")" 'standard output' 'standard output on a full disk: said so'
status=0
"$MTAQ" --version >/dev/full 2>"$err" || status=$?
is "$status" 74 'little output on a full disk'
tree "$flat" >"$tmp/after"
same "$tmp/after" "$tmp/before" 'no queue file took the place of a closed descriptor'

# --- language

# A Turkish i is no ASCII i: commands, fields, units and caseless comparison must not depend on it.
languages() {
	for expr in 'SUBJECT =~ /I/i' 'sender.domain == "EXAMPLE.COM"' 'age > 1d' 'STATE == queued' \
	    'header["SUBJECT"] == "MINUTES"' 'header["mime-version"] == "1.0"' 'recipient =~ /@.*I/i'; do
		list -e "$expr" --format '{id} {subject} {arrival} {size}\n' 2>&1
		echo "status $?"
	done
	list --format mailq 2>&1
	list --format table 2>&1
}
LC_ALL=C.UTF-8
export LC_ALL
languages >"$tmp/c"
like "$(cat "$tmp/c")" '^status 0' 'the expressions mean something'
if mkdir "$tmp/locale" && localedef -i tr_TR -f UTF-8 "$tmp/locale/tr_TR.UTF-8" >"$tmp/localedef" 2>&1; then
	(
		LOCPATH=$tmp/locale LC_ALL=tr_TR.UTF-8
		export LOCPATH LC_ALL
		languages >"$tmp/tr"
	)
	same "$tmp/tr" "$tmp/c" 'Turkish changes nothing'
else
	skip "tr_TR.UTF-8 cannot be made: $(head -n 1 "$tmp/localedef")" 'Turkish changes nothing'
fi
(
	LC_ALL=C
	list --format json >"$tmp/json-c"
)
list --format json >"$tmp/json"
same "$tmp/json-c" "$tmp/json" 'json is the same in the C locale'

# --- time zone

first=$(head -n 1 "$tmp/ids")
arrival() {
	TZ=$1 list --format '{arrival} {arrival:%F %T %z}\n' "$first"
}
utc=$(arrival UTC) india=$(arrival IST-5:30)
is "${utc%% *}" "${india%% *}" 'the exact time does not depend on TZ'
like "$india" '\+0530$' 'a formatted time is local'
like "$utc" '\+0000$' 'a formatted time in UTC'
is "$(TZ=IST-5:30 mtaq -q "$flat_queue" count -1 -e 'arrival >= 2026-01-15T05:30')" \
    "$(TZ=UTC mtaq -q "$flat_queue" count -1 -e 'arrival >= 2026-01-15')" 'dates are local'
is "$(TZ=IST-5:30 mtaq -q "$flat_queue" count -1 -e 'arrival >= 2026-01-15T00:00Z')" \
    "$(TZ=UTC mtaq -q "$flat_queue" count -1 -e 'arrival >= 2026-01-15T00:00Z')" 'dates with Z are not'

# --- umask, directory

(
	umask 777
	list --format ids
) >"$out" 2>"$err"
same "$out" "$tmp/ids" 'umask 777'
(cd "$flat/mqueue" && mtaq -q sendmail:.,cf=../mail/sendmail.cf list --format ids) >"$out" 2>"$err"
same "$out" "$tmp/ids" 'a relative directory'

# --- few descriptors

for case in "sendmail:$split/mqueue,cf=$split/mail/sendmail.cf" "qmail:$many/queue"; do
	kind=${case%%:*}
	mtaq -q "$case" list --format ids >"$tmp/wanted" 2>"$err"
	[ -s "$tmp/wanted" ] || bail "nothing listed of $case: $(cat "$err")"
	status=0
	(
		ulimit -n 32
		mtaq --jobs 8 -q "$case" list --format ids
	) >"$out" 2>"$err" || status=$?
	is "$status" 0 "32 descriptors: $kind ends well"
	same "$out" "$tmp/wanted" "32 descriptors: $kind lists the same"
done

# --- a data file over 2 GiB

big=$(fixture sendmail flat) || exit 99
big_queue=sendmail:$big/mqueue,cf=$big/mail/sendmail.cf
if truncate -s 3G "$big/mqueue/df$first" 2>/dev/null; then
	is "$(mtaq -q "$big_queue" list --format '{size}\n' "$first")" 3221225472 'a size over 2 GiB'
	is "$(mtaq -q "$big_queue" count -1 -e 'size > 2G')" 1 'a comparison over 2 GiB'
	# LIMIT_BODY_BYTES: what is too long to be read is neither a match nor none
	run mtaq -q "$big_queue" count -1 -e "body =~ /never there/ and size > 2G"
	is "$status" 1 'a body past the limit is an error'
	is "$(cat "$out")" 0 'a body past the limit is no match'
	like "$(cat "$err")" "$first" 'a body past the limit is named'
	run mtaq -q "$big_queue" count -1 -e "not body =~ /never there/ and size > 2G"
	is "$status $(cat "$out")" '1 0' 'nor is it one when negated'
else
	skip 'the file system has no sparse files of 3 GiB' 'a data file over 2 GiB'
fi

# --- another user

if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
	as_nobody() {
		setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
	}
	chmod 755 "$tmp" "$flat"
	cp "$MTAQ" "$tmp/mtaq"
	if as_nobody "$tmp/mtaq" --version >/dev/null 2>&1; then
		MTAQ=$tmp/mtaq
		run as_nobody "$MTAQ" -q "$flat_queue" list
		is "$status" 77 'no permission for the queue'
		like "$(cat "$err")" 'mqueue' 'no permission for the queue: said so'
		is "$(wc -c <"$out")" 0 'no permission for the queue: nothing listed'
		chmod -R a+rX "$flat"
		chmod 600 "$flat/mqueue/qf$first"
		run as_nobody "$MTAQ" --clock $now -q "$flat_queue" count -1 -e 'attempts >= 0'
		is "$status $(cat "$out")" '1 24' 'a control file that cannot be read is an error, the others count'
		like "$(cat "$err")" "$first" 'the one that cannot be read is named'
		run as_nobody "$MTAQ" --clock $now -q "$flat_queue" count -1 -e 'not attempts >= 0'
		is "$status $(cat "$out")" '1 0' 'what cannot be read is no match of the negation'
	else
		skip 'the program cannot be run as another user here' 'another user'
	fi
else
	skip 'not root, or no setpriv' 'another user'
fi
done_testing
