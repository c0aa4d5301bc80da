# A qmail at work, its own or the stand-in, and what a test can do to it; after tests/lib.sh. The script that uses this
# sets $qmail_queue (the program) and defines launch, which starts qmail-send in the background, with $LIVE/log as its log,
# and sets $send.
#
# Recipients are told apart by name alone: what becomes of a delivery is said by its policy (see deliver), and what has
# become of it is seen in what arrived, and in the log.
# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154,SC2015,SC2016 # variables are for the tests, and from them

LIVE=$tmp/live
queue=$LIVE/queue control=$LIVE/control
send=
MTAQ_TEST=1 TZ=UTC LC_ALL=C.UTF-8
export LIVE MTAQ_TEST TZ LC_ALL

# make_queue DIR SPLIT QUEUE-USER SEND-USER GROUP: an empty one (owners only as root).
make_queue() {
	mkdir -p "$1" || bail "cannot make $1"
	(
		umask 077
		cd "$1" && mkdir bounce info intd local lock mess pid remote todo &&
		    (cd info && seq 0 $(($2 - 1)) | xargs mkdir) && for d in local mess remote; do
			(cd $d && seq 0 $(($2 - 1)) | xargs mkdir) || exit 1
		done
		: >lock/sendmutex && dd if=/dev/zero of=lock/tcpto bs=1024 count=1 2>/dev/null && mkfifo lock/trigger &&
		    chmod 622 lock/trigger && chmod 644 lock/tcpto && chmod 750 . lock mess mess/* todo || exit 1
		[ "$(id -u)" != 0 ] || {
			chown -R "$4:$5" . && chown -R "$3:$5" mess intd pid todo && chown "$3:$5" . lock
		}
	) || bail "cannot make a queue in $1"
}

make_world() {
	make_queue "$queue" 23 "$1" "$2" "$3"
	mkdir "$control" "$LIVE/policy" "$LIVE/flight" "$LIVE/got" "$LIVE/new" || bail "cannot make $LIVE"
	cp "$top_srcdir/tests/live/deliver" "$LIVE/deliver" && chmod 755 "$LIVE/deliver" || bail "cannot make $LIVE"
	chmod 755 "$tmp" "$LIVE" "$control"
	chmod 777 "$LIVE/flight" "$LIVE/got" "$LIVE/new"
	: >"$LIVE/attempts" && : >"$LIVE/said" && chmod 666 "$LIVE/attempts" "$LIVE/said"
	: >"$LIVE/log"
	echo 0 >"$LIVE/clock"
	for setting in me=mail.example.test locals=local.example.test virtualdomains=virt.example.test:alias-virt \
	    doublebouncehost=local.example.test queuelifetime=604800; do
		echo "${setting#*=}" >"$control/${setting%%=*}"
	done
	policy default success
}

# ---- qmail-send ----

log_since() {
	tail -n +$((log_lines + 1)) "$LIVE/log"
}

log_says() {
	log_since | grep -q "$1"
}

mark_log() {
	log_lines=$(wc -l <"$LIVE/log")
}

start() {
	mark_log
	launch
	within 20 log_says 'status: local 0/' || bail "qmail-send does not start: $(tail -n 5 "$LIVE/log" "$LIVE/said")"
}

stop() {
	kill "$send"
	wait "$send"
	send=
}

# Everything is due now.
alarm() {
	kill -ALRM "$send"
}

stop_at_exit() {
	[ -z "$send" ] || kill -9 "$send" 2>/dev/null
	# those in flight wait for a word
	for fifo in "$LIVE"/policy/*; do
		[ ! -p "$fifo" ] || timeout 1 sh -c ': <>"$1"; echo deferral >"$1"' sh "$fifo"
	done
}
at_exit stop_at_exit

# ---- messages ----

# policy RECIPIENT WORD [WORDS]: of all deliveries from now on. "hold": each waits for its word, see finish.
policy() {
	rm -f "$LIVE/policy/$1"
	if [ "$2" = hold ]; then
		mkfifo "$LIVE/policy/$1"
		chmod 644 "$LIVE/policy/$1"
		return
	fi
	policy_for=$1
	shift
	echo "$*" >"$LIVE/policy/$policy_for"
}

in_flight() {
	test -e "$LIVE/flight/$1"
}

# finish RECIPIENT WORD [WORDS]: the delivery that is held ends so.
finish() {
	finish_for=$1
	shift
	timeout 20 sh -c 'echo "$2" >"$1"' sh "$LIVE/policy/$finish_for" "$*" || fail "a delivery to $finish_for is in flight"
}

# put SENDER RECIPIENT...: into the queue, with a body of its own.
put() {
	put_from=$1
	shift
	printf 'Subject: about %s\nMessage-ID: <%s>\n\nThis is the body of %s.\n' "$put_from" "$put_from" "$put_from" >"$tmp/body"
	{
		printf 'F%s\0' "$put_from"
		for put_to; do
			printf 'T%s\0' "$put_to"
		done
		printf '\0'
	} >"$tmp/envelope"
	"$qmail_queue" <"$tmp/body" 1<"$tmp/envelope"
}

# queued SENDER: its number, once it has been preprocessed.
queued() {
	(cd "$queue/info" && LC_ALL=C grep -rlxzF -e "F$1" .) 2>/dev/null | sed 's,.*/,,' | grep .
}

new() {
	(cd "$queue/todo" && LC_ALL=C grep -rlxzF -e "F$1" .) 2>/dev/null | sed 's,.*/,,' | grep .
}

# number SENDER: wait until it is preprocessed; in $n, its files' directory in $d.
number() {
	within 20 queued "$1" || fail "$1 is in the queue"
	n=$(queued "$1")
	d=$((n % 23))
}

is_gone() {
	[ -z "$(queued "$1")$(new "$1")" ]
}

# Tried again and again: a pass that is under way takes no notice of a signal.
ended_by_alarm() {
	alarm
	is_gone "$1"
}

# vanishes SENDER NAME
vanishes() {
	if within 20 is_gone "$1"; then pass "$2"; else fail "$2"; fi
}

# attempts RECIPIENT: how many there were.
attempts() {
	grep -cxF -e "$1" "$LIVE/attempts"
}

# received RECIPIENT: how many messages arrived there.
received() {
	find "$LIVE/got" -name "$1.*" | wc -l
}

# each_delivery RECIPIENT PROGRAM: this awk program over the log; its[] has whom each delivery under way is to, and `to` is
# the recipient.
each_delivery() {
	sed 's/^@[0-9a-f]* //' "$LIVE/log" | awk -v to="$1" '
	/^starting delivery / {
		sub(/:$/, "", $3)
		sub(/^alias-virt-/, "", $8)
		its[$3] = $8
	}
	'"$2"
}

# results RECIPIENT: how its deliveries ended, as the log has it.
results() {
	each_delivery "$1" '
	/^delivery / {
		d = $2
		sub(/:$/, "", d)
		word = $3
		sub(/:$/, "", word)
		if (its[d] == to)
			list = list (list == "" ? "" : " ") word
		delete its[d]
	}
	END { print list }'
}

results_are() {
	[ "$(results "$1")" = "$2" ]
}

# deferred_all RECIPIENT COUNT: so many deliveries to it have been deferred.
deferred_all() {
	[ "$(results "$1" | tr ' ' '\n' | grep -c deferral)" = "$2" ]
}

# ends_as RECIPIENT WORDS NAME: so its deliveries have ended, soon.
ends_as() {
	if within 20 results_are "$1" "$2"; then
		pass "$3"
	else
		fail "$3"
		diag "got:    $(results "$1")"
		diag "wanted: $2"
	fi
}

# under_way RECIPIENT: is a delivery to it not over yet, as far as qmail-send knows? What has arrived is not delivered
# before that: until qmail-send has seen its deliverer end, the message is in its pass, and takes no notice of an alarm.
# With nothing in flight at all, as in the beginning, nothing is under way that was so in the log of an earlier one.
under_way() {
	each_delivery "$1" '
	/^delivery / {
		sub(/:$/, "", $2)
		delete its[$2]
	}
	/^status: local 0\/[0-9]* remote 0\// { split("", its) }
	END {
		for (d in its)
			if (its[d] == to)
				exit 0
		exit 1
	}'
}

# has_received RECIPIENT COUNT: so much has arrived, and qmail-send knows it.
has_received() {
	[ "$(received "$1")" = "$2" ] && ! under_way "$1"
}

# arrives RECIPIENT COUNT NAME
arrives() {
	if within 20 has_received "$1" "$2"; then pass "$3"; else fail "$3"; diag "got $(received "$1"), wanted $2"; fi
}

# records CHANNEL: of message $n, one on a line.
records() {
	tr '\0' '\n' <"$queue/$1/$d/$n"
}

# who_has NUMBER: is there a message of that number.
who_has() {
	test -e "$queue/mess/$(($1 % 23))/$1"
}

# What of message $n is there.
files_of() {
	(cd "$queue" && for f in "mess/$d/$n" "intd/$n" "todo/$n" "info/$d/$n" "local/$d/$n" "remote/$d/$n" "bounce/$n"; do
		[ ! -e "$f" ] || echo "${f%%/*}"
	done | tr '\n' ' ')
}

# Everything that the queue shows to qmail, but the times of looking.
tree() {
	(cd "$queue" && find . -type f ! -path './lock/*' ! -name '.*' -printf '%p %i %s %m %u %T@\n' | sort &&
	    find . -type f ! -path './lock/*' ! -name '.*' -print0 | sort -z | xargs -0 -r cksum)
}

# The sender gets it when the bounce does: all that arrived there.
letter() {
	cat "$LIVE/got/$1".*
}

# ---- mtaq ----

# act COMMAND...: on that queue.
act() {
	run "$MTAQ" -q "qmail:$queue,control=$control" --journal "$LIVE/journal" --trash "$LIVE/trash" "$@" --no-syslog
	last_run=$(newest_run "$LIVE/journal")
}

# acts WORDS COMMAND...: it ends with 0 and its counts say so.
acts() {
	acts_words=$1
	shift
	act "$@"
	is "$status $(sed -n 's/^mtaq: \([0-9]* message.*\)/\1/p' "$err")" "0 $acts_words" "mtaq $*"
	[ "$status" = 0 ] || diag "$(cat "$err")"
}

# refuses STATUS WORDS COMMAND...
refuses() {
	refuses_status=$1 refuses_words=$2
	shift 2
	act "$@"
	is "$status $(wc -c <"$out")" "$refuses_status 0" "mtaq $*: refused"
	like "$(cat "$err")" "$refuses_words" "mtaq $*: says why"
}

look() {
	"$MTAQ" -q "qmail:$queue,control=$control" "$@"
}
