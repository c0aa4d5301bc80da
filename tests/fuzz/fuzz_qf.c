/* Any bytes as a sendmail control file: every pass agrees with the counts of the first, nothing
 * points outside, and the lister's view covers all of it. */
#include "../../backends/sendmail/qf.h"
#include "../../backends/sendmail/queue.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
	if (!good)
		abort();
}

static volatile unsigned char sink;

/* Touch all of it, so that the sanitizers see what is not there. */
static void touch(struct slice s)
{
	unsigned char sum = 0;

	for (size_t i = 0; i < s.n; i++)
		sum = (unsigned char)(sum + (unsigned char)s.p[i]);
	sink = sum;
}

static void check_envelope(const struct qf *q)
{
	const struct slice values[] = {q->data_dir, q->body_type, q->reason,
				       q->flags,    q->sender,	  q->envid,
				       q->auth,	    q->status,	  q->deliver_by};

	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
		touch(values[i]);
	for (size_t i = 0; i < q->macro_count; i++) {
		touch(q->macros[i].name);
		touch(q->macros[i].value);
	}
	check(q->recipients_at <= q->text.n && q->headers_at <= q->text.n);
	check(!q->ended || q->whole);
}

static void check_recipients(struct arena *a, const struct qf *q)
{
	struct error err = ERROR_INIT;
	struct qf_recipients r;

	if (qf_recipients(a, q, &r, &err) < 0) {
		check(err.code == ERROR_LIMIT);
		return;
	}
	check(r.count <= q->recipient_count && r.status_count <= q->status_count);
	check(!q->status.p || r.status_count > 0);
	for (size_t i = 0; i < r.count; i++) {
		touch(r.list[i].address);
		touch(r.list[i].raw);
		touch(r.list[i].status);
		check(!r.list[i].own_status || r.list[i].status.p);
	}
}

static void check_headers(struct arena *a, const struct qf *q)
{
	struct message m = {.sender = q->sender, .flags = q->flags};
	struct sendmail_queue queue;
	struct error err = ERROR_INIT;
	struct header_list l;

	if (qf_headers(a, q, &l, &err) < 0) {
		check(err.code == ERROR_LIMIT);
		return;
	}
	check(l.count <= q->header_count);
	for (size_t i = 0; i < l.count; i++) {
		struct slice clear = sendmail_header_bytes(a, &m, l.list[i].raw);

		check(clear.p != NULL);
		touch(clear);
		touch(l.list[i].name);
	}
	m.headers = l;
	cf_defaults(&queue.cf);
	check(sendmail_class(&queue, &m) < CF_CLASS_COUNT);
}

static void check_lister(struct slice text)
{
	struct slice rest = text, line;

	while (qf_lister_line(&rest, &line)) {
		check(line.p >= text.p && line.p + line.n <= text.p + text.n && line.n <= 2047);
		check(!memchr(line.p, '\n', line.n) && !memchr(line.p, '\0', line.n));
	}
	check(rest.n == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of(size ? (const char *)data : "", size);
	struct error err = ERROR_INIT;
	struct arena a;
	struct qf q;

	arena_init(&a, 0);
	if (qf_parse(&a, text, &q, &err) == 0) {
		check_envelope(&q);
		check_recipients(&a, &q);
		check_headers(&a, &q);
	} else {
		check(err.code == ERROR_LIMIT);
	}
	check_lister(text);
	arena_free(&a);
	return 0;
}
