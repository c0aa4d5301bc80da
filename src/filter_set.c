/* The right side of `in`: sorted once, searched by halves. */
#include "filter_ast.h"

#include <mtaq/addr.h>
#include <mtaq/limits.h>
#include <mtaq/sysio.h>

#include <stdlib.h>

/* A text with what it is ordered by: addresses by domain and local part, so that the search agrees
 * with addr_eq(). */
struct set_text {
	struct slice text, local, domain;
};

typedef int text_order(const void *a, const void *b);

struct filter_set {
	struct slice path; /* none: from the expression */
	unsigned flags;	   /* of the field */
	text_order *order; /* NULL: numbers */
	struct set_text *texts;
	int64_t *numbers;
	size_t count;
};

static int order_plain(const void *a, const void *b)
{
	return slice_cmp(((const struct set_text *)a)->text, ((const struct set_text *)b)->text);
}

static int order_caseless(const void *a, const void *b)
{
	return slice_casecmp(((const struct set_text *)a)->text,
			     ((const struct set_text *)b)->text);
}

static int order_address(const void *a, const void *b)
{
	const struct set_text *x = a, *y = b;
	int r = (x->domain.p != NULL) - (y->domain.p != NULL);

	if (!r)
		r = slice_casecmp(x->domain, y->domain);
	return r ? r : slice_cmp(x->local, y->local);
}

static int order_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static struct set_text keyed(struct slice text, text_order *order)
{
	struct set_text t = {text, text, SLICE_NONE};

	if (order == order_address && text.p)
		t.domain = addr_domain(text);
	if (t.domain.p)
		t.local = slice_of(text.p, (size_t)(t.domain.p - text.p) - 1);
	return t;
}

static text_order *order_of(const struct field *f)
{
	if (f->flags & FIELD_ADDRESS)
		return order_address;
	return f->flags & FIELD_CASELESS ? order_caseless : order_plain;
}

struct filter_set *set_of_texts(struct arena *a, const struct field *f, const struct slice *texts,
				size_t count)
{
	struct filter_set *s = arena_zalloc(a, sizeof *s);

	if (!s || !(s->texts = arena_array(a, count, sizeof *s->texts)))
		return NULL;
	s->order = order_of(f);
	for (size_t i = 0; i < count; i++)
		s->texts[i] = keyed(texts[i], s->order);
	if (count)
		qsort(s->texts, count, sizeof *s->texts, s->order);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || s->order(&s->texts[s->count - 1], &s->texts[i]) != 0)
			s->texts[s->count++] = s->texts[i];
	return s;
}

struct filter_set *set_of_numbers(struct arena *a, int64_t *numbers, size_t count)
{
	struct filter_set *s = arena_zalloc(a, sizeof *s);

	if (!s)
		return NULL;
	s->numbers = numbers;
	qsort(numbers, count, sizeof *numbers, order_number);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || numbers[s->count - 1] != numbers[i])
			numbers[s->count++] = numbers[i];
	return s;
}

/* The next value of the file; false at its end. */
static bool next_line(struct slice *rest, struct slice *value)
{
	while (slice_cut(rest, '\n', value)) {
		*value = slice_trim(*value);
		if (value->n && value->p[0] != '#')
			return true;
	}
	return false;
}

static size_t count_lines(struct slice rest)
{
	struct slice value;
	size_t n = 0;

	while (next_line(&rest, &value))
		n++;
	return n;
}

struct filter_set *set_of_file(struct arena *a, const struct field *f, struct slice path,
			       struct error *err)
{
	const char *name = arena_str(a, path);
	struct slice text, value, *values;
	struct filter_set *s = NULL;
	size_t n = 0;

	if (name && strlen(name) != path.n) {
		error_set(err, ERROR_USAGE, "the path of the file has a NUL in it");
		return NULL;
	}
	if (name && sys_read_config(name, LIMIT_IN_FILE_BYTES, a, &text, err) < 0)
		return NULL;
	values = name ? arena_array(a, count_lines(text), sizeof *values) : NULL;
	while (values && next_line(&text, &value))
		values[n++] = value;
	if (values)
		s = set_of_texts(a, f, values, n);
	if (!s)
		error_set(err, ERROR_NOMEM, "out of memory");
	else
		s->path = path;
	return s;
}

bool set_has(const struct filter_set *s, const struct value *v)
{
	struct set_text t;

	if (s->count == 0)
		return false;
	if (!s->order)
		return bsearch(&v->i, s->numbers, s->count, sizeof v->i, order_number);
	t = keyed(v->s, s->order);
	return bsearch(&t, s->texts, s->count, sizeof t, s->order);
}

void set_print(const struct filter_set *s, const struct field *f, struct buf *out)
{
	if (s->path.p) {
		buf_adds(out, "file ");
		print_text(s->path, out);
		return;
	}
	buf_addc(out, '(');
	for (size_t i = 0; i < s->count; i++) {
		buf_adds(out, i ? ", " : "");
		if (s->order)
			print_text(s->texts[i].text, out);
		else
			print_constant(f, s->numbers[i], out);
	}
	buf_addc(out, ')');
}
