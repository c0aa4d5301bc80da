/*
 * move: into another directory of this queue, or into any other queue directory on this host. The
 * data file goes first by a second name, then the control file under its lock.
 *
 * A d line says in which directory of the configuration the data file is, for all of them alike:
 * inside the queue it stays true, and the data file where it is. Elsewhere it would not be
 * understood: the data file goes along and the line is left out.
 */
#include "act.h"

#include <mtaq/jsonbytes.h>

#include <inttypes.h>
#include <stdio.h>

int move_begin(struct action *a, struct error *err)
{
	struct act *act = act_of(a);

	if (target_open(&act->target, queue_of(a), a->args->target, err) < 0)
		return -1;
	act->to = act->target.place;
	return 0;
}

void move_end(struct action *a)
{
	struct act *act = act_of(a);

	if (act->other_group)
		act_note(a,
			 "%" PRIu64
			 " went to another queue group: sendmail may put their recipients "
			 "back where its rules want them",
			 act->other_group);
	target_close(&act->target);
}

/* Is the name free there, in all its forms? A data file that is ours already is none in the way. */
int check_free(struct held *h, const struct place *to, struct error *err)
{
	const struct message *m = &h->message;
	char name[TEMP_NAME];
	struct stat st;

	for (const char *c = "qhQt"; *c; c++) {
		snprintf(name, sizeof name, "%cf%" SLICE_FMT, *c, SLICE_ARG(m->id));
		if (file_exists(to->qf_fd, name))
			return error_set(err, ERROR_DENIED, "refused: %s is there already",
					 act_path(h, slice_from(to->qf), name));
	}
	snprintf(name, sizeof name, "df%" SLICE_FMT, SLICE_ARG(m->id));
	if (!file_exists(to->df_fd, name) ||
	    (sys_stat(to->df_fd, name, name, &st, NULL) == 0 && st.st_ino == m->identity.data_ino &&
	     st.st_dev == m->identity.data_dev))
		return 0;
	return error_set(err, ERROR_DENIED, "refused: %s is there already",
			 act_path(h, slice_from(to->df), name));
}

static int record(struct held *h, const struct place *to, struct error *err)
{
	const struct grip *g = grip_of(h);

	return act_change(h,
			  json_pack("{s:s, s:o, s:o, s:o}", "what", "move", "dir",
				    json_bytes(g->unit->dir), "to", json_bytes(slice_from(to->qf)),
				    "name", json_bytes(slice_from(g->name))),
			  err);
}

static bool crosses_groups(const struct grip *g, const struct place *to)
{
	return to->unit && strcmp(g->unit->group, to->unit->group) != 0;
}

int move_prepare(struct action *a, struct held *h, struct error *err)
{
	const struct place *to = &act_of(a)->to;
	const struct grip *g = grip_of(h);
	struct qf_line l;
	struct qf_edits e;
	bool elsewhere;

	if (to->unit == g->unit)
		return 0;
	if (!g->data)
		return error_set(err, ERROR_DENIED, "refused: " NODATA_REFUSAL);
	if (check_free(h, to, err) < 0 || record(h, to, err) < 0)
		return -1;
	act_of(a)->other_group += crosses_groups(g, to);
	qf_edits_init(&e, &h->arena, h->message.control_text);
	elsewhere = qf_find_line(e.text, 'd', &l);
	if (elsewhere && !to->unit && qf_unset(&e, 'd', err) < 0)
		return -1;
	if (!a->dry_run && transfer_prepare(a, h, to, !elsewhere || !to->unit, &e, err) < 0)
		return -1;
	return 1;
}

int move_commit(struct action *a, struct held *h, struct error *err)
{
	return transfer_commit(a, h, &act_of(a)->to, err);
}

int move_finish(struct action *a, struct held *h, struct error *err)
{
	return transfer_finish(a, h, &act_of(a)->to, err);
}
