/* What backends that check their queues share: see mtaq/check.h. */
#include <mtaq/check.h>

#include <stdlib.h>

const char *severity_name(enum severity s)
{
	static const char *const names[SEVERITY_COUNT] = {
	    [SEVERITY_URGENT] = "urgent",
	    [SEVERITY_ERROR] = "error",
	    [SEVERITY_WARNING] = "warning",
	    [SEVERITY_NOTE] = "note",
	};

	return names[s];
}

/* With a NUL after it, also where there is none. */
static bool keep(struct arena *a, struct slice *s)
{
	if (!s->p)
		return true;
	*s = arena_copy(a, *s);
	return s->p != NULL;
}

int mend_add(struct mend *m, const struct repair_step *s, struct error *err)
{
	struct repair_step *copy;

	if (m->count == m->room) {
		size_t room = m->room ? m->room * 2 : 4;
		struct repair_step *list = arena_alloc(&m->arena, room * sizeof *list);

		if (!list)
			return error_set(err, ERROR_NOMEM, "out of memory");
		if (m->count)
			memcpy(list, m->steps, m->count * sizeof *list);
		m->steps = list;
		m->room = room;
	}
	copy = &m->steps[m->count];
	*copy = *s;
	if (!keep(&m->arena, &copy->at.dir) || !keep(&m->arena, &copy->at.name) ||
	    !keep(&m->arena, &copy->to.dir) || !keep(&m->arena, &copy->to.name) ||
	    !keep(&m->arena, &copy->text))
		return error_set(err, ERROR_NOMEM, "out of memory");
	m->count++;
	return 0;
}
