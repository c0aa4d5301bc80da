#!/bin/sh
# The command lines that postmasters use with qtool.pl, as they stand in their scripts, on recorded queues.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99

clock=$(fixture_clock sendmail)
MTAQ_TEST=1
export MTAQ_TEST
mkdir "$tmp/bin"
# scripts call it by this name; what a test needs beside comes from here
cat >"$tmp/bin/qtool.pl" <<END
#!/bin/sh
exec "$MTAQ" --quiet qtool --clock "$clock" --journal "$tmp/journal" --trash "$tmp/trash" --no-syslog "\$@"
END
chmod +x "$tmp/bin/qtool.pl"
PATH=$tmp/bin:$PATH
QTOOL=qtool.pl

# A fresh copy of a recorded queue, and an empty directory beside it.
fresh() {
	top=$(fixture sendmail "${1:-flat}")
	MQUEUE=$top/mqueue REMOVED=$top/removed
	mkdir "$REMOVED"
	rm -rf "$tmp/journal" "$tmp/trash"
}

ids_in() {
	(cd "$1" && ls) | sed -n 's/^[qh]f//p' | sort | tr '\n' ' ' | sed 's/ $//'
}

# What is left, and what has gone into the directory: data files with their control files.
moved() {
	is "$status" 0 "$1: exit status"
	is "$(ids_in "$REMOVED")" "$2" "$1: the messages"
	is "$(cd "$REMOVED" && ls | sed -n 's/^df//p' | tr '\n' ' ' | sed 's/ $//')" "$2" "$1: with their data files"
	[ "$status" -eq 0 ] || diag "$(cat "$err")"
}
gone() {
	is "$status" 0 "$1: exit status"
	is "$(ids_in "$MQUEUE" | tr ' ' '\n' | sort >"$tmp/left"
		tar -tf "$top_srcdir/fixtures/sendmail/flat.tar" | sed -n 's/.*\/qf//p' | sort | comm -23 - "$tmp/left" |
		tr '\n' ' ' | sed 's/ $//')" "$2" "$1: the messages"
}

# --- A1, A2: one message

fresh
run qtool.pl -d "$MQUEUE/qf60FAU0DH017079"
gone 'A1' '60FAU0DH017079'
run sh -c 'ls "$1"/*' sh "$tmp/trash"
like "$(cat "$out")" '60FAU0DH017079' 'A1: it lies in the trash'
fresh
run qtool.pl "$REMOVED" "$MQUEUE/qf60FAU0DH017079"
moved 'A2' '60FAU0DH017079'
fresh
run qtool.pl "$REMOVED" "$MQUEUE/60FAU0DH017079"
moved 'A2 by its id' '60FAU0DH017079'
fresh
run qtool.pl "$REMOVED" "$MQUEUE/df60FAU0DH017079"
moved 'A2 by its data file' '60FAU0DH017079'

# --- A3, A4: the listing, and what stands in it

run "$MTAQ" list -q "sendmail:$MQUEUE" --clock "$clock" --format mailq
is "$status $(tail -n 1 "$out" | tr -d '\t')" "0 Total requests: 24" 'A3: mailq'
run "$MTAQ" list -q "sendmail:$MQUEUE" --clock "$clock" --format '{attempts} {status} {recipient} {subject}'
is "$status $(wc -l <"$out" | tr -d ' ')" '0 24' 'A4: attempts, status, recipient and subject'

# --- A5 to A15: by condition

fresh
run $QTOOL -e '(($msg{message}[0] =~ /Connection timed out/) && ($msg{headers}->{ubject} =~ /Returned mail: see transcript for details/))' $REMOVED $MQUEUE
moved 'A5' '60BC0589016504'

fresh
run qtool.pl -d -e '($msg{num_delivery_attempts} > 50)' $MQUEUE
gone 'A6: deleted' '60AD00BA016749 60BC0589016504'
run qtool.pl -n -b -e '($msg{num_delivery_attempts} > 15)' $MQUEUE
is "$status $(cut -d, -f1 "$out")" '0 60EA052A016407: bounced' 'A6: bounced'

fresh
run $QTOOL -e '($msg{message}[0] =~ /Deferred: 45.* Relay access denied/)' $REMOVED $MQUEUE
moved 'A7' '60FA00pF016293'

# nothing in the recorded queue has this status: one gets it
fresh
sed -i 's/^MDeferred: 451 4.1.0 .*/MDeferred: 451 4.1.8 Domain of sender address x@nodns.example does not resolve/' "$MQUEUE/qf60F205qn017012"
sed -i 's/^MDeferred: 421 4.3.2 .*/MDeferred: 450 Domain of sender address y@nodns.example does not exist/' "$MQUEUE/qf60F6004a017035"
run $QTOOL -e '($msg{message}[0] =~ /Deferred: 45.* Domain of sender address .* does not (resolve|exist)/)' $REMOVED $MQUEUE
moved 'A8' '60F205qn017012 60F6004a017035'

fresh
run $QTOOL -e '($msg{message}[0] =~ /Deferred: 45.* Sender address rejected: Domain not found/)' $REMOVED $MQUEUE
moved 'A9' '60CC00Fa017095'

fresh
run $QTOOL -e '($msg{message}[0] =~ /Deferred: 45.* spam/i)' $REMOVED $MQUEUE
moved 'A10' '60E600Cu016318'

fresh
run $QTOOL -e '(($msg{num_delivery_attempts} > 50) && ($msg{message}[0] =~ /Network is unreachable/))' $REMOVED $MQUEUE
moved 'A11' '60AD00BA016749'

fresh
run $QTOOL -e '(($msg{num_delivery_attempts} > 50) && ($msg{message}[0] =~ /Connection (timed out|refused)/))' $REMOVED $MQUEUE
moved 'A12' '60BC0589016504'

# sendmail is a stand-in: every message that it is asked for is gone
fresh
cat >"$tmp/bin/sendmail" <<END
#!/bin/sh
case \$* in
*-d0.1*) echo 'Version 8.17.1' ;;
*) for word; do case \$word in -qIqf*) rm -f "$MQUEUE/\${word#-qI}" "$MQUEUE/df\${word#-qIqf}" ;; esac; done ;;
esac
END
chmod +x "$tmp/bin/sendmail"
run $QTOOL -q "sendmail:$MQUEUE,cf=$top/mail/sendmail.cf,sendmail=$tmp/bin/sendmail" \
    -b -e '(($msg{num_delivery_attempts} > 10) && ($msg{message}[0] =~ /Network is unreachable/))' $MQUEUE
gone 'A13' '60AD00BA016749'
is "$(cut -d, -f1 "$out")" '60AD00BA016749: bounced' 'A13: what was done is printed'

fresh
run $QTOOL -e '(($msg{sender} eq "MAILER-DAEMON") && ($msg{message}[0] =~ /^Deferred/) && ($msg{headers}->{Subject} =~ /Returned mail|could not send message/))' $REMOVED $MQUEUE
moved 'A14' '60BC0589016504 60EA052A016407 60F205qn017012'

fresh
run $QTOOL -e '(($msg{message}[0] =~ /^Deferred/) && ($msg{headers}->{"X-Spam-Flag"} =~ /YES/))' $REMOVED $MQUEUE
moved 'A15' '60E600Cu016318'

# --- taken back

run "$MTAQ" undo --journal "$tmp/journal" --no-syslog "$(newest_run "$tmp/journal")"
is "$status $(ids_in "$REMOVED")" '0 ' 'undo takes a move back'
cp -a "$MQUEUE" "$tmp/before"
run qtool.pl -d "$MQUEUE/qf60FAU0DH017079"
run "$MTAQ" undo --journal "$tmp/journal" --no-syslog "$(newest_run "$tmp/journal")"
ok 'undo takes a deletion back' diff -r "$tmp/before" "$MQUEUE"

# --- nothing is done in a dry run, nor when something is wrong

run qtool.pl -n -e 1 "$REMOVED" "$MQUEUE"
is "$status $(wc -l <"$out" | tr -d ' ')" '0 25' 'a dry run says what would be moved'
for wrong in '$msg{sender' '$msg{sendr} eq "x"' '$msg{sender} == "x"' '!$msg{sender} =~ /x/' 'system("x")' '$msg{message} = 5' ''; do
	run qtool.pl -d -e "$wrong" "$MQUEUE"
	is "$status $(cat "$out")" '64 ' "a broken expression is an error: $wrong"
done
run qtool.pl -d -e '$msg{sender} == "x"' "$MQUEUE"
like "$(cat "$err")" '\^$' 'its place is shown'
run qtool.pl "$top/nosuch" "$MQUEUE"
is "$status" 64 'a target that is not there'
run qtool.pl -d
is "$status" 64 'no source'
run qtool.pl -s 1h -d "$MQUEUE"
is "$status" 64 'seconds are a number'
run qtool.pl -d "$MQUEUE/nosuch"
is "$status" 1 'a source that is not there'
ok 'nothing was changed by all that' diff -r "$tmp/before" "$MQUEUE"
run qtool.pl -n -d "$MQUEUE/nosuch" "$MQUEUE/60FAU0DH017079"
is "$status $(cut -d: -f1 "$out")" '1 60FAU0DH017079' 'the other sources are served all the same'

# --- ids alone

run qtool.pl -q "sendmail:$MQUEUE" -n -d 60FAU0DH017079 qf60DA00iN016370 df60F600mW016283 df60F700mW016283
is "$status $(cut -d: -f1 "$out" | tr '\n' ' ')" '1 60FAU0DH017079 60DA00iN016370 60F700mW016283 ' 'ids are looked up in the queues of -q'
run sh -c 'cd "$1" && qtool.pl -n -d 60FAU0DH017079' sh "$MQUEUE"
is "$status $(cut -d: -f1 "$out")" '0 60FAU0DH017079' 'and in the directory where one is'
run qtool.pl -q "sendmail:$MQUEUE" -n -d "$REMOVED"
is "$status" 66 'a directory that -q does not name is refused'

# --- a lock is respected by -d, too

if command -v flock >/dev/null 2>&1; then
	run flock -n "$MQUEUE/qf60FAU0DH017079" qtool.pl -d "$MQUEUE"/qf60FA*
	is "$status $(cut -d: -f1 "$out")" '1 60FA00pF016293' '-d leaves a locked message alone'
	ok 'it is still there' test -f "$MQUEUE/qf60FAU0DH017079"
else
	skip 'no flock program' '-d leaves a locked message alone'
fi

# --- -s goes by the data file

fresh
old=$((1768478400 - 7200))
touch -d "@$old" "$MQUEUE"/df*
touch -d "@$((old - 1))" "$MQUEUE/df60FAU0DH017079"
run qtool.pl -s 7200 "$REMOVED" "$MQUEUE"
moved '-s: older, not as old' '60FAU0DH017079'

# --- quarantined ones

fresh quarantined
run qtool.pl -n -d "$MQUEUE"
is "$(cut -d: -f1 "$out" | sort | tr '\n' ' ')" '60DF00dV017509 60F300wi017489 ' 'held messages are left out'
run qtool.pl -Q -e '$msg{quarantine_reason} =~ /./' "$REMOVED" "$MQUEUE"
moved '-Q: held ones' '60E000pJ017504 60E900Ks017499 60EI00nr017494 60F8009P017571'
run qtool.pl -Q -d "$REMOVED/hf60E000pJ017504" "$REMOVED/60E900Ks017499"
is "$status $(ids_in "$REMOVED")" '0 60EI00nr017494 60F8009P017571' '-Q -d of files and ids'
run qtool.pl -d "$REMOVED/hf60EI00nr017494"
is "$status $(ids_in "$REMOVED")" '1 60EI00nr017494 60F8009P017571' 'without -Q they are refused'
like "$(cat "$err")" 'with -Q' 'and -Q is named'

# --- queues of several directories

fresh split
cf=$top/mail/sendmail.cf
for options in "-C $cf" ''; do
	# shellcheck disable=SC2086 # none or two words
	run qtool.pl -n $options "$REMOVED" "$MQUEUE/q1"
	is "$(cut -d: -f1 "$out" | sort)" "$(ids_in "$MQUEUE/q1/qf" | tr ' ' '\n')" "one directory ($options)"
	run qtool.pl -n $options "$REMOVED" "$MQUEUE/q2/qf" "$MQUEUE"/q3/qf/qf* "$MQUEUE/q3"
	is "$(cut -d: -f1 "$out" | sort)" "$(ls "$MQUEUE/q2/qf" "$MQUEUE/q3/qf" | sed -n 's/^qf//p' | sort)" \
	    "two of them, one by its files, too ($options)"
	run qtool.pl -n $options "$REMOVED" "$MQUEUE"
	is "$(wc -l <"$out" | tr -d ' ')" 7 "all of them ($options)"
done
run qtool.pl -C "$cf" "$MQUEUE/q1" "$MQUEUE/q2"
is "$status $(ids_in "$MQUEUE/q2/qf")" '0 ' 'from one directory of a queue to another'

# --- called by its own name

fresh
for name in qtool qtool.pl; do
	ln -s "$MTAQ" "$tmp/$name"
	run "$tmp/$name" --clock "$clock" --journal "$tmp/journal" --no-syslog -n -d "$MQUEUE/60FAU0DH017079"
	is "$status $(cut -d, -f1 "$out")" '0 60FAU0DH017079: deleted' "called as $name"
done
run "$tmp/qtool" -v --clock "$clock" --journal "$tmp/journal" -n -e '$msg{num_delivery_attempts}>5' "$REMOVED" "$MQUEUE"
like "$(cat "$err")" 'taken as: attempts > 5$' '-v shows what an expression means'
done_testing
