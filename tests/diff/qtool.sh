#!/bin/sh
# mtaq qtool and sendmail's own qtool.pl move the same messages, on queues where the defects of qtool.pl do not show.
#
# "several" is the recorded queue without the messages that have one status line or none: $msg{message}[0] is what it
# says there. "single" is the opposite: there $msg{message} is a text.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99

QTOOL=${QTOOL:-/usr/share/sendmail/qtool.pl}
[ -f "$QTOOL" ] || skip_all 'no qtool.pl (Debian: sendmail-base)'
command -v perl >/dev/null 2>&1 || skip_all 'no perl'
MTAQ_TEST=1
export MTAQ_TEST
mkdir "$tmp/journal"

# COMMAND... moves from a fresh copy of $world; what has gone is in $1.
moved_by() {
	result=$1
	shift
	rm -rf "$tmp/copy"
	cp -a "$world" "$tmp/copy"
	mkdir "$tmp/copy/removed"
	run "$@"
	(cd "$tmp/copy/removed" && ls) >"$result"
}

# Both, with the same options.
compare() {
	moved_by "$tmp/theirs" perl "$QTOOL" -C "$tmp/copy/mail/sendmail.cf" "$@" "$tmp/copy/removed" "$tmp/copy/mqueue"
	moved_by "$tmp/ours" "$MTAQ" qtool --journal "$tmp/journal" --no-syslog -C "$tmp/copy/mail/sendmail.cf" "$@" \
	    "$tmp/copy/removed" "$tmp/copy/mqueue"
	same "$tmp/ours" "$tmp/theirs" "$case: $* ($(grep -c '^[qh]f' "$tmp/theirs"))"
	compared=$((compared + $(grep -c '^[qh]f' "$tmp/theirs")))
	[ "$status" -eq 0 ] || diag "$(cat "$err")"
}

expressions() {
	while IFS= read -r expression; do
		[ -z "$expression" ] || compare -e "$expression"
	done
}

compared=0
# make_world NAME FIXTURE: only the messages for which `keep CONTROL-FILE` says so.
make_world() {
	case=$1
	world=$(fixture sendmail "$2")
	for qf in "$world"/mqueue/qf*; do
		keep "$qf" || rm -f "$qf" "$(dirname "$qf")/df${qf##*/qf}"
	done
}

keep() {
	[ "$(grep -ac '^M' "$1")" -ge 2 ]
}
make_world several flat
expressions <<'END'
1
0
$msg{message}[0] =~ /Deferred/
$msg{message}[0] =~ /^Deferred: 45/
$msg{message}->[0] =~ /Deferred: 45.* spam/i
$msg{message}[1] =~ /TLS/
$msg{message}[0] !~ /Deferred: 4[25]/
!($msg{message}[0] =~ /Deferred/)
not $msg{message}[0] =~ /Mailbox/
$msg{message}[2] =~ /450/
$msg{message}[-1] =~ /relay|full/
!defined $msg{message}[2]
defined($msg{message}[3]) || $msg{message}[0] =~ /SPAM/
$msg{message}[0] =~ /Mailbox size/ && $msg{num_delivery_attempts} > 1
$msg{message}[0] =~ /Mailbox/ or $msg{message}[0] =~ /score/ and $msg{num_delivery_attempts} == 18
($msg{message}[0] =~ /Mailbox/ || $msg{message}[0] =~ /score/) && $msg{num_delivery_attempts} >= 3
$msg{message}[0] =~ /exceeded\n/
$msg{message}[0] =~ /exceeded$/
$msg{message}[0] =~ m{Service not}
$msg{message}[0] =~ m!first!i and not $msg{num_delivery_attempts} > 5
$msg{message}[0] =~ "Service"
END

keep() {
	[ "$(grep -ac '^M' "$1")" -le 1 ]
}
make_world single flat
expressions <<'END'
$msg{message} =~ /Connection (timed out|refused)/
$msg{message} !~ /Connection/
!$msg{message}
defined $msg{message}
$msg{message} =~ /\n$/
$msg{message} =~ /timed out with \[127\.0\.0\.1\]$/
$msg{message} eq "Deferred: Connection refused by [127.0.0.1]\n"
$msg{message} ne "Deferred: Connection refused by [127.0.0.1]\n"
$msg{message} lt "Deferred: Connection s"
$msg{message} gt "Deferred: Connection s"
lc($msg{message}) lt "e"
lc($msg{message}) gt "deferred: connection s"
lc($msg{message}) =~ /^[A-Z]/
lc($msg{message}) =~ /^deferred/
uc($msg{message}) =~ /^DEFERRED/
lc($msg{id}) =~ /[A-Z]/
$msg{message} =~ /^$/
$msg{message} !~ /^$/
END

keep() {
	true
}
make_world all flat
expressions <<'END'
$msg{num_delivery_attempts} > 10
$msg{num_delivery_attempts} >= 11
10 < $msg{num_delivery_attempts}
$msg{num_delivery_attempts} < 1
$msg{num_delivery_attempts} <= 0
$msg{num_delivery_attempts} == 1
$msg{num_delivery_attempts} != 1
$msg{num_delivery_attempts} * 2 > 20
$msg{num_delivery_attempts} / 2 >= 5.5
-$msg{num_delivery_attempts} < -10
$msg{num_delivery_attempts} == 0.5
$msg{num_delivery_attempts} =~ /^[56]\d$/
time - $msg{creation_time} > 3600
$msg{creation_time} < 1768400000
$msg{creation_time} + 3600*24 < 1768400000
$msg{next_delivery_time} == 0
$msg{next_delivery_time} > 1768470000
$msg{priority} > 100000
$msg{body_size} == 0
$msg{body_size} > 1024
$msg{body_size} / 1024 > 50
$msg{body_last_mod_time} < 1768400000
$msg{control_size} > 1500
$msg{version} == 8
$msg{sender} =~ /example\.com/
$msg{sender} =~ /^<.*>$/
$msg{sender} =~ /^<>/
$msg{sender} =~ /^MAILER-DAEMON\n/
$msg{sender} !~ /example/
$msg{sender} eq "<heidi\@example.com>\n"
$msg{sender} ne "<heidi\@example.com>\n"
$msg{flags} gt "a"
$msg{flags} =~ /w/
$msg{flags} !~ /w/
$msg{body_type} =~ /8BITMIME/
!$msg{body_type}
!defined($msg{body_type}) && $msg{num_delivery_attempts} > 5
$msg{body_type} ne "8BITMIME\n"
$msg{auth} =~ /./
defined $msg{envid}
!exists $msg{headers}{Subject}
exists $msg{headers}->{Subject}
$msg{headers}->{Subject} =~ /Returned mail/
$msg{headers}->{Subject} =~ /^ Returned/
$msg{headers}{Subject} =~ /RETURNED MAIL/i
$msg{headers}{'Subject'} !~ /Returned mail/
$msg{headers}{"Subject"} eq " lunch?\n"
$msg{headers}{Subject} =~ /=\?utf-8\?/i
$msg{headers}{From} =~ /MAILER-DAEMON/
$msg{headers}{"X-Spam-Flag"} =~ /YES/
$msg{headers}{"Content-Type"} =~ m#text/plain#
$msg{headers}{Precedence}
!$msg{headers}{Precedence}
$msg{headers}{"MIME-Version"} =~ /^ 1\.0$/
$msg{headers}{Subject} =~ /[\x80-\xff]{2}/
$msg{data_file_directory}
$msg{deliver_by} =~ /\d/
not ($msg{num_delivery_attempts} > 5) && ($msg{sender} =~ /example/)
not($msg{num_delivery_attempts} > 5) || $msg{sender} =~ /example/
not ($msg{num_delivery_attempts} > 5) and $msg{sender} =~ /example/
not (($msg{num_delivery_attempts} > 5) && ($msg{sender} =~ /example/))
(not ($msg{num_delivery_attempts} > 5)) && $msg{sender} =~ /example/
not not ($msg{num_delivery_attempts} > 5) && $msg{sender} =~ /example/
not $msg{num_delivery_attempts} > 5 && $msg{sender} =~ /example/
lc($msg{flags}) gt "b"
$msg{flags} eq "wb\x0a"
$msg{flags} ne "\x{77}b\n"
$msg{sender} =~ /(com>$|org>$)/
lc($msg{sender}) eq "<heidi\@example.com>\n"
uc($msg{sender}) eq "<HEIDI\@EXAMPLE.COM>\n"
lc($msg{sender}) eq "<Heidi\@example.com>\n"
lc($msg{sender}) =~ /[A-Z]/
uc($msg{headers}{Subject}) =~ /RETURNED MAIL/
uc($msg{headers}{Subject}) =~ /[a-z]/
lc($msg{headers}{Subject}) ne " lunch?\n"
$msg{body_type} eq "8bitmime\n"
($msg{body_type} // "") eq "8BITMIME\n"
($msg{body_type} // "") ne "8BITMIME\n"
!($msg{body_type} // "")
($msg{num_delivery_attempts} // 0) > 10
"x" eq "x" && $msg{num_delivery_attempts} > 50
5 > 6 || $msg{num_delivery_attempts} > 50
END
compare -s 100
compare -s 2000000000
compare -s 100 -e '$msg{num_delivery_attempts} > 10'
compare

# without the final dot a message is half-written
keep() {
	grep -aqx '\.' "$1"
}
make_world old oldformats
expressions <<'END'
$msg{version} > 4
$msg{priority} < 100000
$msg{sender} =~ /a/
$msg{creation_time} < 1000000000
END

keep() {
	true
}
make_world quarantined quarantined
compare
compare -Q
compare -Q -e '$msg{quarantine_reason} =~ /./'

ok "something was compared: $compared messages" test "$compared" -gt 300
done_testing
