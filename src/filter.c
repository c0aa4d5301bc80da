/* Filters as a whole: made from options, joined, asked what they name, freed. Parsing:
 * filter_parse.c. */
#include "filter_ast.h"

#include <mtaq/addr.h>

#include <inttypes.h>

/* --- from -f, -r, -o and -y: written as an expression, so that the journal can show it --- */

static struct filter *parse_made(struct arena *arena, const struct buf *text, struct error *err)
{
	struct slice copy = arena_copy(arena, buf_slice(text));

	if (copy.p)
		return filter_parse(arena, copy, 0, err);
	error_set(err, ERROR_NOMEM, "out of memory");
	return NULL;
}

static bool is_regex(struct slice who)
{
	return who.n >= 2 && who.p[0] == '/' && who.p[who.n - 1] == '/';
}

/* The regular expression that matches `s` itself, whatever is in it. */
static void add_literal_regex(struct buf *b, struct slice s)
{
	buf_adds(b, "/\\A");
	for (size_t i = 0; i < s.n; i++) {
		bool plain = ascii_isalpha(s.p[i]) || ascii_isdigit(s.p[i]) ||
			     (unsigned char)s.p[i] >= 0x80 || s.p[i] == '_' || s.p[i] == '@';

		if (!plain)
			buf_addc(b, '\\');
		buf_addc(b, s.p[i]);
	}
	buf_adds(b, "\\z/i");
}

/* /re/ as the user wrote it, slashes inside made part of it. */
static void add_regex(struct buf *b, struct slice re)
{
	buf_addc(b, '/');
	for (size_t i = 1; i + 1 < re.n; i++) {
		if (re.p[i] == '/')
			buf_addc(b, '\\');
		buf_addc(b, re.p[i]);
		if (re.p[i] == '\\' && i + 2 < re.n)
			buf_addc(b, re.p[++i]);
	}
	buf_adds(b, "/i");
}

static void add_who(struct buf *b, const char *field, struct slice who)
{
	struct slice literal = addr_strip(who);

	buf_adds(b, field);
	if (is_regex(who)) {
		buf_adds(b, " =~ ");
		add_regex(b, who);
	} else if (who.p[0] == '@') {
		buf_adds(b, ".domain == ");
		print_text(addr_domain(who), b);
	} else if (utf8_valid(literal)) {
		buf_adds(b, " =~ ");
		add_literal_regex(b, literal);
	} else {
		/* no regular expression can name invalid bytes */
		buf_adds(b, " == ");
		print_text(literal, b);
	}
}

static int check_who(enum field_id field, struct slice who, struct error *err)
{
	const char *letter = field == FIELD_SENDER ? "-f" : "-r";

	if (who.n == 0)
		return error_set(err, ERROR_USAGE,
				 "%s: empty; write an address, @domain%s or /regex/", letter,
				 field == FIELD_SENDER ? ", <> for bounces" : "");
	if (slice_eq(who, SLICE("<>")) && field != FIELD_SENDER)
		return error_set(err, ERROR_USAGE,
				 "%s: no recipient is <>; for bounces write -f '<>'", letter);
	if (slice_eq(who, SLICE("//")))
		return error_set(err, ERROR_USAGE,
				 "%s: the regular expression is empty and would match all", letter);
	if (slice_eq(who, SLICE("@")))
		return error_set(err, ERROR_USAGE, "%s: @ without a domain", letter);
	return 0;
}

struct filter *filter_who(struct arena *arena, enum field_id field, struct slice who,
			  struct error *err)
{
	struct filter *f;
	struct buf b;

	if (check_who(field, who, err) < 0)
		return NULL;
	buf_init(&b);
	if (slice_eq(who, SLICE("<>")))
		buf_adds(&b, field_row(FIELD_BOUNCE)->name);
	else
		add_who(&b, field_row(field)->name, who);
	f = parse_made(arena, &b, err);
	if (!f && err && err->code == ERROR_USAGE) {
		/* the column is one of text that the user never wrote */
		err->offset = SIZE_MAX;
		error_prefix(err, "%s", field == FIELD_SENDER ? "-f" : "-r");
	}
	buf_free(&b);
	return f;
}

struct filter *filter_age(struct arena *arena, bool older, int64_t seconds, struct error *err)
{
	struct filter *f;
	struct buf b;

	buf_init(&b);
	buf_printf(&b, "age %c %" PRId64 "s", older ? '>' : '<', seconds);
	f = parse_made(arena, &b, err);
	buf_free(&b);
	return f;
}

/* --- joined --- */

/* Append copies of the top of `f`, or of its kids when it is of the same kind: the part itself
 * stays as it is. */
static struct node **append_part(struct arena *a, struct node **end, enum node_kind kind,
				 const struct filter *f)
{
	const struct node *n = f->tree->kind == kind ? f->tree->kids : f->tree;
	bool alone = n == f->tree;

	for (; n; n = alone ? NULL : n->next) {
		*end = arena_alloc(a, sizeof **end);
		if (!*end)
			return NULL;
		**end = *n;
		(*end)->next = NULL;
		end = &(*end)->next;
	}
	return end;
}

static struct filter *join(struct arena *arena, enum node_kind kind, struct filter *const *list,
			   size_t count)
{
	struct filter *f = arena_zalloc(arena, sizeof *f);
	struct filter **parts = arena_array(arena, count, sizeof *parts);
	struct node *n = arena_zalloc(arena, sizeof *n), **end;

	if (!f || !parts || !n)
		return NULL;
	memcpy(parts, list, count * sizeof *parts);
	n->kind = kind;
	end = &n->kids;
	for (size_t i = 0; i < count && end; i++)
		end = append_part(arena, end, kind, list[i]);
	if (!end)
		return NULL;
	f->tree = count == 1 ? list[0]->tree : n;
	f->parts = parts;
	f->part_count = count;
	return f;
}

struct filter *filter_all(struct arena *arena, struct filter *const *list, size_t count)
{
	return join(arena, NODE_AND, list, count);
}

struct filter *filter_any(struct arena *arena, struct filter *const *list, size_t count)
{
	return join(arena, NODE_OR, list, count);
}

void filter_free(struct filter *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->part_count; i++)
		filter_free(f->parts[i]);
	patterns_free(f->patterns);
	f->patterns = NULL;
	f->part_count = 0;
}

/* --- asked --- */

static bool node_names(const struct node *n, enum field_id field)
{
	if (n->kind == NODE_LEAF)
		return n->leaf.field->id == field;
	for (const struct node *kid = n->kids; kid; kid = kid->next)
		if (node_names(kid, field))
			return true;
	return false;
}

bool filter_names(const struct filter *f, enum field_id field)
{
	return node_names(f->tree, field);
}

static const struct pattern *runaway(const struct filter *f)
{
	const struct pattern *p = patterns_runaway(f->patterns);

	for (size_t i = 0; !p && i < f->part_count; i++)
		p = runaway(f->parts[i]);
	return p;
}

const char *filter_runaway(const struct filter *bound)
{
	const struct pattern *p = runaway(bound->source ? bound->source : bound);

	return p ? pattern_text(p).p : NULL;
}
