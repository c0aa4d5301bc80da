#!/bin/sh
# The fields in mtaq-filter(7) are those of `mtaq fields`, in its order, with the same type and the same MTAs.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99

# NAME TYPE MTA... of the first list below FIELDS: .It Cm NAME, then "Type; mta, mta." or "Type." when no MTA has it
awk '
/^\.Sh / { inside = /^\.Sh FIELDS/; depth = 0 }
!inside { next }
/^\.Bl / { depth++ }
/^\.El/ && --depth == 0 { inside = 0 }
depth == 1 && /^\.It Cm / {
	name = $3
	sub(/\[.*/, "", name)
	wanted = 1
	next
}
wanted {
	wanted = 0
	sub(/\..*/, "")
	split($0, part, /; */)
	gsub(/,/, "", part[2])
	gsub(/ +/, " ", part[2])
	sub(/ +$/, "", part[2])
	print name, tolower(part[1]), ":" (part[2] == "" ? "" : " " part[2])
}' "$top_srcdir/man/mtaq-filter.7" >"$tmp/man"
[ -s "$tmp/man" ] || bail 'no fields found in the manual'

run "$MTAQ" fields
is "$status" 0 'mtaq fields ends well'
awk '
NR == 1 {
	for (i = 3; i < NF; i++)
		mta[i - 2] = $i
	mtas = NF - 3
	next
}
{
	name = $1
	sub(/\[.*/, "", name)
	type = $2
	at = 3
	if ($3 == "list") {
		type = type " list"
		at = 4
	}
	printf "%s %s :", name, type
	for (i = 0; i < mtas; i++)
		if ($(at + i) != "-")
			printf " %s", mta[i + 1]
	print ""
}' "$out" >"$tmp/program"
same "$tmp/man" "$tmp/program" 'the manual and the program have the same fields'
done_testing
