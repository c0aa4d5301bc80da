#!/bin/sh
# The examples of the manual pages do what they say.
#
# A comment `.\" run KIND/CASE LINES` names the recorded queue that the next literal display is run on and how many
# lines it prints. The display's first line begins with "mtaq "; -q and --clock are added after that word.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99

# One file for each example, and "FILE PAGE:LINE KIND/CASE LINES" for each queue it is run on.
mkdir "$tmp/examples"
for page in "$top_srcdir"/man/*.[1-8]; do
	awk -v dir="$tmp/examples" '
	function plain(line) {
		gsub(/\\\(aq/, "\047", line)
		gsub(/\\\(dq/, "\"", line)
		gsub(/\\-/, "-", line)
		gsub(/\\&/, "", line)
		gsub(/\\e/, "\\", line)
		return line
	}
	/^\.\\" run [a-z]+\/[a-z0-9-]+ [0-9]+$/ { want[++wants] = $3 " " $4 }
	/^\.Bd -literal/ && wants {
		page = FILENAME
		sub(/.*\//, "", page)
		file = dir "/" page "." FNR
		inside = 1
		for (i = 1; i <= wants; i++)
			print file, page ":" FNR, want[i]
		wants = 0
		next
	}
	/^\.Ed/ { inside = 0 }
	inside { print plain($0) > file }' "$page"
done >"$tmp/list"
[ -s "$tmp/list" ] || bail 'no examples found in the manual'

mkdir "$tmp/bin"
cat >"$tmp/bin/mtaq" <<END
#!/bin/sh
exec "$MTAQ" -q "\$example_queue" --clock "\$example_clock" "\$@"
END
chmod +x "$tmp/bin/mtaq"
PATH=$tmp/bin:$PATH
while read -r example place case lines; do
	kind=${case%%/*}
	example_queue=$(fixture_queue "$kind" "${case#*/}") example_clock=$(fixture_clock "$kind")
	export example_queue example_clock
	status=0
	# shellcheck disable=SC1090
	. "$example" >"$out" 2>"$err" </dev/null || status=$?
	is "$status $(wc -l <"$out")" "0 $lines" "$place on $case"
	[ "$status" -eq 0 ] || diag "$(cat "$example" "$err")"
done <"$tmp/list"
done_testing
