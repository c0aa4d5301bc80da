/* What stands in qtool.pl's %msg: see perl.h. */
#include "perl.h"

/* clang-format off */
static const struct perl_key keys[] = {
	{"auth", 'A', FIELD_AUTH, PERL_TEXT, ""},
	{"body_last_mod_time", 0, FIELD_ACCEPTED, PERL_NUMERIC, ""},
	{"body_size", 0, FIELD_SIZE, PERL_NUMERIC, ""},
	{"body_type", 'B', FIELD_BODY_TYPE, PERL_TEXT, ""},
	{"content-length", 'L', FIELD_COUNT, PERL_TEXT, ""},
	{"control_last_mod_time", 0, FIELD_CONTROL_TIME, PERL_NUMERIC, ""},
	{"control_size", 0, FIELD_CONTROL_SIZE, PERL_NUMERIC, ""},
	{"controlling_user", 'C', FIELD_CONTROLLING_USER, PERL_TEXT, ""},
	{"creation_time", 'T', FIELD_ARRIVAL, PERL_NUMERIC, ""},
	{"current_delay", 'Y', FIELD_COUNT, PERL_TEXT, ""},
	{"data_file_directory", 'd', FIELD_COUNT, PERL_TEXT, ""},
	{"data_file_name", 'D', FIELD_COUNT, PERL_TEXT, ""},
	{"deliver_by", '!', FIELD_DELIVER_BY, PERL_TEXT, ""},
	{"envid", 'Z', FIELD_ENVID, PERL_TEXT, ""},
	{"error_recipient", 'E', FIELD_COUNT, PERL_TEXT, ""},
	{"final_recipient", 'r', FIELD_FINAL_RECIPIENT, PERL_TEXT, ""},
	{"flags", 'F', FIELD_FLAGS, PERL_TEXT, ""},
	{"headers", 0, FIELD_HEADER_RAW, PERL_HEADERS, " "},
	{"id", 0, FIELD_ID, PERL_TEXT, ""},
	{"inode_number", 'I', FIELD_COUNT, PERL_TEXT, ""},
	{"macro", '$', FIELD_COUNT, PERL_TEXT, ""},
	{"message", 'M', FIELD_STATUS, PERL_TEXT, ""},
	/* the K line, which is the time of the last attempt */
	{"next_delivery_time", 'K', FIELD_LAST_ATTEMPT, PERL_NUMERIC, ""},
	{"num_delivery_attempts", 'N', FIELD_ATTEMPTS, PERL_NUMERIC, ""},
	{"original_recipient", 'Q', FIELD_ORIGINAL_RECIPIENT, PERL_TEXT, ""},
	{"priority", 'P', FIELD_PRIORITY, PERL_NUMERIC, ""},
	{"quarantine_reason", 'q', FIELD_REASON, PERL_TEXT, ""},
	{"recipient", 'R', FIELD_RECIPIENT, PERL_TEXT, "<>:"},
	{"sender", 'S', FIELD_SENDER, PERL_TEXT, "<>"},
	{"version", 'V', FIELD_VERSION, PERL_NUMERIC, ""},
};
/* clang-format on */

enum { KEYS = sizeof keys / sizeof keys[0] };

/* People write what the field is called elsewhere, or the plural. */
static const char *similar(struct slice name)
{
	const char *near = field_suggest(name);
	const struct field *f = near ? field_find(slice_from(near)) : field_find(name);

	if (field_find(name))
		f = field_find(name);
	for (size_t i = 0; f && i < KEYS; i++)
		if (keys[i].field == f->id ||
		    (keys[i].field == FIELD_HEADER_RAW && f->id == FIELD_HEADER))
			return keys[i].name;
	for (size_t i = 0; name.n > 3 && i < KEYS; i++)
		if (slice_starts(slice_from(keys[i].name), slice_take(name, name.n - 1)))
			return keys[i].name;
	return NULL;
}

const struct perl_key *perl_key_find(struct slice name, const char **near)
{
	for (size_t i = 0; i < KEYS; i++)
		if (slice_eq(name, slice_from(keys[i].name)))
			return &keys[i];
	*near = similar(name);
	return NULL;
}

/* Names that sendmail and people's recipes speak of; each is no name any more without its first
 * letter. */
static const char *const known[] = {
    "Auto-Submitted", "Cc",	      "Content-Type", "Date",	    "Delivered-To", "From",
    "List-Id",	      "MIME-Version", "Message-Id",   "Precedence", "Received",	    "Reply-To",
    "Return-Path",    "Sender",	      "Subject",      "To",	    "User-Agent",
};

struct slice perl_header_name(struct arena *a, struct slice name)
{
	if (name.n > 1 && name.p[0] == '-')
		return arena_printf(a, "X%" SLICE_FMT, SLICE_ARG(name));
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (slice_caseeq(name, slice_from(known[i] + 1)))
			return slice_from(known[i]);
	return name;
}
