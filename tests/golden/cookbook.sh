#!/bin/sh
# Each command of mtaq-cookbook(7), run on fresh copies of the recorded queues that the comment above it names: what it
# prints, tells and ends with is what cookbook.wanted says. COOKBOOK_WRITE=FILE writes that file anew, to be read.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99
TZ=UTC LC_ALL=C.UTF-8 MTAQ_TEST=1
export TZ LC_ALL MTAQ_TEST
unset MTAQ_QUEUES NO_COLOR COLUMNS
[ "$(id -u)" -eq 0 ] || skip_all 'only root can keep the owners of queue files'
page=$top_srcdir/man/mtaq-cookbook.7

# One file for each example, and "FILE KIND/CASE" for each queue it is run on.
mkdir "$tmp/examples" "$tmp/bin"
awk -v dir="$tmp/examples" '
	function plain(line) {
		gsub(/\\\(aq/, "\047", line)
		gsub(/\\&/, "", line)
		gsub(/\\e/, "\\", line)
		return line
	}
	/^\.Ss / { task = substr($0, 5); examples = 0 }
	/^\.\\" on / { cases = $0; sub(/^\.\\" on /, "", cases); next }
	/^\.Bd -literal/ && cases != "" {
		file = sprintf("%s/%03d", dir, ++count)
		print task > (file ".task")
		n = split(cases, one, " ")
		for (i = 1; i <= n; i++)
			print file, one[i]
		inside = 1
		cases = ""
		next
	}
	/^\.Ed/ { inside = 0 }
	inside { print plain($0) > file }' "$page" >"$tmp/list"
[ -s "$tmp/list" ] || bail 'no examples found in the manual'

cat >"$tmp/bin/mtaq" <<END
#!/bin/sh
exec "$MTAQ" -q "\$cook_queue" --clock "\$cook_clock" --journal "\$cook_dir/journal" --trash "\$cook_dir/trash" "\$@"
END
chmod +x "$tmp/bin/mtaq"

# What is named in the manual and lies elsewhere here.
moved() {
	sed "s,/var/spool/mqueue\>,$cook_dir/mqueue,g; s,/var/spool/\(omqueue\|removed\|evidence\|kept\)\>,$cook_dir/\1,g" "$1"
}

# Run ids, inodes, where the copy lies, and the order of a directory are other ones each time.
normal() {
	sed "s,$cook_dir/,DIR/,g; s,$top_srcdir/,TOP/,g; s/20[0-9]\{6\}T[0-9]\{6\}Z-[0-9]*/RUN/g
		/RUN/s/20..-..-.. ..:..:.. +0000/TIME/; s/^[0-9]*@\([0-9]*\): restored/N@\1: restored/
		s/^host: .*/host: HOST/; s/its inode is [0-9]*/its inode is N/; s/renamed to [0-9]*/renamed to N/" "$1" |
	    cut -c 1-110 | LC_ALL=C sort
}

cook() {
	cook_kind=${2%%/*} cook_dir=$(fixture "$cook_kind" "${2#*/}") cook_clock=$(fixture_clock "$cook_kind")
	case $cook_kind in
	qmail)
		cook_queue=qmail:$cook_dir/queue
		[ ! -f "$top_srcdir/fixtures/$2.log" ] || cook_queue=$cook_queue,log=$top_srcdir/fixtures/$2.log
		;;
	*) cook_queue=sendmail:$cook_dir/mqueue,cf=$cook_dir/mail/sendmail.cf ;;
	esac
	mkdir -m 700 "$cook_dir/omqueue" "$cook_dir/removed"
	export cook_queue cook_clock cook_dir
	moved "$1" >"$tmp/script"
	run env PATH="$tmp/bin:$PATH" sh -c 'cd "$1" && . "$2"' sh "$cook_dir" "$tmp/script"
	printf '\n## %s, on %s\n' "$(cat "$1.task")" "$2"
	sed 's/^/$ /' "$1"
	normal "$out"
	normal "$err" | sed 's/^/! /'
	echo "= $status"
	rm -rf "$cook_dir"
}

while read -r example on; do
	cook "$example" "$on"
done <"$tmp/list" >"$tmp/cooked"
[ -z "$COOKBOOK_WRITE" ] || cp "$tmp/cooked" "$COOKBOOK_WRITE"

# One test an example, so that it is told which.
split_up() {
	mkdir "$2" && awk -v dir="$2" '/^## / { file = sprintf("%s/%03d", dir, ++n); print > (dir "/names") } n { print > file }' "$1"
}
split_up "$tmp/cooked" "$tmp/got"
split_up "$top_srcdir/tests/golden/cookbook.wanted" "$tmp/wanted"
same "$tmp/got/names" "$tmp/wanted/names" 'all examples are known'
for file in "$tmp"/got/[0-9]*; do
	same "$file" "$tmp/wanted/${file##*/}" "$(sed -n '1s/^## //p' "$file")"
done
done_testing
