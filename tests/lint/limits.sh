#!/bin/sh
# Each limit on hostile input is named in a test of its own; what a comment says of it is no test.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99
cd "$top_srcdir" || exit 99

sed -n 's/^#define \(LIMIT_[A-Z_]*\) .*/\1/p' include/mtaq/limits.h >"$tmp/limits"
[ -s "$tmp/limits" ] || bail 'no limits found'
# without_comments FILE...: of C, and of sh what its lines begin with
without_comments() {
	for file; do
		case $file in
		*.[ch]) awk '{
			line = $0 "\n"
			text = ""
			while (line != "") {
				if (within) {
					if (!(at = index(line, "*/")))
						break
					line = substr(line, at + 2)
					within = 0
				} else if ((at = index(line, "/*"))) {
					text = text substr(line, 1, at - 1)
					line = substr(line, at + 2)
					within = 1
				} else {
					text = text line
					line = ""
				}
			}
			sub(/\/\/.*/, "", text)
			print text
		}' "$file" ;;
		*) grep -v '^[[:space:]]*#' "$file" ;;
		esac
	done
}
find tests -path tests/lint -prune -o \( -name '*.c' -o -name '*.sh' \) -type f -print | sort >"$tmp/files"
# shellcheck disable=SC2046 # no name has a space
without_comments $(cat "$tmp/files") >"$tmp/tests"
while read -r limit; do
	ok "$limit is tested" grep -qw "$limit" "$tmp/tests"
done <"$tmp/limits"
# shellcheck disable=SC2046
without_comments $(find src backends -name '*.[ch]' | sort) >"$tmp/code"
used() {
	while read -r limit; do
		grep -qw "$limit" "$tmp/code" || echo "$limit"
	done <"$tmp/limits"
}
none 'no limit is forgotten by the code' used
done_testing
