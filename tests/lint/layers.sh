#!/bin/sh
# Who may include what: layers only look down.
. "${top_srcdir:-.}/tests/lib.sh" || exit 99
cd "$top_srcdir" || exit 99

# layer(PATH): the layer of a header or source file, by its name up to the first "_" or "."; "" when it has none.
with_layers() {
	awk '
	function layer(path,   module) {
		module = path
		sub(/.*\//, "", module)
		sub(/[_.].*/, "", module)
		return (module in level) ? level[module] : ""
	}
	function modules(n, names,   i, count, list) {
		count = split(names, list, " ")
		for (i = 1; i <= count; i++)
			level[list[i]] = n
	}
	BEGIN {
		modules(4, "perl")
		modules(7, "qtool")
		modules(0, "slice arena error limits map status ascii8")
		modules(1, "sysio timefmt timeprint calendar text buf utf8 locks spawn jsonbytes")
		modules(2, "options header rfc2047 charset addr reply submission fold")
		modules(3, "logline field fields log message value backend hosts")
		modules(4, "filter match registry action op saved check")
		modules(5, "summary select worker sort journal logread logindex trash runid rules")
		modules(6, "output out template")
		modules(7, "hostlist main cmd global run queues selection ids list plan batch actionlog pipeline acting undo undone restore apply applylock checkrun repair repairbatch repairjson repairsteps repairundo")
		modules(7, "gen")
	}
	'"$1"
}

# "FILE LINE INCLUDED" of every #include of our own, brackets and quotes kept.
find src include backends -name '*.[ch]' \
    -exec grep -Hn '^[ 	]*#[ 	]*include[ 	]*\(<mtaq/\|"\)' {} + 2>/dev/null |
    sed 's/^\([^:]*\):\([0-9]*\):.*include[ 	]*\([<"][^>"]*[>"]\).*/\1 \2 \3/' >"$tmp/all"
grep '^src/\|^include/' "$tmp/all" >"$tmp/includes"
grep '^backends/' "$tmp/all" >"$tmp/backends"
is "$(grep -c '^src/arena.c [0-9]* <mtaq/arena.h>$' "$tmp/includes")" 1 'includes are found'
is "$(echo src/main.c 9 '<mtaq/arena.h>' | with_layers '{ print layer($1), layer($3) }')" '7 0' 'layers are known'

strangers() {
	find src include -name '*.[ch]' |
	    with_layers 'layer($0) == "" { print $0 ": not in the table of layers (tests/lint/layers.sh)" }'
}
none 'every file belongs to a layer' strangers

upward() {
	with_layers '
	{ mine = layer($1); its = layer($3) }
	mine != "" && its != "" && its > mine {
		print $1 ":" $2 ": layer " mine " includes " $3 " of layer " its
	}' <"$1"
}
none 'src and include look down' upward "$tmp/includes"

# A backend sees <mtaq/...> of its own layer or lower and the headers of its own folder; the registry sees all folders.
foreign() {
	with_layers '
	$3 ~ /^<mtaq\// {
		if (layer($3) > 4 || $3 ~ /filter/)
			print $1 ":" $2 ": includes " $3
		next
	}
	{
		folder = $1
		sub(/[^\/]*$/, "", folder)
		included = $3
		gsub(/"/, "", included)
		if (included ~ /\.\./ || (included ~ /\// && folder != "backends/" &&
		    index(included, folder) != 1 && index("backends/" included, folder) != 1))
			print $1 ":" $2 ": includes " $3
	}' <"$tmp/backends"
	find src -name '*.h' -exec basename {} \; | while read -r header; do
		grep -F " \"$header\"" "$tmp/backends"
	done
}
none 'backends include only <mtaq/...> and what is in their own folder' foreign

filter_knows() {
	grep '^src/\(filter\|match\).*backend' "$tmp/includes"
}
none 'the filter knows no backend' filter_knows

mta_headers() {
	grep '^src/' "$tmp/includes" | grep '"[^"]*\(backends/\|sendmail\|qmail\)'
}
none 'nothing in src includes a header of one MTA' mta_headers

slot_calls() {
	grep -rnE 'backend->(scan_begin|scan_next|scan_end|find|begin|load)\(' src | grep -v '^src/\(select\|worker\|batch\|undo\|logindex\)'
}
none 'only the engine (select, worker) batch, undo and logindex call the per-message operations' slot_calls
done_testing
