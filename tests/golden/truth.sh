#!/bin/sh
# list --format json against other readings of the recorded queues: for qmail the reference beside each (CASE.truth.json,
# made by an independent program), for sendmail what was read from control files by eye (sendmail.json here).
. "${top_srcdir:-.}/tests/lib.sh" || exit 99
command -v jq >/dev/null || skip_all 'no jq'
TZ=UTC
export TZ

here=$top_srcdir/tests/golden

# query FILTER FILE...: with the definitions of truth.jq.
query() {
	filter=$1
	shift
	jq -S -c -L "$here" "include \"truth\"; $filter" "$@"
}

# --- qmail: who, to whom, how far, how large, since when

for reference in "$top_srcdir"/fixtures/qmail/*.truth.json; do
	case=$(basename "$reference" .truth.json)
	run "$MTAQ" list --format json --clock "$(fixture_clock qmail)" -q "$(fixture_queue qmail "$case")"
	is "$status $(cat "$err")" '0 ' "$case: all is read"
	cp "$out" "$tmp/json"
	query '.[] | truth' "$reference" | sort >"$tmp/wanted"
	query 'ours' "$tmp/json" | sort >"$tmp/got"
	same "$tmp/got" "$tmp/wanted" "$case"
	# where the reference decoder gave up there is null
	jq -c '.[] | select(.subject_decoded != null) | [(.id | tostring), .subject_decoded]' "$reference" | sort >"$tmp/wanted"
	jq -c '[(.queue_id | sub("@.*"; "")), .subject[0]]' "$tmp/json" | sort >"$tmp/subjects"
	comm -23 "$tmp/wanted" "$tmp/subjects" >"$tmp/odd"
	none "$case: no subject that the reference reads otherwise" cat "$tmp/odd"
	# what only the files' own times say: todo's for what is not preprocessed, mess's for when it came
	awk -F '\t' 'split($1, p, "/") && (p[1] == "mess" || p[1] == "todo") && $3 == "f" {
		print p[1], p[p[3] == "" ? 2 : 3], int($7) }' "$top_srcdir/fixtures/qmail/$case.find" | sort >"$tmp/wanted"
	jq -r '(.queue_id | sub("@.*"; "")) as $id | "mess \($id) \(.accepted)",
		(select(.state == "new") | "todo \($id) \(.arrival_time)")' "$tmp/json" | sort >"$tmp/got"
	same "$tmp/got" "$tmp/wanted" "$case: times of mess and todo"
done

# --- sendmail

queue_of=
for expectation in $(jq -r 'keys[]' "$here/sendmail.json"); do
	case=${expectation%%/*} id=${expectation#*/}
	[ "$case" = "$queue_of" ] || queue=$(fixture_queue sendmail "$case")
	queue_of=$case
	run "$MTAQ" list --format json --clock "$(fixture_clock sendmail)" -q "$queue" "$id"
	jq -S --arg e "$expectation" '.[$e]' "$here/sendmail.json" >"$tmp/wanted"
	# only the members that are expected; an expected null must be absent
	jq -S --slurpfile wanted "$tmp/wanted" '. as $o | $wanted[0] | with_entries(.value = $o[.key])' "$out" >"$tmp/got"
	same "$tmp/got" "$tmp/wanted" "sendmail: $expectation"
done

# --- hostile bytes: whatever is recorded, each line is one object of valid UTF-8; what it lacks it has an error for

# shellcheck disable=SC2317 # it is run by ok
objects() {
	jq -e -s --argjson n "$1" 'length == $n and all(.[]; .schema_version == 1 and (.queue_id | type) == "string"
	    and (has("errors") or (has("state") and (.recipients | type) == "array")))' "$2"
}
for archive in "$top_srcdir"/fixtures/*/*.tar "$top_srcdir"/fixtures/*/*.tar.gz; do
	kind=$(basename "$(dirname "$archive")") case=$(basename "$archive" .gz)
	case=${case%.tar}
	[ "${case%.logdir}" = "$case" ] || continue
	run "$MTAQ" list --format json --clock "$(fixture_clock "$kind")" -q "$(fixture_queue "$kind" "$case")"
	ok "$kind $case: valid JSON, an object a line" objects "$(wc -l <"$out")" "$out"
	ok "$kind $case: valid UTF-8" iconv -f UTF-8 -t UTF-16 "$out"
done
done_testing
