#!/bin/sh
# list, show, cat and count as a user runs them: sorting, tables on terminals, whole messages, both MTAs in one run, each
# MTA's listing of the other's queue, and damage.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99
TZ=UTC LC_ALL=C.UTF-8
export TZ LC_ALL
unset MTAQ_QUEUES NO_COLOR COLUMNS

here=$top_srcdir/tests/golden
flat=$(fixture_queue sendmail flat)
basic=$(fixture_queue qmail basic)

# lists NAME WANTED ARGUMENT...: the template's lines, joined by blanks; status 0.
lists() {
	lists_name=$1 wanted=$2
	shift 2
	run "$MTAQ" --clock "$(fixture_clock sendmail)" list "$@"
	is "$status $(tr '\n' ' ' <"$out")" "0 $wanted" "$lists_name"
}

# sorted FIELD SORT-OPTIONS: --sort FIELD gives the order of sort(1) on the values, and the reverse.
# shellcheck disable=SC2086 # options of sort(1), or none
sorted() {
	run "$MTAQ" -q "$flat" list --format "{$1}" --sort "$1"
	cp "$out" "$tmp/got"
	"$MTAQ" -q "$flat" list --format "{$1}" | grep -vx -e - | LC_ALL=C sort -s $2 >"$tmp/wanted"
	"$MTAQ" -q "$flat" list --format "{$1}" | grep -x -e - >>"$tmp/wanted"
	same "$tmp/got" "$tmp/wanted" "--sort $1"
	run "$MTAQ" -q "$flat" list --format "{$1}" --sort "-$1"
	grep -vx -e - "$out" | tac >"$tmp/got"
	grep -vx -e - "$tmp/wanted" >"$tmp/known"
	same "$tmp/got" "$tmp/known" "--sort -$1"
}

# --- sorting and limits

sorted size -n
sorted priority -n
sorted attempts -n
sorted arrival
sorted last_attempt
sorted id
sorted sender.domain -f
lists 'the two largest' '60DA00iN016370 60BC0589016504 ' -q "$flat" --format '{id}' --sort -size --limit 2
lists 'several keys' '0 60FBe03A016389 1 ' -q "$flat" --format '{size} {id} {attempts}' --sort size,-attempts,id --limit 1 \
    -e 'size == 0'
lists 'keys of several options' '55 61 ' -q "$flat" --format '{attempts}' --sort attempts -e 'attempts > 50' --sort id
lists 'reverse' '61 55 ' -q "$flat" --format '{attempts}' --sort attempts --reverse -e 'attempts > 50'
lists 'what lacks the value comes last' '2026-01-15T11:45:20Z 2026-01-15T11:45:00Z - - ' -q "$flat" --format '{last_attempt}' \
    -e 'last_attempt > 2026-01-15T11:30 or not has(last_attempt)' --sort -last_attempt
for n in 1 7 25 26 1000; do
	"$MTAQ" -q "$flat" list -i --sort -arrival,id | head -n $n >"$tmp/wanted"
	"$MTAQ" -q "$flat" list -i --sort -arrival,id --limit $n >"$tmp/got"
	same "$tmp/got" "$tmp/wanted" "the first $n after sorting"
done
"$MTAQ" -q "$flat" list -i >"$tmp/wanted"
"$MTAQ" -q "$flat" list -i --reverse | tac >"$tmp/got"
same "$tmp/got" "$tmp/wanted" 'reverse alone'
for jobs in 1 2 64; do
	"$MTAQ" --jobs $jobs -q "$flat" -q "$basic" list -i --sort size,-arrival >"$tmp/sorted.$jobs"
done
same "$tmp/sorted.1" "$tmp/sorted.2" 'sorted alike by two threads'
same "$tmp/sorted.1" "$tmp/sorted.64" 'and by many'
run "$MTAQ" -q "$flat" list --sort nosuch
is "$status $(cat "$out")" '64 ' 'no such key'
like "$(cat "$err")" '^ *\^' 'with a caret'
run "$MTAQ" -q "$flat" list --format mailq --sort id
is "$status $(cat "$out")" '64 ' 'mailq has its own order'
run "$MTAQ" -q "$flat" list --format mailq --limit 3
is "$status $(grep -c '^60' "$out") $(grep -o '([0-9]* request[^)]*)' "$out") $(tail -n 1 "$out" | tr -d '\t')" \
    '0 3 (3 requests) Total requests: 3' 'mailq counts what it prints'

# --- both MTAs in one run

one_list() {
	"$MTAQ" --clock "$(fixture_clock sendmail)" "$@"
}
one_list -q "$flat" list --format json >"$tmp/first"
one_list -q "$basic" list --format json >"$tmp/second"
one_list -q "$flat" -q "$basic" list --format json >"$tmp/got"
cat "$tmp/first" "$tmp/second" >"$tmp/wanted"
same "$tmp/got" "$tmp/wanted" 'queue by queue'
MTAQ_QUEUES="$flat $basic" one_list list --format json >"$tmp/got"
same "$tmp/got" "$tmp/wanted" 'the same from MTAQ_QUEUES'
one_list -q "$flat" -q "$basic" -q "$flat" list --format json >"$tmp/got"
same "$tmp/got" "$tmp/wanted" 'a queue named twice is read once'
one_list -q "$flat" -q "$basic" list --format '{mta}' --sort size | uniq -c | wc -l >"$tmp/turns"
ok 'sorted over all queues' test "$(cat "$tmp/turns")" -gt 2
run one_list -q "$flat" -q "$basic" list --format '{id}' 60F800S2016995 1148212 nosuch
is "$status $(tr '\n' ' ' <"$out")" '1 60F800S2016995 1148212 ' 'an id is looked for in all queues'
run one_list -q "$flat" -q "$basic" list -e 'priority > 0'
is "$status $(cat "$out")" '64 ' 'a field that one of them cannot have'
lists 'is fine behind a condition' '750161 ' -q "$basic" -q "$(fixture_queue sendmail client)" --format '{priority}' \
    -e 'mta == sendmail and priority > 500000'
run one_list -q "$flat" -q "$basic" count
is "$(awk 'NR > 1 { print $1, $2 }' "$out" | tr '\n' ' ')" '25 36 22 63 47 99 ' 'count: each, and the total'
run one_list -q "$flat" -q "$basic" count --json
is "$(wc -l <"$out") $(grep -c '"messages":22,"recipients":63' "$out")" '2 1' 'count --json: an object a queue'
run one_list -q "$flat" -q "$basic" list --format mailq
is "$(grep -c '^[^ ].* (\|^	.*([0-9]* requests)$' "$out") $(tail -n 1 "$out" | tr -d '\t')" '2 Total requests: 47' 'mailq: both, and one total'

# --- each MTA's listing of the other's queue

split1=$(fixture_queue qmail split1)
client=$(fixture_queue sendmail client)
for v in '' -v; do
	# shellcheck disable=SC2086
	one_list -q "$split1" list --format mailq $v | sed 's|^\t\t/.*/queue |\t\t/var/qmail/queue |' >"$tmp/got"
	same "$tmp/got" "$here/qmail-split1.mailq$v" "a queue of qmail as mailq $v"
done
one_list -q "$client" list --format qread --sort id >"$tmp/got"
same "$tmp/got" "$here/sendmail-client.qread" 'a queue of sendmail as qmail-qread'

# --- whole messages

# shellcheck disable=SC2317 # run by none
all_alike() {
	while read -r id; do
		"$MTAQ" -q "$queue" cat "$id" >"$tmp/message" || echo "cat $id: $?"
		cmp "$tmp/message" "$2/$id"
	done <"$1"
}
dir=${basic#qmail:}
mkdir "$tmp/mess"
find "$dir/mess" -type f -exec cp {} "$tmp/mess" \;
ls "$tmp/mess" >"$tmp/ids"
queue=$basic
none 'cat: the bytes of every mess file' all_alike "$tmp/ids" "$tmp/mess"
if command -v python3 >/dev/null; then
	for case in flat quarantined; do
		queue=$(fixture_queue sendmail $case)
		dir=${queue%%,*}
		rm -rf "$tmp/messages"
		mkdir "$tmp/messages"
		python3 "$here/messages.py" "${dir#*:}" "$tmp/messages"
		"$MTAQ" -q "$queue" list -i >"$tmp/ids"
		ok "cat: $case has messages" test "$(wc -l <"$tmp/ids")" -ge 8
		while read -r id; do
			"$MTAQ" -q "$queue" cat "$id" | sed '1,/^$/{/^Return-Path:/d;}' >"$tmp/messages/.ours"
			cmp "$tmp/messages/.ours" "$tmp/messages/$id"
		done <"$tmp/ids" >"$tmp/differ" 2>&1
		none "cat: every message of sendmail, header decoded: $case" cat "$tmp/differ"
	done
else
	skip 'no python3' 'cat: every message of sendmail'
fi
id=60F700mW016283
run "$MTAQ" -q "$flat" cat --headers $id
cp "$out" "$tmp/whole"
run "$MTAQ" -q "$flat" cat --body $id
{ echo; cat "$out"; } >>"$tmp/whole"
run "$MTAQ" -q "$flat" cat $id
same "$out" "$tmp/whole" 'cat is --headers, an empty line and --body'
like "$(cat "$out")" '^Subject: Grüße aus Köln – Übersicht$' 'the header is out of its coding'

# Whatever is recorded can be shown, with its files, and nothing of it reaches a terminal.
esc=$(printf '\033')
for archive in "$top_srcdir"/fixtures/*/*.tar; do
	kind=$(basename "$(dirname "$archive")") case=$(basename "$archive" .tar)
	case $kind/$case in *.logdir | qmail/empty) continue ;; esac
	queue=$(fixture_queue "$kind" "$case")
	"$MTAQ" -q "$queue" list -i >"$tmp/ids" 2>/dev/null
	"$MTAQ" -q "$queue" list -0 2>/dev/null | xargs -0 "$MTAQ" -q "$queue" show >"$out" 2>"$err"
	is "$(grep -c '^files:$' "$out")" "$(grep -c . "$tmp/ids")" "show: $kind $case"
	unlike "$(cat "$out" "$err")" "$esc" "show: $kind $case: nothing unescaped"
done

run "$MTAQ" -q "$(fixture_queue sendmail broken)" show qf
is "$status $(grep -c '^files:$' "$out")" '0 1' 'show: the file that is named by its prefix alone'

# --- tables on terminals

# on_tty WIDTH ARGUMENT...
on_tty() {
	width=$1
	shift
	run_on_tty "$width" "$MTAQ" --clock "$(fixture_clock sendmail)" "$@"
}
# Characters, not bytes; C.UTF-8 is not everywhere what it says.
# shellcheck disable=SC2317 # run by none
wider_than() {
	python3 -c 'import sys
for line in open(sys.argv[2], encoding="utf-8"):
    if len(line.rstrip("\n")) > int(sys.argv[1]): print(line, end="")' "$1" "$out"
}
if have_pty; then
	"$MTAQ" -q "$flat" list -i | sort >"$tmp/ids"
	for width in 50 64 80 100 132 500; do
		on_tty $width --color never -q "$flat" list
		is "$status $(grep -c '' "$out")" '0 26' "table of $width columns"
		none "table of $width columns: no line is wider" wider_than "$width"
		is "$(awk 'NR > 1 { print $1 }' "$out" | sort)" "$(cat "$tmp/ids")" "table of $width columns: ids are whole"
	done
	on_tty 500 --color never -q "$flat" list
	unlike "$(cut -c -120 "$out")" '~' 'in 500 columns nothing is cut'
	on_tty 40 --color never -q "$flat" list
	cp "$out" "$tmp/narrow"
	on_tty 20 --color never -q "$flat" list
	same "$out" "$tmp/narrow" 'below a minimum a terminal may be as narrow as it likes'
	COLUMNS=64 on_tty 100 --color never -q "$flat" list
	cp "$out" "$tmp/columns"
	on_tty 64 --color never -q "$flat" list
	same "$out" "$tmp/columns" 'COLUMNS has the last word'
	for format in table mailq qread json ids '{subject} {sender} {recipient} {header["from"]} {body}'; do
		for queue in "$flat" "$basic" "$(fixture_queue sendmail broken)" "$(fixture_queue qmail broken)"; do
			on_tty 80 --color never -q "$queue" list --format "$format"
			is "$(controls "$out")" 0 "no control character on a terminal: $format"
		done
	done
	hostile=$(mktemp -d "$tmp/hostile.XXXXXX")
	cp -a "${flat#sendmail:}" "$hostile/mqueue" 2>/dev/null || cp -a "$(fixture sendmail flat)/mqueue" "$hostile/"
	printf 'plain \033[31mred\033[0m\r\n\a\n' >"$hostile/mqueue/df60F90094016259"
	on_tty 80 -q "sendmail:$hostile/mqueue" cat 60F90094016259
	like "$(cat "$out")" 'plain .*x1b\[31mred' 'cat: what is in the body'
	is "$(controls "$out")" 0 'cat: no control character on a terminal'
	on_tty 80 -q "sendmail:$hostile/mqueue" cat --raw 60F90094016259
	is "$(controls "$out")" 4 'cat --raw: all of it'
else
	skip 'no pseudo-terminals' 'tables on terminals'
fi

# --- damage

# A queue with odd entries is a queue: some of its messages are in error.
for queue in "$(fixture_queue qmail broken)" "$(fixture_queue qmail broken-dir)" "$(fixture_queue sendmail broken)"; do
	for command in list count 'list --format json' 'list --format qread' 'list --format mailq'; do
		# shellcheck disable=SC2086
		run "$MTAQ" -q "$queue" $command
		is "$status" 1 "damage: status of $command"
		is "$(sort "$err" | uniq -d)" '' "damage: $command tells nothing twice"
	done
done
run "$MTAQ" -q "$(fixture_queue qmail broken)" -q "$basic" -q /nonexistent count -1
is "$status" 66 'a missing queue is worse'
dir=$(fixture qmail split1)
rm -rf "$dir/queue/mess/0"
run "$MTAQ" -q "qmail:$dir/queue" list
is "$status $(grep -c '^11' "$out")" '1 6' 'a queue without its only mess directory: the envelopes are there'
dir=$(fixture qmail basic)
rmdir "$dir/queue/local/22"
run "$MTAQ" -q "qmail:$dir/queue" count -1
is "$status $(cat "$out")" '1 22' 'a missing split directory'
like "$(cat "$err")" 'local/22 is missing' 'and which'
dir=$(fixture sendmail groups)
rm -rf "$dir/mqueue/slow"
run "$MTAQ" -q "sendmail:$dir/mqueue,cf=$dir/mail/sendmail.cf" list --format '{id}'
is "$status" 1 'a missing queue group'
like "$(cat "$err")" 'slow' 'and which'
dir=$(fixture qmail basic)
rm "$(find "$dir/queue/mess" -name 1148212)"
run "$MTAQ" -q "qmail:$dir/queue" cat 1148212
is "$status $(cat "$out")" '1 ' 'cat without the mess file'
like "$(cat "$err")" '1148212' 'and it is named'
run "$MTAQ" -q "$(fixture_queue sendmail broken)" cat 60F900qH031756
is "$status" 1 'cat without the data file'
like "$(cat "$err")" '60F900qH031756' 'and it is named'
done_testing
