#!/bin/sh
# Every format of list shows the same messages, on both MTAs.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99
tab=$(printf '\t')

# count PATTERN: lines of $out that match.
count() {
	grep -Ec -e "$1" "$out"
}

same_everywhere() {
	queue=$(fixture_queue "$1" "$2")
	list() {
		run "$MTAQ" list -q "$queue" --clock "$(fixture_clock "$kind")" "$@"
		is "$status" 0 "$kind: status of $*"
	}
	kind=$1 messages=$3 pending=$4

	list -i
	is "$(count .)" "$messages" "$kind: ids"
	sort "$out" >"$tmp/ids"
	list -0
	is "$(tr '\0' '\n' <"$out" | sort)" "$(cat "$tmp/ids")" "$kind: the same ids between NUL bytes"
	list --format table
	is "$(count .)" $((messages + 1)) "$kind: lines of the table"
	list --format mailq
	is "$(count "^$tab$tab$tab$tab$tab ")" "$pending" "$kind: recipients as mailq shows them"
	like "$(cat "$out")" "Total requests: $messages\$" "$kind: total of mailq"
	list --format qread
	is "$(count "^$tab(local|remote)$tab")" "$pending" "$kind: recipients as qmail-qread shows them"
	is "$(count '^[0-9].* GMT  #')" "$messages" "$kind: blocks of qread"
	list --format json
	is "$(count '^\{"schema_version":1,"queue_id":".*\}$')" "$messages" "$kind: objects"
	# the objects in "recipients" begin with their address; those that are done come after them
	is "$(sed 's/,"recipients_done":.*//' "$out" | grep -o '{"address":' | wc -l | tr -d ' ')" "$pending" \
	    "$kind: recipients in the objects"
	is "$(sed 's/^{"schema_version":1,"queue_id":"\([^"]*\)".*/\1/' "$out" | sort)" "$(cat "$tmp/ids")" \
	    "$kind: ids in the objects"
	list --format '{recipient}'
	is "$(sed 's/, /\n/g' "$out" | count_lines)" "$pending" "$kind: recipients in a template"
	list --format '{pending}'
	is "$(awk '{ n += $1 } END { print n }' "$out")" "$pending" "$kind: numbers of recipients"
}

count_lines() {
	grep -c '[^-]'
}

same_everywhere sendmail split 7 9
same_everywhere qmail basic 22 63

run "$MTAQ" list -q "$(fixture_queue sendmail flat)" --format '{id} {sendr}'
is "$status" 64 'a template with an unknown field'
like "$(cat "$err")" 'sender' 'the hint names the field that was meant'
is "$(cat "$out")" '' 'nothing is printed then'
done_testing
