#!/bin/sh
# mtaq check on queues of sendmail: what it finds in the recorded queues and in damage made for it, what it passes over,
# what --repair does, that nothing else changes by a byte, and that it can be taken back.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99
TZ=UTC LC_ALL=C.UTF-8 MTAQ_TEST=1
export TZ LC_ALL MTAQ_TEST
unset MTAQ_QUEUES NO_COLOR COLUMNS
[ "$(id -u)" -eq 0 ] || skip_all 'only root can keep the owners of queue files'

# Later than anything that was recorded, and than the change times that unpacking gives.
late=$(($(date +%s) + 30 * 86400))

# new CASE: a fresh queue in $dir, its directory in $q.
new() {
	dir=$(fixture sendmail "$1") || exit 99
	q=$dir/mqueue
	queue=sendmail:$q,cf=$dir/mail/sendmail.cf
	clock=@$late
}

act() {
	run "$MTAQ" -q "$queue" --clock "$clock" --journal "$dir/journal" --trash "$dir/trash" "$@"
}

# Names, types, modes, owners, sizes, times and bytes of all files.
snapshot() {
	(cd "$q" && find . -mindepth 1 \( -type d -printf '%p %m %u:%g\n' -o -printf '%p %y %m %u:%g %s %T@ %l\n' \) | sort &&
	    find . -type f -print0 | sort -z | xargs -0 cksum)
}

last_run() {
	newest_run "$dir/journal"
}

# What was found: severity, code and the path below the queue.
found() {
	sed -n "s,^\([a-z]*\)  *\([A-Za-z-]*\)  *$q/\([^:]*\): .*,\1 \2 \3,p" "$out"
}

# finds NAME FINDING...: just these, in this order.
finds() {
	finds_name=$1
	shift
	act check
	printf '%s\n' "$@" | sed '/^$/d' >"$tmp/wanted"
	found >"$tmp/found"
	same "$tmp/found" "$tmp/wanted" "$finds_name"
	is "$status" "$([ -s "$tmp/wanted" ] && echo 1 || echo 0)" "$finds_name: exit status"
}

# mends NAME: --repair -n prints what --repair prints and changes nothing; a second check is clean; undo gives everything
# back, undo of that mends it again.
mends() {
	snapshot >"$tmp/before"
	act check --repair -n
	cp "$out" "$tmp/dry"
	snapshot >"$tmp/after"
	same "$tmp/after" "$tmp/before" "$1: a dry run changes nothing"
	ok "$1: and makes no journal" test ! -d "$dir/journal"
	act check --repair --no-syslog
	is "$status" 0 "$1: repaired"
	same "$out" "$tmp/dry" "$1: the dry run printed the same"
	snapshot >"$tmp/mended"
	act check
	is "$status $(wc -c <"$out")" '0 0' "$1: a second check is clean"
	# each of these runs has a process id of its own
	act undo --no-syslog "$(last_run)"
	is "$status" 0 "$1: undo"
	snapshot >"$tmp/after"
	same "$tmp/after" "$tmp/before" "$1: undo gives everything back"
	act undo --no-syslog "$(last_run)"
	snapshot >"$tmp/after"
	same "$tmp/after" "$tmp/mended" "$1: undo of undo mends it again"
	none "$1: nothing is left behind" find "$q" -name '.mtaq*'
	rm -r "$dir/journal"
}

# --- recorded queues --------------------------------------------------------------------------------------------------

for case in flat split groups client; do
	new $case
	[ $case = client ] || sed -i 's/0600/0640/' "$dir/mail/sendmail.cf"
	finds "$case is well" ''
	like "$(cat "$err")" '^mtaq: [1-9][0-9]* looked at, 0 findings$' "$case: counts"
done

new client
queue=sendmail:$q
finds 'client, its configuration not known' ''

new oldformats
finds oldformats 'error truncated qfAAA06703' 'error damaged qff1CBiKg12346'

new quarantined
finds quarantined 'error lost Qf60CL00IO017519' 'error lost-damaged Qf60D600hL017514'
like "$(grep lost-damaged "$out")" 'Qf60D600hL017514: line 8 begins with a code' 'the line that sendmail objected to'
act check --repair --no-syslog
is "$status $(cat "$out")" "1 $q/Qf60CL00IO017519: repaired (lost): back into the queue
$q/Qf60D600hL017514: left (lost-damaged): mend the line by hand, then check --repair puts it back" 'one is put back, one left'
ok 'it is back in the queue' test -f "$q/qf60CL00IO017519"
sed -i 8d "$q/Qf60D600hL017514"
rm -r "$dir/journal"
mends 'the other, its line mended by hand'
ok 'it is back, too' test -f "$q/qf60D600hL017514"

new broken
cat >"$tmp/wanted" <<'EOS'
urgent no-data-file qf
urgent no-data-file qf60F900P9031809
urgent no-data-file qf60F900qH031756
urgent two-control-files qf60F9003Z031889
error bad-mode qf60F900Bx031899
error bad-mode qf60F900ph031904
error damaged qf60F900GT031854
error damaged qf60F900MQ031844
error damaged qf60F900dp031869
error damaged qf60F900px031849
error lost-damaged Qf60F900bi031781
error name-too-long qf60F900AP031934WAYTOOLONG
error stale-tf tf60F900Qi031790
error symbolic-link qf60F9007B031929
error symbolic-link qf60F900r3031924
error truncated qf60F900Ta031839
error truncated qf60F900r3031834
warning dangling-link qf60FAAAdl000001
warning data-file-alone df60F900f7031761
warning empty-control-file qf60F9006B031771
warning empty-control-file qf60F900MP031766
warning foreign-owner qf60F900t5031909
warning held-without-reason hf60F900it031884
warning not-a-file qf60FAAAdi000001
warning not-a-file qf60FAAAff000001
warning old-Tf Tf60F9006q031802
warning reason-not-held qf60F900vC031879
warning stale-xf xf60F900oW031824
note hard-linked qf60F900nC031919
EOS
cp "$tmp/wanted" "$tmp/broken"
snapshot >"$tmp/before"
find "$q" -type f -printf '%p %A@\n' | sort >"$tmp/atimes"
act check
found | sort >"$tmp/found"
sort "$tmp/broken" >"$tmp/sorted"
same "$tmp/found" "$tmp/sorted" 'broken'
found | cut -d ' ' -f 1 | uniq >"$tmp/order"
is "$(tr '\n' ' ' <"$tmp/order")" 'urgent error warning note ' 'the worst first'
is "$(cat "$err")" 'mtaq: 42 looked at, 29 findings: 4 urgent, 13 error, 11 warning, 1 note' 'their counts'
snapshot >"$tmp/after"
same "$tmp/after" "$tmp/before" 'looking changes nothing'
find "$q" -type f -printf '%p %A@\n' | sort >"$tmp/after"
same "$tmp/after" "$tmp/atimes" 'nor any access time'

act check --json
is "$(wc -l <"$out")" 29 'json: a line for each'
cat >"$tmp/members.py" <<'EOS'
import json, sys
for line in sys.stdin:
    o = json.loads(line)
    print(o["severity"], o["code"], o["path"].rsplit("/", 1)[1])
    assert o["queue_name"].startswith("sendmail:") and o["means"]
    assert ("repair" in o) == o["repairable"] != ("instead" in o)
EOS
python3 "$tmp/members.py" <"$out" >"$tmp/found" 2>"$tmp/why"
is "$(cat "$tmp/why")" '' 'json: its members'
sort "$tmp/found" | cmp -s - "$tmp/sorted" && pass 'json: the same findings' || fail 'json: the same findings'

act check --code stale-tf --code old-Tf
is "$(found | tr '\n' ' ')" 'error stale-tf tf60F900Qi031790 warning old-Tf Tf60F9006q031802 ' '--code'
act check 60F900MP031766 "$q/qf60F900Bx031899" tf60F900Qi031790 60F900ui031747
is "$(found | cut -d ' ' -f 2 | tr '\n' ' ')" 'bad-mode stale-tf empty-control-file ' 'an id, a path, a name'
like "$(cat "$err")" '60F900ui031747: nothing found' 'and one that is well'
act check --code nonsense
is "$status $(cat "$err")" "64 mtaq: check: no code 'nonsense'" 'an unknown code'
act check --max 3
is "$status" 64 '--max without --repair'
act check --repair --json
is "$status" 64 '--repair with --json'
act check --repair --max 18
is "$status $(cat "$err")" '75 mtaq: check: 19 repairs are more than --max 18 allows: nothing was touched' '--max'
act check --repair --max 19 -n
is "$status" 1 '--max of as many'
MTAQ_TEST='' run env -u MTAQ_TEST "$MTAQ" -q "$queue" --clock "$clock" check --repair
is "$status" 64 'no --clock outside tests'
run env -u MTAQ_TEST "$MTAQ" -q "$queue" --clock "$clock" check
is "$status" 1 'but for looking'
snapshot >"$tmp/after"
same "$tmp/after" "$tmp/before" 'nothing was touched by all that'
ok 'nor journalled' test ! -d "$dir/journal"

# What is not damaged stays as it is, byte for byte.
act check --repair --no-syslog --code stale-xf --code bad-mode
is "$status $(wc -l <"$out")" '0 3' 'only some kinds'
snapshot | grep -v 'xf60F900oW031824\|qf60F900Bx031899 \|qf60F900ph031904 ' >"$tmp/after"
grep -v 'xf60F900oW031824\|qf60F900Bx031899 \|qf60F900ph031904 ' "$tmp/before" >"$tmp/untouched"
same "$tmp/after" "$tmp/untouched" 'all others stay as they were'
act undo --no-syslog "$(last_run)"
rm -r "$dir/journal"
act check --repair -n
cp "$out" "$tmp/dry"
act check --repair --no-syslog
is "$status" 1 'all kinds: something is left'
same "$out" "$tmp/dry" 'all kinds: -n printed the same'
is "$(grep -c ': repaired (' "$out") $(grep -c ': left (' "$out")" '19 10' 'all kinds: repaired and left'
is "$(cat "$err")" 'mtaq: 29 findings: 19 repaired, 10 not for a program to decide' 'all kinds: counts'
grep 'damaged\|too-long\|symbolic\|truncated' "$tmp/sorted" >"$tmp/left"
act check
found | sort >"$tmp/found"
same "$tmp/found" "$tmp/left" 'a second check finds what was left'
act journal show "$(last_run)"
is "$(grep -c ': repair (.*): done$' "$out")" 19 'the journal tells each'
is "$(find "$dir/trash" -name '*.was' | wc -l)" 15 'what went is in the trash'
act undo --no-syslog "$(last_run)"
is "$status" 0 'all kinds: undo'
snapshot >"$tmp/after"
same "$tmp/after" "$tmp/before" 'all kinds: undo gives everything back'

# --- damage made for it -----------------------------------------------------------------------------------------------

new split
id=$(basename "$(find "$q/q1/qf" -name 'qf?*' | sort | head -n 1)" | cut -c 3-)
mv "$q/q1/df/df$id" "$q/q2/df/"
finds 'a data file in another directory' "urgent data-file-elsewhere q1/qf/qf$id"
mends 'a data file in another directory'

new split
mv "$q/q1/df/df$id" "$q/q1/"
finds 'a data file beside df/' "urgent data-file-elsewhere q1/qf/qf$id"
mends 'a data file beside df/'

new split
cp -p "$q/q1/qf/qf$id" "$q/q3/qf/"
cp -p "$q/q1/df/df$id" "$q/q3/df/"
act check
is "$(found | cut -d ' ' -f 1,2)" 'urgent duplicate-id' 'a copy in another directory'
mends 'a copy in another directory'
printf 'more\n' >>"$q/q3/df/df$id"
cp -p "$q/q3/df/df$id" "$tmp/other"
if [ ! -f "$q/q1/df/df$id" ]; then cp -p "$q/q3/qf/qf$id" "$q/q1/qf/" && printf 'less\n' >"$q/q1/df/df$id"; else
	cp -p "$q/q1/qf/qf$id" "$q/q3/qf/"
fi
act check --repair --no-syslog
like "$(cat "$out")" ': left \(duplicate-id\): they differ' 'two that differ are left'
is "$(cksum <"$q/q3/df/df$id")" "$(cksum <"$tmp/other")" 'both stay'

new split
cp -p "$q/q1/df/df$id" "$q/q3/df/"
finds 'a second data file of a message' "warning data-file-alone q3/df/df$id"
mends 'a second data file of a message'

new split
mv "$q/q1/qf/qf$id" "$q/q1/"
finds 'a control file beside qf/' "error beside-qf-directory q1/qf$id"
mends 'a control file beside qf/'
mkdir "$tmp/keep"
mv "$q/q1/qf/qf$id" "$q/q1/df/df$id" "$q/q1/"
act check
is "$(found)" "error beside-qf-directory q1/qf$id" 'both files beside their directories'
mends 'both files beside their directories'

new flat
mkdir "$q/qf"
act check
is "$(found | cut -d ' ' -f 2 | sort | uniq -c | tr -s ' ')" ' 25 beside-qf-directory' 'a directory qf/ hides all mail'
rmdir "$q/qf"
id=60F800S2016995
sed -i 's,^S,dnowhere\nS,' "$q/qf$id"
finds 'a d line that names nothing' "error unknown-data-directory qf$id"
mends 'a d line that names nothing'
unlike "$(cat "$q/qf$id")" '^d' 'the line is gone'
mv "$q/qf$id" "$q/hf$id"
finds 'held by renaming' "warning held-without-reason hf$id"
mends 'held by renaming'
like "$(cat "$q/hf$id")" '^qheld without a reason$' 'a reason is in it'
cp -p "$q/hf$id" "$q/qf$id"
sed -i '/^q/d' "$q/qf$id"
finds 'a hold cut off as sendmail does it' "urgent two-control-files qf$id"
mends 'a hold cut off as sendmail does it'
ok 'it stays held' test -f "$q/hf$id"
mv "$q/hf$id" "$q/qf$id"
finds 'a hold cut off as mtaq does it' "warning reason-not-held qf$id"
mends 'a hold cut off as mtaq does it'
ok 'it is held' test -f "$q/hf$id"
rm "$q/df$id"
finds 'held, without data' "warning held-no-data-file hf$id"
mends 'held, without data'

new flat
cp -p "$q/qf$id" "$q/Qf$id"
finds 'lost and queued' "urgent two-control-files Qf$id"
mends 'lost and queued'
ok 'the queued one stays' test -f "$q/qf$id"
cp -p "$q/qf$id" "$q/Qf$id"
echo 'N99' >>"$q/Qf$id"
act check --repair --no-syslog
like "$(cat "$out")" 'left \(two-control-files\): they differ' 'lost and queued, and different: left'
rm "$q/Qf$id"
mv "$q/qf$id" "$q/Qf$id"
chmod g+w "$q/Qf$id"
finds 'lost for its mode' "error lost Qf$id"
mends 'lost for its mode'
is "$(stat -c %a "$q/qf$id")" 640 'its mode is mended, too'

printf 'text\n' >"$q/.mtaq.$id.$(sh -c 'echo $$')"
printf 'text\n' >"$q/.mtaq-to.$id.$(sh -c 'echo $$')"
printf 'text\n' >"$q/.mtaq.$id.$$"
act check
is "$(found | cut -d ' ' -f 1,2 | tr '\n' ' ')" 'error unfinished-action warning mtaq-leftover ' 'what a dead mtaq left; not what one at work has'
rm "$q"/.mtaq*

new flat
ln -s "qf$id" "$q/qf60F800S2000001"
finds 'a link to another message' 'error symbolic-link qf60F800S2000001'
rm "$q/qf60F800S2000001"
rm "$q/df$id"
mkdir "$q/df$id"
finds 'a data file that is a directory' "urgent data-file-odd qf$id"
rmdir "$q/df$id"
: >"$q/df$id"
finds 'an empty data file is legal' ''

new split
cp -a "$q/q1" "$q/q.old"
queue="sendmail:$q/q*,cf=$dir/mail/sendmail.cf"
act check
like "$(found)" '^note wildcard-catches q.old/\.$' 'a directory that the wildcard catches'
is "$(found | cut -d ' ' -f 2 | sort | uniq | tr '\n' ' ')" 'duplicate-id wildcard-catches ' 'and the copies in it'

# What cannot be known is not mended: the message may be in a directory that nobody could look into.
new groups
queue=sendmail:$q/slow
act check
is "$(found | cut -d ' ' -f 2 | sort | uniq | tr '\n' ' ')" 'data-file-alone ' 'one directory of several, without configuration'
snapshot >"$tmp/before"
act check --repair --no-syslog
is "$status $(grep -c 'left (data-file-alone): the queue.s configuration is not known' "$out")" "1 $(grep -c . "$out")" 'nothing is mended'
snapshot >"$tmp/after"
same "$tmp/after" "$tmp/before" 'nothing is touched'

# --- what is young, or at work, is passed over ------------------------------------------------------------------------

new flat
clock=@$(date +%s)
: >"$q/qf60F800S2999999"
: >"$q/df60F800S2999998"
printf 'V8\nT1\n' >"$q/tf60F800S2016995"
printf 'V8\nT1\n' >"$q/qf60F800S2999997"
: >"$q/df60F800S2999997"
: >"$q/xf60F800S2016995"
finds 'young files' ''
clock=@$late
act check
is "$(found | tr '\n' ' ')" 'error truncated qf60F800S2999997 error stale-tf tf60F800S2016995 warning data-file-alone df60F800S2999998 warning empty-control-file qf60F800S2999999 warning stale-xf xf60F800S2016995 ' 'the same files later'

new flat
rm "$q/df$id"
printf 'x\n' >"$q/xf$id"
exec 8<"$q/qf$id"
flock -n 8
finds 'a message at work' ''
exec 8<&-
act check
is "$(found | cut -d ' ' -f 2 | tr '\n' ' ')" 'no-data-file stale-xf ' 'and afterwards'

# --- it changes between looking and mending: nothing is done to what is not so any more ---------------------------------

exec 8<"$q/qf$id"
act check --repair -n
dry_lines=$(wc -l <"$out")
is "$dry_lines" 2 'two would be mended'
flock -n -s 8
act check --repair --no-syslog
is "$status $(wc -c <"$out")" '1 0' 'somebody holds a lock: nothing is mended'
like "$(cat "$err")" 'not repaired \(no-data-file\): .*is locked' 'and told'
exec 8<&-

# --- journal and trash that cannot be had --------------------------------------------------------------------------------

snapshot >"$tmp/before"
run "$MTAQ" -q "$queue" --clock "$clock" --journal /dev/null/x --trash "$dir/trash" check --repair --no-syslog
is "$status" 73 'no journal'
run "$MTAQ" -q "$queue" --clock "$clock" --journal "$dir/journal" --trash /dev/null/x check --repair --no-syslog
is "$status" 73 'no trash'
snapshot >"$tmp/after"
same "$tmp/after" "$tmp/before" 'nothing is touched then'

# --- what was changed since is not taken back ---------------------------------------------------------------------------

new flat
chmod g+w "$q/qf$id"
act check --repair --no-syslog
chmod 600 "$q/qf$id"
act undo --no-syslog "$(last_run)"
is "$status $(stat -c %a "$q/qf$id")" '1 600' 'a mode that was changed since stays'
like "$(cat "$err")" 'not undone \(bad-mode\): .*changed since' 'and is told'

done_testing
