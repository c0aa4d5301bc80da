#!/bin/sh
# Who may include what: layers only look down.
. "${top_srcdir:-.}/tests/lib.sh"
cd "$top_srcdir" || exit 99

# The layer of a header or source file, by the part of its name before the first "_"; nothing when it has none.
layer_awk='
function layer(path,   module) {
	module = path
	sub(/.*\//, "", module)
	sub(/[_.].*/, "", module)
	return module in level ? level[module] : ""
}
BEGIN {
	split("slice arena error limits map", list[0], " ")
	split("sysio timefmt text spawn", list[1], " ")
	split("header rfc2047 charset addr reply submission", list[2], " ")
	split("field fields message value", list[3], " ")
	split("filter match backend registry", list[4], " ")
	split("select queues action journal logindex trash plan", list[5], " ")
	split("output out template", list[6], " ")
	split("main cmd opt", list[7], " ")
	for (n in list)
		for (i in list[n])
			level[list[n][i]] = n + 0
}'

# Every #include of our own: FILE LINE INCLUDED, brackets or quotes kept.
includes() {
	find "$@" -name '*.[ch]' -exec grep -Hn '^[ 	]*#[ 	]*include[ 	]*\(<mtaq/\|"\)' {} + |
	    sed 's/^\([^:]*\):\([0-9]*\):.*include[ 	]*\([<"][^>"]*[>"]\).*/\1 \2 \3/'
}

includes src include >"$tmp/includes"
[ -d backends ] && includes backends >"$tmp/backend-includes"
[ -s "$tmp/includes" ] || bail 'no #include found'

unknown=$(find src include backends -maxdepth 2 -name '*.[ch]' ! -path 'backends/*/*' 2>/dev/null |
    awk "$layer_awk"' layer($0) == "" { print $0 ": not in the table of layers (tests/lint/layers.sh)" }')
empty "$unknown" 'every file belongs to a layer'

empty "$(awk "$layer_awk"'
	{ mine = layer($1); its = layer($3) }
	mine != "" && its != "" && its > mine {
		print $1 ":" $2 ": layer " mine " includes " $3 " of layer " its
	}' "$tmp/includes")" 'src and include look down'

# The registry alone knows what backends there are.
empty "$(awk '$3 !~ /^<mtaq\// {
		included = $3
		gsub(/["]/, "", included)
		path = $1
		sub(/[^\/]*$/, "", path)
		if (included ~ /^\.\.\// || (included ~ /\// && index("backends/" included, path) != 1 && path != "backends/"))
			print $1 ":" $2 ": includes " $3
	}' "$tmp/backend-includes" 2>/dev/null)" 'backends include only <mtaq/...> and their own headers'
empty "$(grep -E '^backends/.* <mtaq/(filter|select|output|cmd)' "$tmp/backend-includes" 2>/dev/null)" \
    'backends know nothing of what is above them'
own_headers=$(find src -name '*.h' -exec basename {} \;)
empty "$(for h in $own_headers; do grep -F " \"$h\"" "$tmp/backend-includes" 2>/dev/null; done)" \
    'backends include nothing of src'

empty "$(grep '^src/\(filter\|match\)' "$tmp/includes" | grep 'backend')" 'the filter knows no backend'
empty "$(grep '^src/' "$tmp/includes" | grep -v '<mtaq/backend.h>' | grep -i '"[^"]*\(backends/\|sendmail\|qmail\)')" \
    'nothing in src includes a header of one MTA'
empty "$(grep -rnE '(->|\.)backend->(scan_begin|scan_next|scan_end|find|begin|load)\(' src 2>/dev/null |
    grep -v '^src/\(select\|action\)')" 'only select and action call the per-message operations'
done_testing
