#!/bin/sh
# The shape of the code: short functions, short files, most functions private to their file.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99
cd "$top_srcdir" || exit 99

find src backends include tests bench -name '*.[ch]' 2>/dev/null | sort >"$tmp/files"
[ -s "$tmp/files" ] || bail 'no source found'

# Tables between "clang-format off" and "on" may have a row a line.
wide_lines() {
	grep "$2" "$tmp/files" | while read -r f; do
		expand -t 8 "$f" | awk -v f="$f" -v limit="$1" '
		/clang-format off/ { table = 1 }
		/clang-format on/ { table = 0 }
		length > limit && !table { print f ":" NR ": " length " columns" }'
	done
}
none 'no line of code over 100 columns' wide_lines 100 '\.[ch]$'

long_files() {
	xargs wc -l <"$tmp/files" | awk '$2 != "total" && $1 > 600 { print $2 ": " $1 " lines" }'
}
none 'no file over 600 lines' long_files

if ! ctags --version 2>/dev/null | grep -q 'Universal Ctags'; then
	skip 'no universal-ctags' 'shape of functions'
	done_testing
fi

# LENGTH SCOPE FILE:LINE NAME of each function; the scope is "file" for a static one.
functions() {
	grep '\.c$' "$tmp/files" | grep "$1" |
	    ctags -L - -x --language-force=C --kinds-C=f --fields=+neS --_xformat='%{end} %n %{file} %F:%n %N' |
	    awk '{ print $1 - $2 + 1, $3, $4, $5 }'
}
functions '^\(src\|backends\)/' | sort -n >"$tmp/functions"
functions '^\(tests\|bench\)/' | sort -n >"$tmp/test-functions"
[ -s "$tmp/functions" ] || bail 'ctags found no function'

none 'no function over 80 lines' \
    awk '$1 > 80 { print $3 ": " $4 " has " $1 " lines" }' "$tmp/functions" "$tmp/test-functions"
count=$(wc -l <"$tmp/functions")
median=$(sed -n "$(((count + 1) / 2))p" "$tmp/functions" | cut -d' ' -f1)
p90=$(sed -n "$(((count * 9 + 9) / 10))p" "$tmp/functions" | cut -d' ' -f1)
static=$((100 * $(grep -c '^[0-9]* file ' "$tmp/functions") / count))
ok "median function of at most 15 lines ($median, of $count)" test "$median" -le 15
ok "nine in ten functions of at most 40 lines ($p90)" test "$p90" -le 40
ok "at least 60 % of the functions static ($static %)" test "$static" -ge 60
done_testing
