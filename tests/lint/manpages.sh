#!/bin/sh
# The manual pages are well-formed mdoc and agree on their names.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99
cd "$top_srcdir/man" || bail 'no manual pages'

command -v mandoc >/dev/null || skip_all 'no mandoc'
for page in *.[1-8]; do
	name=${page%.*} section=${page##*.}
	# what -Tlint knows of this system (which pages it has, its release) is no matter of ours
	complaints() {
		mandoc -Tlint -Wstyle "$page" 2>&1 | grep -v 'referenced manual not found\|operating system explicitly\|mandoc.db\|input text line longer'
	}
	none "mandoc finds nothing in $page" complaints
	ok "$page is the page of $name($section)" grep -Eqi "^\.Dt $name $section\$" "$page"
done
missing_pages() {
	sed -n 's/^\.Xr \(mtaq[a-z-]*\) \([1-8]\).*/\1.\2/p' -- *.[1-8] | sort -u | while read -r page; do
		[ -f "$page" ] || echo "$page is referred to but not there"
	done
}
none 'our pages that are referred to exist' missing_pages
done_testing
