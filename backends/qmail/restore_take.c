/* May a saved message come back? Not when it is in the queue, nor when an earlier run brought it
 * back and it has left since. See ops_restore.c. */
#include "restoring.h"

#include "export.h"
#include "mend.h"

#include <mtaq/saved.h>

#include <errno.h>
#include <fcntl.h>

int restore_queued_as(struct action *a, uint64_t n, bool *mess, bool *envelope, struct stat *st,
		      struct error *err)
{
	const struct queue_qmail *q = queue_qmail(a->queue);
	enum qmail_file f;
	struct stat other;
	int has_mess = qmail_stat(q, FILE_MESS, n, st, err);
	/* todo first: a message leaves it for info */
	int has_todo = qmail_find_todo(q, n, &f, &other, err);
	int has_info = qmail_stat(q, FILE_INFO, n, &other, err);

	*mess = has_mess > 0;
	*envelope = has_info > 0 || has_todo > 0;
	return has_mess < 0 || has_info < 0 || has_todo < 0 ? -1 : 0;
}

bool restore_is_own(const struct restore *r, const struct stat *mess)
{
	return qmail_mtime_ns(mess) == qmail_mtime_ns(&r->s.mess_st) &&
	       mess->st_size == r->s.mess_st.st_size;
}

/* A message of this number whose mess is ours: 1 all of it, 2 mess alone, 0 none, -1. */
static int find_own(struct action *a, const struct restore *r, uint64_t n, bool same_inode,
		    struct error *err)
{
	bool mess, envelope;
	struct stat st;

	if (restore_queued_as(a, n, &mess, &envelope, &st, err) < 0)
		return -1;
	if (!mess || !restore_is_own(r, &st) ||
	    (same_inode && (st.st_ino != r->s.mess_st.st_ino || st.st_dev != r->s.mess_st.st_dev)))
		return 0;
	return envelope ? 1 : 2;
}

/* An earlier run was cut off. What qmail-send may have seen and what is no longer there was
 * delivered, or came back: it must not happen twice. */
static int check_again(struct action *a, struct held *h, struct restore *r, uint64_t again,
		       struct error *err)
{
	int found = find_own(a, r, again, false, err);

	if (found == 0 && json_is_true(json_object_get(h->saved->note, RESTORE_VISIBLE)))
		return error_set(err, ERROR_DENIED,
				 "it was put back already, as %llu, and has left the queue since: "
				 "only its copy is here",
				 (unsigned long long)again);
	r->in_queue = found > 0;
	held_pin(h)->n = found > 0 ? again : 0;
	return found < 0 ? -1 : 0;
}

static int check_not_queued(struct action *a, struct held *h, struct restore *r, struct error *err)
{
	uint64_t again =
	    (uint64_t)json_integer_value(json_object_get(h->saved->note, RESTORE_NUMBER));
	struct wanted w;
	int found;

	if (again)
		return check_again(a, h, r, again, err);
	if (!id_parse(h->saved->id, a->queue->dir, &w))
		return error_set(err, ERROR_CORRUPT, "its id is none of qmail's");
	found = find_own(a, r, w.number, false, err);
	if (found == 1)
		return error_set(err, ERROR_DENIED, "it is in the queue");
	if (found >= 0 && json_is_true(json_object_get(h->saved->note, EXPORT_UNDONE)))
		return error_set(
		    err, ERROR_DENIED,
		    "an undo has put it back already, and it has left the queue since: "
		    "only its copy is here");
	/* its mess was not removed yet when delete was cut off */
	r->in_queue = found == 2 && find_own(a, r, w.number, true, err) == 2;
	held_pin(h)->n = r->in_queue ? w.number : 0;
	return found < 0 ? -1 : 0;
}

/* Files go when the message is back, mess first: without it, and after qmail-send may have seen the
 * message, an earlier run was cut off while it tidied up. */
static bool is_tidied(const struct held *h, struct arena *a)
{
	struct saved_file mess;
	struct stat st;

	return json_is_true(json_object_get(h->saved->note, RESTORE_VISIBLE)) &&
	       saved_file_by_role(h->saved->note, "mess", a, &mess) &&
	       fstatat(h->saved->dirfd, mess.name.p, &st, AT_SYMLINK_NOFOLLOW) < 0 &&
	       errno == ENOENT;
}

/* What is not complete cannot be brought back, which is more than that it is gone. */
static int check_complete(const struct held *h, struct error *err)
{
	struct error e = ERROR_INIT;

	if (saved_check_complete(h->saved->dirfd, h->saved->note, &e) == 0)
		return 0;
	return error_set(err, e.code == ERROR_GONE ? ERROR_CORRUPT : e.code, "%s", e.text);
}

int qmail_restore_take(struct action *a, struct held *h, struct error *err)
{
	struct restore *r = arena_zalloc(&h->arena, sizeof *r);
	struct message *m = &h->message;
	struct message_entry none = {.unit = &queue_qmail(a->queue)->unit, .name = h->saved->id};

	if (!r)
		return error_set(err, ERROR_LIMIT, "out of memory");
	held_pin(h)->op = r;
	r->s.mess = -1;
	qmail_begin(a->queue, &none, &h->arena, m);
	r->tidied = is_tidied(h, &h->arena);
	if (r->tidied)
		return 0;
	if (check_complete(h, err) < 0 || source_open(h, &r->s, err) < 0 ||
	    check_not_queued(a, h, r, err) < 0) {
		source_close(&r->s);
		return -1;
	}
	m->sender = m->sender_raw = source_sender(&r->s, &h->arena);
	m->double_bounce = slice_eq(m->sender, SLICE("#@[]"));
	m->bounce = m->double_bounce || (m->sender.p && m->sender.n == 0);
	m->identity.data_mtime_ns = qmail_mtime_ns(&r->s.mess_st);
	return 0;
}
