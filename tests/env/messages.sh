#!/bin/sh
# What is said when something is wrong: it names the thing, as the user wrote it.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99

queue=$(fixture_queue sendmail flat) || exit 99
list() {
	run "$MTAQ" list -q "$queue" "$@"
}

# --- expressions and templates: a backslash is one backslash

list -e 'body =~ /\C/'
is "$status" 64 'a pattern that is refused'
like "$(head -n 1 "$err")" 'using \\C is' 'its backslash is shown as it was written'
list -e 'sender == "\q"'
like "$(head -n 1 "$err")" ': \\\\ \\. \\" \\n' 'so are the escapes that are recommended'
list -e "$(printf 'sender == \033[31m')"
unlike "$(cat "$err")" "$(printf '\033')" 'control characters are not'
list --format "$(yes '{id}' | head -n 20000 | tr -d '\n')"
is "$status $(cat "$out")" '64 ' 'a template past the limit is a mistake of the command line'

# --- messages

list --format '{accepted:%1000000000Y}' 60F90094016259
is "$status $(cat "$out")" '1 ' 'a line that is too large to print'
like "$(cat "$err")" 'mqueue: 60F90094016259: too large' 'is told with the message and its queue'

# --- output

if [ -c /dev/full ]; then
	"$MTAQ" list -q "$queue" >/dev/full 2>"$err"
	like "$(cat "$err")" 'standard output: No space left' 'why output is lost'
	is "$(wc -l <"$err" | tr -d ' ')" 1 'told once'
else
	skip 'no /dev/full' 'why output is lost'
fi

# --- --version stands anywhere

run "$MTAQ" --version
cp "$out" "$tmp/version"
list --version
is "$status" 0 'list --version'
same "$out" "$tmp/version" 'prints the version and no messages'

done_testing
