#!/bin/sh
# What somebody planted in a queue, in the names of its files, in a list of ids: no wrong answer, no wasted hour.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99

now=@1768478400
queue=$tmp/queue
mkdir "$queue"

# message ID [TIME]: a whole one, flat.
message() {
	printf 'V8\nT%s\nK0\nN0\nP30000\nS<ann@example.com>\nRPFD:<bob@example.net>\nH??Subject: x\n.\n' \
	    "${2:-1768400000}" >"$queue/qf$1"
	echo body >"$queue/df$1"
}
mtaq() {
	"$MTAQ" -q "sendmail:$queue" "$@"
}

# --- times that no clock ever showed

message 60F000000000001 -9223372036854775808
run mtaq --clock $now count
is "$status" 0 'count of a message from before all time'
unlike "$(cat "$out")" ' -[0-9]' 'it is old, not from the future'
run mtaq --clock $now count --warn 4h
is "$status" 1 'and older than any threshold'
run mtaq --clock $now show 60F000000000001
unlike "$(cat "$out")" '^arrival.*(\(-| in )' 'show says so too'
rm "$queue"/*

# --- names that are read back between NULs

message ' 60F00000002 '
message '60F000000000003'
message "new
line"
run mtaq list -0
cp "$out" "$tmp/names"
is "$(tr -d -c '\0' <"$out" | wc -c | tr -d ' ')" 3 'three names end in NUL'
status=0
mtaq list -0 - <"$tmp/names" >"$out" 2>"$err" || status=$?
is "$status" 0 'they are found again'
same "$out" "$tmp/names" 'blanks and line ends in them included'
printf ' 60F000000000003 \n60F000000000003*\n' >"$tmp/typed"
status=0
mtaq list -i - <"$tmp/typed" >"$out" 2>"$err" || status=$?
is "$status $(cat "$out")" '0 60F000000000003' 'blanks and marks around typed ids go, twice is once'
rm "$queue"/*

# --- a message that is larger than any that is matched

qmail=$(fixture qmail empty)/queue
printf 'Subject: big\n\n' >"$qmail/mess/0/46"
truncate -s 70000014 "$qmail/mess/0/46"
printf 'Fann@example.com\0' >"$qmail/info/0/46"
printf 'Tbob@example.net\0' >"$qmail/remote/0/46"
run "$MTAQ" -q "qmail:$qmail" cat --headers 46
is "$status $(cat "$out")" '0 Subject: big' 'its header'
run "$MTAQ" -q "qmail:$qmail" cat --body 46
is "$status $(wc -c <"$out" | tr -d ' ')" '0 70000000' 'its body, and nothing else'
run "$MTAQ" -q "qmail:$qmail" list -i -e 'body =~ /x/ or subject == "big"'
is "$status $(grep -c '^46@' "$out")" '0 1' 'a condition that the header decides'
run "$MTAQ" -q "qmail:$qmail" list -i -e 'body =~ /x/ or subject == "small"'
is "$status $(cat "$out")" '1 ' 'one that the body decides is an error'
is "$(wc -l <"$err" | tr -d ' ')" 1 'told once'
like "$(cat "$err")" 'mess/0/46 is larger than' 'in words that say why'
{ printf 'Subject: x\n'; yes 'X: y' | head -n 300000; echo; echo body; } >"$qmail/mess/0/46"
run "$MTAQ" -q "qmail:$qmail" cat --body 46
is "$status $(cat "$out")" '1 ' 'where the header does not end within its limit no body is printed'
like "$(cat "$err")" 'where its body begins' 'and it is said why'

# --- characters across the pieces that are read

if command -v python3 >/dev/null 2>&1; then
	for shift in 0 1 2 3; do
		{ printf '\n%.*s' $shift 'aaa'; yes "$(printf '\360\237\222\260')" | head -n 40000 | tr -d '\n'; } >"$qmail/mess/0/46"
		run python3 "$top_srcdir/tests/golden/on_tty.py" 80 "$MTAQ" -q "qmail:$qmail" cat --body 46
		is "$(tail -c +$((shift + 1)) "$out" | sed "s/$(printf '\360\237\222\260')//g")" '' \
		    "no character is cut on a terminal, after $shift"
	done
else
	skip 'no python3 to make a terminal' 'no character is cut on a terminal'
fi

# --- very many ids

mkdir "$tmp/many"
(cd "$tmp/many" && seq -f "qf60F%012.0f" 700 | xargs touch)
"$MTAQ" -q "sendmail:$tmp/many" list -i 2>"$err" >"$tmp/ids"
is "$(wc -l <"$tmp/ids" | tr -d ' ')" 700 'many messages'
cat "$tmp/ids" "$tmp/ids" "$tmp/ids" >"$tmp/thrice"
status=0
"$MTAQ" -q "sendmail:$tmp/many" list -i - <"$tmp/thrice" >"$out" 2>"$err" || status=$?
is "$(sort "$out" | cksum)" "$(sort "$tmp/ids" | cksum)" 'as many again from standard input, each once'

done_testing
