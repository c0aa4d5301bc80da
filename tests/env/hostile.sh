#!/bin/sh
# What somebody planted in a queue, in the names of its files, in a list of ids: no wrong answer, no wasted hour.
. "${top_srcdir:-.}/tests/lib.sh"

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

done_testing
