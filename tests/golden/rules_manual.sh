#!/bin/sh
# The rules in the manual and in the example file are rules: each is read without a word, and applied with -n to the
# recorded queue that the comment above it names. What cron and systemd are told to run is a command that works.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99
: "${tmp:?}"
MTAQ_TEST=1
export MTAQ_TEST
unset MTAQ_QUEUES

mkdir "$tmp/rules"
awk -v dir="$tmp/rules" '
/^\.\\" rules [a-z]+\/[a-z0-9-]+$/ { want[++wants] = $3 }
/^\.Bd -literal/ && wants {
	for (i = 1; i <= wants; i++)
		print dir "/" FNR, FNR, want[i]
	file = dir "/" FNR
	wants = 0
	inside = 1
	next
}
/^\.Ed/ { inside = 0 }
inside {
	gsub(/\\\(aq/, "\047")
	print > file
}' "$top_srcdir/man/mtaq-rules.5" >"$tmp/list"
printf '%s\n' "$top_srcdir/etc/rules example sendmail/flat" "$top_srcdir/etc/rules example qmail/basic" >>"$tmp/list"
# the commented ones, too
sed 's/^#://' "$top_srcdir/etc/rules" >"$tmp/rules/all"
echo "$tmp/rules/all all sendmail/quarantined" >>"$tmp/list"
is "$(wc -l <"$tmp/list")" 8 'rules are found'
while read -r file place case; do
	kind=${case%%/*}
	run "$MTAQ" apply --check --quiet "$file"
	is "$status $(cat "$err")" '0 ' "$place is read without a word"
	run "$MTAQ" -q "$(fixture_queue "$kind" "${case#*/}")" --clock "$(fixture_clock "$kind")" --journal "$tmp/none" \
	    apply -n "$file"
	is "$status $(grep -c '^mtaq: rule ' "$err")" "0 $(grep -c '^rule ' "$file")" "$place on $case"
	[ "$status" -eq 0 ] || diag "$(cat "$err")"
done <"$tmp/list"
is "$(grep -c '^rule ' "$tmp/rules/all")" 4 'all rules of the example file were tried'

# --- cron and systemd: the same command lines, each of which works

sed -n 's/.*\(@bindir@.*\)/\1/p' "$top_srcdir/etc/cron.in" | sed 's/ *>.*//' | sort >"$tmp/cron"
grep -ho '@bindir@[^;&]*' "$top_srcdir"/etc/*.service.in | sed 's/ *$//' | sort >"$tmp/systemd"
same "$tmp/systemd" "$tmp/cron" 'cron and systemd run the same commands'
is "$(wc -l <"$tmp/cron")" 3 'they apply the rules, empty the trash and prune the journal'
queue=$(fixture_queue sendmail flat)
while read -r line; do
	# shellcheck disable=SC2086
	set -- $line
	shift
	for word; do
		shift
		[ "$word" != /etc/mtaq/rules ] || word=$top_srcdir/etc/rules
		set -- "$@" "$word"
	done
	run "$MTAQ" -q "$queue" --clock @1768478400 --journal "$tmp/journal" --trash "$tmp/trash" "$@" -n
	is "$status $(cat "$err")" '0 ' "in quiet: ${line#* }"
done <"$tmp/cron"

# --- systemd: one of the two failing does not keep the other from running, and is seen

mkdir "$tmp/bin"
cat >"$tmp/bin/mtaq" <<'END'
#!/bin/sh
echo "$2"
[ "$2" != "$FAILS" ]
END
chmod +x "$tmp/bin/mtaq"
tidy=$(sed -n '/^ExecStart=/,$p' "$top_srcdir/etc/mtaq-tidy.service.in" | tr -d '\\\n' |
    sed "s|^ExecStart=/bin/sh -c '\(.*\)'\$|\1|; s|@bindir@|$tmp/bin|g; s/\\$\\$/\$/g")
for fails in none trash journal; do
	export FAILS=$fails
	run sh -c "$tidy"
	wanted=1
	[ $fails != none ] || wanted=0
	is "$status $(tr '\n' ' ' <"$out")" "$wanted trash journal " "tidying when this fails: $fails"
done
done_testing
