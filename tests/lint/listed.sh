#!/bin/sh
# Every source and every test is listed in Makefile.am, once: what is forgotten there is never built or run.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99

cd "$top_srcdir" || exit 99
make -s -C "$top_builddir" --no-print-directory print-lists 2>/dev/null | sort >"$tmp/listed"
[ -s "$tmp/listed" ] || bail 'no list of files'
none 'nothing is listed twice' uniq -d "$tmp/listed"
find src backends include -name '*.[ch]' | sort >"$tmp/sources"
none 'all sources are built' comm -23 "$tmp/sources" "$tmp/listed"
find tests -name 'test_*.c' -o -name 'fuzz_*.c' | sort >"$tmp/programs"
none 'all test programs are run' comm -23 "$tmp/programs" "$tmp/listed"
# a script test is one that uses the helpers or prints a plan
find tests -name '*.sh' ! -name lib.sh ! -name acting-lib.sh ! -name sendmail.sh -exec grep -l '^\. .*lib.sh" || exit 99$\|^echo 1\.\.' {} + | sort >"$tmp/scripts"
none 'all script tests are run' comm -23 "$tmp/scripts" "$tmp/listed"
# without its helpers a script has no directory of its own, and would work where it stands
none 'no script test goes on without its helpers' grep -rnE '^\. .*lib\.sh"$' tests --include='*.sh'
executable() {
	grep '\.sh$' "$tmp/listed" | while read -r script; do
		[ -x "$script" ] || echo "$script is not executable"
	done
}
none 'script tests are executable' executable
done_testing
