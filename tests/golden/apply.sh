#!/bin/sh
# mtaq apply, sentence by sentence of mtaq-rules(5), on recorded queues of both MTAs.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99
: "${tmp:?}"
MTAQ_TEST=1 TZ=UTC LC_ALL=C.UTF-8
export MTAQ_TEST TZ LC_ALL
unset MTAQ_QUEUES

sm_dir=$(fixture sendmail flat)
sm=sendmail:$sm_dir/mqueue,cf=$sm_dir/mail/sendmail.cf
qm_dir=$(fixture qmail basic)
qm=qmail:$qm_dir/queue
rules=$tmp/rules

# apply QUEUE ARGUMENT...: with $rules, when the queue was recorded.
apply() {
	apply_queue=$1
	shift
	case $apply_queue in
	qmail:*) apply_clock=@1795167000 ;;
	*) apply_clock=@1768478400 ;;
	esac
	run "$MTAQ" -q "$apply_queue" --clock "$apply_clock" --journal "$tmp/journal" --trash "$tmp/trash" \
	    apply --no-syslog "$@" "$rules"
}

# count QUEUE ARGUMENT...: messages of it.
count() {
	count_queue=$1
	shift
	"$MTAQ" -q "$count_queue" --clock "$(fixture_clock "${count_queue%%:*}")" count -1 "$@"
}

# fresh: the queues as they were recorded, no journal, no trash.
fresh() {
	rm -rf "${tmp:?}/journal" "$tmp/trash" "${sm_dir:?}/mqueue" "${qm_dir:?}/queue"
	tar --warning=no-timestamp -C "$sm_dir" -xpf "$top_srcdir/fixtures/sendmail/flat.tar"
	tar --warning=no-timestamp -C "$qm_dir" -xpf "$top_srcdir/fixtures/qmail/basic.tar"
}

# list_files DIR: all that would tell a change of it.
list_files() {
	find "$1" -printf '%P %i %s %T@ %C@\n' | sort
}

# listed QUEUE: its messages with what actions change; what comes back to qmail may have a new number.
listed() {
	"$MTAQ" -q "$1" --clock "$(fixture_clock "${1%%:*}")" list --format '{arrival} {state} {sender} {recipient.all}' |
	    sort
}

runs() {
	"$MTAQ" --journal "$tmp/journal" journal
}

# --- the first that matches takes the message; keep ----------------------------------------------------------------

for q in "$sm" "$qm"; do
	kind=${q%%:*}
	fresh
	all=$(count "$q")
	bounces=$(count "$q" -e bounce)
	old=$(count "$q" -e 'not bounce and age > 2d')
	# qmail: not expired yet, or told to be "already so"
	cat >"$rules" <<-END
		rule mine
		    when bounce
		    do keep
		rule old   # and not a bounce
		    when bounce
		      or age > 2d   # two days
		    do requeue
	END
	apply "$q"
	is "$status" 0 "$kind: exit status"
	is "$(grep -c ': requeued' "$out")" "$old" "$kind: what the first rule keeps the second does not get"
	is "$(sed -n 's/^mtaq: rule //p' "$err")" "mine: $bounces messages matched: kept
old: $old message$([ "$old" = 1 ] || echo s) matched: $old requeued" "$kind: counts of each rule"
	is "$(count "$q" -e 'age > 2d and not bounce')" 0 "$kind: they are requeued"
	like "$(runs)" "requeue by rule old: $old done" "$kind: the journal has the rule"
	is "$(runs | wc -l)" 1 "$kind: a rule that did nothing has no journal"
	"$MTAQ" -q "$q" --journal "$tmp/journal" undo --no-syslog "$(runs | cut -d' ' -f1)" >"$out" 2>"$err"
	is "$? $(grep -c undone "$out")" "0 $old" "$kind: undo takes it back"
	is "$(count "$q" -e 'age > 2d and not bounce')" "$old" "$kind: as it was"
	is "$(count "$q")" "$all" "$kind: no message is lost"
done

# two rules that act: a run each, both can be taken back
fresh
cat >"$rules" <<END
rule one
  when bounce
  do delete
rule two
  when ALL
  do expire even-silent
  limit 3
END
for q in "$sm" "$qm"; do
	kind=${q%%:*}
	bounces=$(count "$q" -e 'bounce and state == queued')
	listed "$q" >"$tmp/listed"
	apply "$q" -n
	is "$status $(grep -c ': deleted' "$out") $(grep -c ': expired' "$out")" "0 $bounces 3" "$kind: a dry run prints the lines"
	cp "$out" "$tmp/dry"
	ok "$kind: and makes no journal" test ! -e "$tmp/journal"
	apply "$q"
	same "$out" "$tmp/dry" "$kind: as the dry run told"
	is "$(runs | grep -c 'by rule one\|by rule two')" 2 "$kind: each rule has a journal"
	is "$(runs | cut -d' ' -f1 | sort -u | wc -l)" 2 "$kind: and a run id of its own"
	like "$(runs)" "delete by rule one: $bounces done" "$kind: rule one"
	for id in $(runs | cut -d' ' -f1); do
		"$MTAQ" -q "$q" --journal "$tmp/journal" --trash "$tmp/trash" undo --no-syslog "$id" >"$out" 2>"$err" || diag "$(cat "$err")"
	done
	listed "$q" >"$tmp/now"
	same "$tmp/now" "$tmp/listed" "$kind: undone, both of them"
	rm -rf "${tmp:?}/journal" "$tmp/trash"
done
fresh

# --- on MTA, on QUEUE --------------------------------------------------------------------------------------------------

# both QUEUES: clock between them does not matter for these
both() {
	run "$MTAQ" -q "$sm" -q "$qm" --clock @1795167000 --journal "$tmp/journal" --trash "$tmp/trash" \
	    apply --no-syslog "$@" "$rules"
}
cat >"$rules" <<END
rule theirs on qmail
  when bounce
  do keep
rule ours on sendmail
  when attempts >= 0 and bounce
  do keep
END
both
is "$status $(sed 's/messages.*//' "$err" | tr '\n' ' ')" "0 mtaq: rule theirs: $(count "$qm" -e bounce)  mtaq: rule ours: $(count "$sm" -e bounce)  " \
    'a rule is for its MTA only'
printf '%s\n' "rule q on $qm_dir/queue/" ' when ALL' ' do keep' "rule s on 'sendmail:$sm_dir/mqueue'" ' when ALL' \
    ' do keep' 'rule n on /nonexistent' ' when ALL' ' do delete purge' >"$rules"
both
is "$(sed -n 's/.*rule \([qsn]: [0-9]*\) .*/\1/p' "$err" | tr '\n' ' ')" "q: $(count "$qm") s: $(count "$sm") n: 0 " \
    'a rule is for its queue only, by directory or by name'
like "$(cat "$err")" 'rules:7: rule n: none of the queues is /nonexistent$' 'a queue that is not there is noted'
printf '%s\n' 'rule other on qmail' ' when ALL' ' do delete purge' >"$rules"
list_files "$sm_dir/mqueue" >"$tmp/before"
apply "$sm"
is "$status $(list_files "$sm_dir/mqueue" | cmp - "$tmp/before" 2>&1)" '0 ' 'a queue that no rule is for is left alone'

# --- what an MTA has not: before anything is read, all of it -----------------------------------------------------------

cat >"$rules" <<END
rule first
  when bounce
  do delete purge
rule priority
  when priority > 5
  do keep
rule hold
  when bounce
  do hold
END
both
is "$status $(cat "$out")" '64 ' 'fields and actions that an MTA has not are refused'
is "$(sed -n 's/^mtaq: .*rules:\([0-9]*\): rule \([a-z]*\): .*/\1 \2/p' "$err" | tr '\n' ' ')" '4 priority 7 hold ' \
    'each with file, line and rule'
sed -i 's/^rule priority/& on sendmail/; s/^rule hold/& on sendmail/' "$rules"
both -n
is "$status" 0 'on sendmail they are none'
printf '%s\n' 'rule a' ' when mta == sendmail and priority > 5' ' do hold' >"$rules"
both -n
is "$status" 0 'an expression may tell the MTAs apart itself'

# --- limit, max, until --------------------------------------------------------------------------------------------------

fresh
cat >"$rules" <<END
rule some
  when ALL
  do delete
  limit 2
rule rest
  when ALL
  do delete
END
for q in "$sm" "$qm"; do
	apply "$q" -n
	is "$status $(grep -c ': deleted' "$out")" '0 2' "${q%%:*}: limit"
	like "$(cat "$err")" '^mtaq: rule rest: .* 0 messages matched$' "${q%%:*}: later rules do not see those beyond it"
done

fresh
n=$(count "$sm" -e 'age > 1d')
cat >"$rules" <<END
rule many
  when age > 1d
  do delete
  max $((n - 1))
rule rest
  when ALL
  do requeue
END
list_files "$sm_dir/mqueue" >"$tmp/before"
apply "$sm" --quiet
is "$status" 75 'max is passed: status 75, with --quiet, too'
is "$(cat "$err")" "mtaq: rule many: $n messages are more than max $((n - 1)) allows: nothing was touched" 'and told'
is "$(grep -c requeued "$out")" "$(count "$sm" -e 'age <= 1d and state == queued')" 'the other rules act, on their own messages'
is "$(count "$sm" -e 'age > 1d')" "$n" 'its messages are kept from later rules'
fresh
sed -i "s/max .*/max $n/" "$rules"
apply "$sm" -n
is "$status" 0 'max is not passed'
sed -i "s/max .*/max 20%/" "$rules"
apply "$sm" -n
is "$status $n" '0 8' '20% of 25 are 5, but ten are never too many'
sed -i "s/when age .*/when ALL/; s/max .*/max 99%/" "$rules"
apply "$sm" -n
is "$status" 75 '99% of 25 are 24'
sed -i "s/max .*/max 100%/" "$rules"
apply "$sm" -n
is "$status" 0 '100% of 25 are all'
sed -i "s/max .*/max 1\n limit 1/" "$rules"
apply "$sm" -n
is "$status" 0 'limit counts first'

# the clock is 2026-01-15T12:00Z
for until in 2026-01-16 2026-01-15T12:00:01Z 2026-01-15T12:00Z 2026-01-15; do
	printf '%s\n' 'rule a' ' when ALL' ' do delete' " until $until" >"$rules"
	apply "$sm" -n
	echo "$status $(grep -c . "$out")"
done >"$tmp/until"
is "$(tr '\n' ' ' <"$tmp/until")" '0 25 0 25 0 0 0 0 ' 'until: from then on the rule does not exist'
printf '%s\n' 'rule a' ' when bounce' ' do delete purge' ' until 2026-01-15' 'rule b' ' when bounce' ' do keep' >"$rules"
apply "$sm"
is "$status $(cat "$err")" "0 mtaq: rule b: $(count "$sm" -e bounce) messages matched: kept" 'a later rule takes its messages'
printf '%s\n' 'rule a' ' when priority > 5' ' do hold' ' until 2020-01-01' >"$rules"
apply "$qm"
is "$status" 0 'what does not exist is not tried on an MTA'
printf '%s\n' 'rule a' ' when bounec' ' do hold' ' until 2020-01-01' >"$rules"
apply "$qm"
is "$status" 64 'but read for mistakes'

# --- states --------------------------------------------------------------------------------------------------------------

held_dir=$(fixture sendmail quarantined)
held=sendmail:$held_dir/mqueue,cf=$held_dir/mail/sendmail.cf
h=$(count "$held" -e 'state == held')
cat >"$rules" <<END
rule a
  when ALL
  do expire even-silent
rule b
  when state == held
  do delete
END
apply "$held" -n
is "$status" 0 'a state that the action does not apply to is no failure'
like "$(cat "$err")" "^mtaq: rule a: .* [1-9][0-9]* not applicable" 'and counted'
like "$(cat "$err")" '^mtaq: rule b: .* 0 messages matched$' 'later rules do not see it'
printf '%s\n' 'rule b' ' when age > 0s' ' do delete' >"$rules"
apply "$held" -n
left=$(grep -c ': deleted' "$out")
printf '%s\n' 'rule b' ' when age > 0s and state in (queued, held, lost, nodata)' ' do delete' >"$rules"
apply "$held" -n
is "$(grep -c ': deleted' "$out") $h" "$((left + h + $(count "$held" -e 'state == lost'))) $h" 'held and lost ones only where the expression names state'

# --- an error ends the chain ------------------------------------------------------------------------------------------

bad_dir=$(fixture sendmail flat)
bad=sendmail:$bad_dir/mqueue,cf=$bad_dir/mail/sendmail.cf
victim=$(cd "$bad_dir/mqueue" && for f in qf*; do echo "${f#qf}"; done | head -n 1)
rm "${bad_dir:?}/mqueue/df$victim" && mkdir "$bad_dir/mqueue/df$victim"
cat >"$rules" <<END
rule asks
  when body =~ /never there/
  do delete
rule all
  when ALL
  do keep
END
apply "$bad"
is "$status" 1 'a message that cannot be read is an error'
like "$(cat "$err")" '^mtaq: rule all: 24 messages matched: kept' 'and not for later rules'
like "$(cat "$err")" '^mtaq: 1 message could not be read' 'but counted'
sed -i '2s/.*/  when sender == "nobody@nowhere.example"/' "$rules"
apply "$bad"
is "$status" 0 'no error where nothing is asked of what is broken'

# --- two at once --------------------------------------------------------------------------------------------------------

fresh
printf '%s\n' 'rule a' ' when ALL' ' do delete' >"$rules"
mkdir -m 700 "$tmp/journal"
run flock "$tmp/journal/apply.lock" "$MTAQ" -q "$sm" --journal "$tmp/journal" --trash "$tmp/trash" apply --no-syslog "$rules"
is "$status $(cat "$out")" '75 ' 'another apply is at work: 75'
like "$(cat "$err")" 'another apply is at work: nothing was touched' 'and told'
is "$(count "$sm")" 25 'nothing was touched'
run flock "$tmp/journal/apply.lock" "$MTAQ" -q "$sm" --journal "$tmp/journal" --trash "$tmp/trash" apply -n "$rules"
is "$status" 0 'a dry run needs no lock'
printf '%s\n' 'rule a' ' when ALL' ' do keep' >"$rules"
apply "$sm"
is "$status" 0 'the file that is left locks nobody out'
: >"$tmp/file"
run "$MTAQ" -q "$sm" --journal "$tmp/file/journal" apply --no-syslog "$rules"
is "$status" 73 'no place for the journal: 73'

# --- refused for good before the first rule acts -------------------------------------------------------------------------

fresh
cat >"$rules" <<END
rule harmless
  when bounce
  do requeue
rule nowhere
  when not bounce
  do bounce reason "go away"
END
list_files "$sm_dir/mqueue" >"$tmp/before"
apply "$sm"
is "$(test "$status" -ge 64 && echo refused) $(list_files "$sm_dir/mqueue" | cmp - "$tmp/before" 2>&1)" 'refused ' \
    'what the MTA refuses for good: no rule acts'
like "$(cat "$err")" 'rules:4: rule nowhere: ' 'and it is told which'

sed -i "s,do bounce.*,do move to $tmp/file/nowhere," "$rules"
apply "$sm"
is "$(test "$status" -ge 64 && echo refused) $(grep -c requeued "$out")" 'refused 5' 'a target that is not there is trouble of its own rule'
like "$(cat "$err")" "$tmp/file/nowhere" 'and named'

# --- actions ----------------------------------------------------------------------------------------------------------------

mkdir -p "$tmp/other"
for action in 'expire try even-silent' 'expire --even-silent' bounce 'requeue' 'hold reason "no mail; today"' \
    'delete --purge' "move to $tmp/other" "save to $tmp/saved" 'drop nobody@nowhere.example'; do
	fresh
	printf '%s\n' 'rule x on sendmail' ' when bounce' " do $action # so" >"$rules"
	apply "$sm" -n
	is "$status" 0 "sendmail: do $action"
done
fresh
printf '%s\n' 'rule x' ' when bounce' ' do hold reason "no mail; today"' >"$rules"
apply "$sm"
is "$(count "$sm" -e 'state == held and reason == "no mail; today"')" "$(grep -c ': held' "$out")" 'a reason in quotes'
like "$(runs)" 'hold by rule x: [1-9]' 'held'

# --- mistakes: file, line, column, a caret, all in one run ---------------------------------------------------------------

cat >"$rules" <<'END'
rule a
	when age > 2 and
	  bounce
	do expire to /tmp
  frob
rule a
  do move
END
cat >"$tmp/wanted" <<END
mtaq: rules:2:13: 2 of what? A duration needs a unit: 2s, 2m, 2h, 2d or 2w
when age > 2 and
           ^
mtaq: rules:4:12: expire has no option of this name
do expire to /tmp
          ^
mtaq: rules:5:3: a line begins with rule, when, do, limit, max, until or # here
frob
^
mtaq: rules:6:6: the rule a is there already: rules:1
rule a
     ^
mtaq: rules:7:6: move where? Write to DIRECTORY
do move
   ^
END
cd "$tmp" || exit 99
run "$MTAQ" apply --check rules
is "$status $(cat "$out")" '64 ' '--check: mistakes'
same "$err" "$tmp/wanted" 'each with its place'
run "$MTAQ" -q /nonexistent apply rules
is "$status" 64 'they come before the queues'
printf '%s\n' 'rule b' ' when bounce' ' do keep' >"$tmp/good"
run "$MTAQ" apply --check good rules /nonexistent/rules "$tmp"
is "$status $(grep -c '^mtaq: ' "$err")" '64 7' 'of all files'
run "$MTAQ" apply --check good
is "$status $(cat "$err")" '0 mtaq: 1 rule, 0 of them past its time' '--check: none'
run "$MTAQ" -q /nonexistent apply --check --quiet good
is "$status $(cat "$err")" '0 ' 'no queue is looked at'
run "$MTAQ" apply
is "$status" 64 'no file'
printf '%s\n' 'rule b' ' when ALL' ' do keep' >"$tmp/again"
run "$MTAQ" apply --check good again
is "$status" 64 'a name is there once in all files'
like "$(cat "$err")" '^mtaq: again:1:6: the rule b is there already: good:1$' 'and both are named'
printf '# nothing\n\n' >"$tmp/empty"
run "$MTAQ" -q "$sm" --journal "$tmp/journal" apply empty
is "$status $(cat "$err")" '0 ' 'a file without rules'
run "$MTAQ" -q "$sm" --clock @1768478400 apply -n good again
is "$status" 64 'and without --check'
printf '%s\n' 'rule c' ' when ALL' ' do keep' >"$tmp/more"
run "$MTAQ" -q "$sm" --clock @1768478400 apply -n good more
is "$status $(grep -c . "$err")" '0 2' 'several files are one after the other'

# --- journal and log have the rule's name -----------------------------------------------------------------------------

if command -v strace >/dev/null 2>&1 && strace -o "$tmp/trace" true 2>/dev/null && [ -S /dev/log ]; then
	fresh
	printf '%s\n' 'rule named' ' when bounce' ' do requeue' >"$rules"
	run strace -f -s 400 -e trace=sendto,sendmsg,write -o "$tmp/trace" "$MTAQ" -q "$sm" --clock @1768478400 \
	    --journal "$tmp/journal" --trash "$tmp/trash" apply "$rules"
	like "$(grep 'requeued by' "$tmp/trace")" 'rule=named' 'the line in the system log has the rule'
else
	skip 'no strace, or no system log' 'the line in the system log has the rule'
fi
done_testing
