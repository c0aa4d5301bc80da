#!/bin/sh
# list --format mailq against what `sendmail -bp` printed of the same queues.
. "${top_srcdir:-.}/tests/lib.sh"
TZ=UTC
export TZ

# listing CASE ARG...: into $out, with the path that sendmail saw.
listing() {
	dir=$(fixture sendmail "$1")
	case $1 in
	client) seen=/var/spool/mqueue-client ;;
	*) seen=/var/spool/mqueue ;;
	esac
	shift
	run "$MTAQ" list -q "sendmail:$dir/mqueue,cf=$dir/mail/sendmail.cf" --clock "$(fixture_clock sendmail)" --format mailq "$@"
	sed "s#$dir/mqueue#$seen#g" "$out" >"$tmp/listed"
}

# The order of directories is sendmail's readdir order: sort them, keep the order within each.
by_directory() {
	awk '/^\t\t.* request/ { unit = $1 } /Total requests/ { unit = "~" } { printf "%s\t%06d\t%s\n", unit, NR, $0 }' "$1" |
	    sort -t "$(printf '\t')" -k 1,1 -k 2,2 | cut -f 3-
}

for name in flat split groups quarantined oldformats client; do
	for verbose in '' -v; do
		listing $name $verbose
		by_directory "$top_srcdir/fixtures/sendmail/$name.mailq$verbose" >"$tmp/wanted"
		by_directory "$tmp/listed" >"$tmp/got"
		same "$tmp/got" "$tmp/wanted" "$name $verbose"
		# files of old formats have no final dot: sendmail does not run them, and mtaq says so
		is "$status" "$([ $name = oldformats ] && echo 1 || echo 0)" "exit status of $name $verbose"
	done
done

# sendmail has options for held and for lost messages, mtaq has expressions.
for verbose in '' -v; do
	listing quarantined -e 'state == held' $verbose
	same "$tmp/listed" "$top_srcdir/fixtures/sendmail/quarantined.mailq-qQ$verbose" "held messages $verbose"
	listing quarantined -e 'state == lost' $verbose
	same "$tmp/listed" "$top_srcdir/fixtures/sendmail/quarantined.mailq-qL$verbose" "lost messages $verbose"
	listing broken -e 'state == lost' $verbose
	same "$tmp/listed" "$top_srcdir/fixtures/sendmail/broken.mailq-qL$verbose" "a lost message among damage $verbose"
done

# Damage. Left out on both sides: sendmail's own errors, headings, what is no regular file (sendmail follows links, mtaq does
# not) and the file called "qf".
entries() {
	sed -e '/^gatherq: /d' -e '/^             readqf: /,+1d' -e '/^ *$/d' "$1" |
	    awk '
	/readqf: cannot open/ {
		sub(/readqf: cannot open.*/, "")
		printf "%s", $0
		next
	}
	/^60F900r3031924/ { gone = 2 }
	/^60F9007B031929|^60FAAA(ff|di|dl)000001/ { gone = 1 }
	/requests?\)?/ && /^\t\t/ { next }
	gone > 0 { gone--; next }
	{ print }'
}
for verbose in '' -v; do
	listing broken $verbose
	entries "$top_srcdir/fixtures/sendmail/broken.mailq$verbose" >"$tmp/wanted"
	entries "$tmp/listed" >"$tmp/got"
	same "$tmp/got" "$tmp/wanted" "damaged messages $verbose"
	is "$status" 1 "exit status of damage $verbose"
done

# The mark of messages that were tried less than MinQueueAge ago: what the control files say.
dir=$(fixture sendmail flat)
echo 'O MinQueueAge=3h' >>"$dir/mail/sendmail.cf"
awk -v now=1768478400 '
	FNR == 1 { tried = 0 }
	/^K/ { last = substr($0, 2) }
	/^N/ { tried = substr($0, 2) > 0 }
	/^S/ && tried && now - last < 10800 { sub(/.*\/qf/, "", FILENAME); print FILENAME }' "$dir"/mqueue/qf* | sort >"$tmp/young"
run "$MTAQ" list -q "sendmail:$dir/mqueue,cf=$dir/mail/sendmail.cf" --clock @1768478400 --format mailq
is "$(sed -n 's/^\(60[^ -]*\)-.*/\1/p' "$out" | sort)" "$(cat "$tmp/young")" 'too young messages are marked'
ok 'there are some' test -s "$tmp/young"

mkdir "$tmp/empty"
run "$MTAQ" list -q "sendmail:$tmp/empty" --format mailq
is "$(cat "$out")" "$tmp/empty is empty
		Total requests: 0" 'an empty queue'
done_testing
