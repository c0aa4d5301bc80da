# A queue that was damaged while qmail-send was stopped, and mended by check --repair: each message is then delivered
# once, whole, to everybody, and nobody is told of a failure. Sourced by the scripts that have made a world (world.sh).
# shellcheck shell=sh
# shellcheck disable=SC2154,SC2016 # variables come from world.sh

remote=example.net local=local.example.test

# away OLD NEW, back NEW: the files of message OLD get the names of NEW, by way of other ones.
away() {
	for f in mess info local remote; do
		[ ! -e "$queue/$f/$(($1 % 23))/$1" ] || mv "$queue/$f/$(($1 % 23))/$1" "$tmp/$f.$2"
	done
}
back() {
	for f in mess info local remote; do
		[ ! -e "$tmp/$f.$1" ] || mv "$tmp/$f.$1" "$queue/$f/$(($1 % 23))/$1"
	done
}

# What is found in the queue now; whom tcpto belongs to is said by the world that was made.
findings() {
	look check 2>/dev/null | grep -v '/lock/tcpto: '
}

start
at_work=
for who in round1 round2 round3 moved cut typed owned second; do
	policy "$who@$remote" deferral 'Not now.'
	policy "also-$who@$remote" deferral 'Not now either.'
	put "mended-$who@$local" "$who@$remote" "also-$who@$remote" || fail 'a message is put into the queue'
	for _ in 1 2 3; do
		at_work=$at_work$(findings)
	done
	ends_as "$who@$remote" deferral "$who is deferred"
	ends_as "also-$who@$remote" deferral "$who has another recipient"
done
stop
is "$at_work" '' 'no finding while qmail-send is at work'

number "mended-round1@$local" && n1=$n
number "mended-round2@$local" && n2=$n
number "mended-round3@$local" && n3=$n
away "$n1" "$n2" && away "$n2" "$n3" && away "$n3" "$n1" && back "$n1" && back "$n2" && back "$n3"

number "mended-moved@$local"
for f in mess info remote; do
	mv "$queue/$f/$d/$n" "$queue/$f/$(((d + 1) % 23))/$n"
done
moved=$n

number "mended-cut@$local"
size=$(wc -c <"$queue/remote/$d/$n")
truncate -s $((size - 1)) "$queue/remote/$d/$n"

number "mended-typed@$local"
printf Q | dd of="$queue/remote/$d/$n" bs=1 conv=notrunc 2>/dev/null
printf X | dd of="$queue/info/$d/$n" bs=1 conv=notrunc 2>/dev/null

number "mended-owned@$local"
chmod 400 "$queue/remote/$d/$n"
[ "$(id -u)" != 0 ] || chown root "$queue/remote/$d/$n" "$queue/info/$d/$n"

number "mended-second@$local"
cp -p "$queue/info/$d/$n" "$queue/info/$(((d + 1) % 23))/$n"

: >"$queue/mess/0/core"
printf '<nobody@%s>:\nnot true\n\n' "$remote" >"$queue/bounce/1"
chmod 600 "$queue/lock/trigger"
rmdir "$(find "$queue/local" -mindepth 1 -empty -type d | head -n 1)"

act check
is "$status" 1 'check finds the damage'
for code in number-not-inode wrong-directory recipients-damaged info-damaged wrong-mode second-info stray stale-bounce \
    trigger-closed directory-missing; do
	like "$(cat "$out")" " $code " "check finds $code"
done
like "$(cat "$out")" " wrong-directory .*/$moved" 'and which message'
act check --repair
is "$(grep -c ': not repaired ' "$err")" 0 'all of it is repaired'
act check
is "$status $(wc -l <"$out")" '0 0' 'a second check finds nothing'

for who in round1 round2 round3 moved cut typed owned second; do
	policy "$who@$remote" success
	policy "also-$who@$remote" success
done
start
alarm
for who in round1 round2 round3 moved cut typed owned second; do
	arrives "$who@$remote" 1 "$who: delivered after the repair"
	arrives "also-$who@$remote" 1 "$who: and to the other recipient"
	like "$(cat "$LIVE/got/$who@$remote".*)" "This is the body of mended-$who@" "$who: with its own body"
	vanishes "mended-$who@$local" "$who: gone from the queue"
	is "$(received "mended-$who@$local")" 0 "$who: nothing comes back"
done
is "$(received "nobody@$remote")" 0 'nobody hears of what was left over'
is "$(log_since | grep -c 'warning:\|alert:')" 0 'qmail-send complains of nothing'
stop
