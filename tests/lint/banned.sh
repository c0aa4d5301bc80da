#!/bin/sh
# Functions that this program does not use: unbounded, not thread-safe, or that hide errors.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99
cd "$top_srcdir" || exit 99

# Comments and string literals taken out, line numbers kept.
code() {
	awk '
	function clean(s,   out, c, i, quote) {
		out = ""
		quote = ""
		for (i = 1; i <= length(s); i++) {
			c = substr(s, i, 1)
			if (comment) {
				if (c == "*" && substr(s, i + 1, 1) == "/") {
					comment = 0
					i++
				}
			} else if (quote != "") {
				if (c == "\\")
					i++
				else if (c == quote)
					quote = ""
			} else if (c == "/" && substr(s, i + 1, 1) == "*") {
				comment = 1
				i++
			} else if (c == "/" && substr(s, i + 1, 1) == "/") {
				return out
			} else if (c == "\"" || c == "\047") {
				quote = c
			} else {
				out = out c
			}
		}
		return out
	}
	FNR == 1 { comment = 0 }
	{ print FILENAME ":" FNR ": " clean($0) }' "$@"
}

# shellcheck disable=SC2046
code $(find src backends include tests/fuzz -name '*.[ch]' 2>/dev/null) >"$tmp/code"
[ -s "$tmp/code" ] || bail 'no source found'
ok 'the search finds what is there' grep -Eq '[^a-z_]memcpy *\(' "$tmp/code"

banned() {
	none "no $1 ($2)" grep -E "(^|[^A-Za-z0-9_])($1) *\\(" "$tmp/code"
}
banned 'strcpy|strcat|strncpy|strncat|stpcpy' 'no bound, or no NUL'
banned 'sprintf|vsprintf|gets' 'no bound'
banned 'strtok|localtime|gmtime|ctime|asctime|strerror|rand|srand|getpwnam|getpwuid|getgrnam|getgrgid|readdir_r' \
    'not thread-safe'
banned 'atoi|atol|atoll|atof' 'hides errors'
banned 'setjmp|longjmp|sigsetjmp|alloca' 'control flow'
banned 'system|popen' 'a shell'
banned 'mktemp|tmpnam|tempnam|tmpfile' 'races'
library_exits() {
	grep -E '(^|[^A-Za-z0-9_])(getenv|exit) *\(' "$tmp/code" | grep -Ev '^(src/(main|cmd|opt)[^:]*|tests/[^:]*):'
}
none 'library code neither reads the environment nor exits' library_exits
done_testing
