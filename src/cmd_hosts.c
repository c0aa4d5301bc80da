/* mtaq hosts: whom the MTA believes down, since when and until when; and making it forget that. */
#include "cmd.h"
#include "hostlist.h"
#include "queues.h"

#include <inttypes.h>
#include <stdlib.h>

struct hosts_options {
	bool all, forget, dry_run, json;
};

static const struct option_row options[] = {
    {'a', "all", NULL, OPTION_FLAG, offsetof(struct hosts_options, all),
     "also hosts without any trouble"},
    {0, "forget", NULL, OPTION_FLAG, offsetof(struct hosts_options, forget),
     "make the MTA forget what it has noted, of HOST... or of all"},
    {'n', "dry-run", NULL, OPTION_FLAG, offsetof(struct hosts_options, dry_run),
     "forget: only tell which"},
    {0, "json", NULL, OPTION_FLAG, offsetof(struct hosts_options, json), "a JSON object per host"},
    {0},
};

/* One run over all queues. */
struct job {
	struct run *run;
	const struct hosts_options *o;
	struct host_choice choice;
	bool several; /* queues */
	bool heading; /* was printed */
	bool unread;  /* of a queue there are notes that could not be read */
	uint64_t forgotten;
};

static void print_note(struct job *j, const struct queue *q, const struct host_note *n,
		       const bool *forgotten)
{
	struct buf b;

	buf_init(&b);
	if (j->o->json) {
		run_json(j->run, host_json(q, n, forgotten));
	} else if (forgotten) {
		text_escape(&b, n->host);
		buf_adds(&b, *forgotten ? ": forgotten\n" : ": not forgotten\n");
	} else {
		if (!j->heading)
			host_print_heading(&b);
		j->heading = true;
		host_print_row(&b, n, j->run->now);
	}
	run_out(j->run, buf_slice(&b));
	buf_free(&b);
}

static void print_queue_name(struct job *j, const struct queue *q)
{
	struct buf b;

	if (!j->several || j->o->json)
		return;
	buf_init(&b);
	text_escape(&b, slice_from(q->name));
	buf_adds(&b, ":\n");
	run_out(j->run, buf_slice(&b));
	buf_free(&b);
}

/* 1, 0 there was none, -1 told */
static int forget_one(struct job *j, const struct queue *q, struct slice host)
{
	struct error err = ERROR_INIT;
	int r = 1;

	if (!j->o->dry_run)
		r = q->backend->hosts->forget(q, host, &err);
	if (r < 0) {
		error_prefix(&err, "%" SLICE_FMT, SLICE_ARG(host));
		if (err.code == ERROR_BUSY)
			run_fail(j->run, STATUS_SOME, "%s", err.text);
		else
			run_error(j->run, &err);
	}
	j->forgotten += r > 0;
	return r;
}

/* What is noted, but cannot be read, has no row: it goes by its name. */
static void forget_unread(struct job *j, const struct queue *q)
{
	for (size_t i = 0; i < j->choice.count && !j->o->dry_run; i++) {
		struct host_note n = {.host = host_bare(slice_from(j->choice.words[i]))};
		bool done = true;

		if (j->choice.found[i] || !n.host.n || *n.host.p == '.')
			continue;
		if (forget_one(j, q, n.host) == 1) {
			j->choice.found[i] = true;
			print_note(j, q, &n, &done);
		}
	}
}

static void serve_queue(struct job *j, const struct queue *q)
{
	struct host_list l;

	host_list_init(&l);
	if (host_list_read(j->run, q, &j->choice, &l)) {
		if (l.count)
			print_queue_name(j, q);
		for (size_t i = 0; i < l.count && !j->run->out_lost; i++) {
			bool done = j->o->forget && forget_one(j, q, l.list[i].host) == 1;

			print_note(j, q, &l.list[i], j->o->forget ? &done : NULL);
		}
		if (j->o->forget)
			forget_unread(j, q);
		j->unread = j->unread || l.unread;
	}
	host_list_free(&l);
}

static void tell_missing(struct job *j)
{
	/* a dry run cannot try whether forget_unread() would find it */
	const char *missing = j->o->dry_run && j->unread
				  ? "nothing that can be read is noted of this host; "
				    "a note that cannot be read would be forgotten"
				  : "nothing is noted of this host";

	for (size_t i = 0; i < j->choice.count; i++)
		if (!j->choice.found[i])
			run_fail(j->run, STATUS_SOME, "%s: %s", j->choice.words[i], missing);
	if (j->o->forget)
		run_note(j->run, "%" PRIu64 " %s forgotten%s", j->forgotten,
			 j->forgotten == 1 ? "host" : "hosts", j->o->dry_run ? " (dry run)" : "");
}

static bool check(struct run *run, const struct hosts_options *o)
{
	if (o->dry_run && !o->forget)
		run_fail(run, STATUS_USAGE, "hosts: -n is for --forget");
	else if (o->forget && run->globals.clock.given && !run->testing)
		run_fail(run, STATUS_USAGE, "hosts --forget: --clock is for looking only");
	return run->status == STATUS_OK;
}

static void hosts_run(struct run *run, const void *values)
{
	const struct hosts_options *o = values;
	struct job j = {.run = run, .o = o};
	struct queue_list l;

	if (!check(run, o))
		return;
	j.choice = (struct host_choice){
	    .words = run->words,
	    .count = run->word_count,
	    .found = arena_zalloc(&run->arena, run->word_count + 1),
	    .trouble_only = !o->all && !o->forget,
	};
	queues_open(run, &l);
	j.several = l.count > 1;
	for (size_t i = 0; i < l.count; i++)
		serve_queue(&j, l.list[i]);
	if (l.count)
		tell_missing(&j);
	queues_close(&l);
}

const struct command command_hosts = {
    .name = "hosts",
    .summary = "list the hosts that the MTA believes down, or make it forget that",
    .args = "[HOST]...",
    .flags = COMMAND_WORDS,
    .options = options,
    .options_size = sizeof(struct hosts_options),
    .run = hosts_run,
};
