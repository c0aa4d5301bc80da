#!/bin/sh
# What `mtaq check --list-codes` says of each kind of finding and what mtaq(1) says are the same.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99

run "$MTAQ" check --list-codes
is "$status" 0 'the kinds are listed'
awk '
{
	backend = $1; severity = $2; code = $3
	sub(/^[^ ]+ +[^ ]+ +[^ ]+ +/, "")
	print backend, severity, code, tolower($0)
}' "$out" | tr -d '.;' >"$tmp/from-code"
ok 'there are some' test -s "$tmp/from-code"

# .It Cm CODE Pq SEVERITY, then the two sentences
awk '
function flush() {
	if (item != "")
		print item tolower(text)
	item = text = ""
}
/^\.Ss / { flush(); backend = $2 == "Findings:" ? $3 : ""; next }
/^\.Sh / { flush(); backend = ""; next }
backend == "" { next }
/^\.It Cm / { flush(); item = backend " " $5 " " $3; next }
/^\.El/ { flush(); next }
/^\./ { next }
{ text = text " " $0 }' "$top_srcdir/man/mtaq.1" | tr -d '.;' >"$tmp/from-man"
same "$tmp/from-man" "$tmp/from-code" 'the manual tells each kind as the code does, in its order'

is "$(sort -k 3 "$tmp/from-code" | cut -d ' ' -f 1,3 | uniq -d)" '' 'no kind is there twice'
done_testing
