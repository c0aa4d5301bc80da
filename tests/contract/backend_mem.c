/* A queue in memory: see backend_mem.h. */
#include "contract/backend_mem.h"

#include <mtaq/limits.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { TROUBLES = 8, GATES = 64, HISTORY = 8 };

struct mem_counts {
	atomic_ulong ops[MEM_OPS], parts[PART_COUNT];
};

struct mem_seen {
	atomic_uint parts;
	atomic_ulong loads, adding; /* calls of load; those that added a part */
	atomic_uint history[HISTORY];
};

struct mem_gate {
	bool closed;
	unsigned held;
};

struct mem_queue {
	struct queue base;
	struct backend table; /* what base.backend points to, with the facts of `like` */
	struct unit unit;
	const struct unit *units[1];
	const struct mem_message *list;
	size_t count;
	struct mem_counts *counts;
	struct mem_seen *seen; /* per message */
	struct {
		size_t before;
		struct error err;
	} troubles[TROUBLES];
	size_t trouble_count;
	struct error refusal;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	struct mem_gate *gates; /* GATES of them */
	atomic_bool gated;
};

struct scan {
	struct mem_queue *q;
	size_t next, trouble;
};

static struct mem_queue *mem_queue(const struct queue *q)
{
	return (struct mem_queue *)(void *)(uintptr_t)q;
}

static void count(const struct mem_queue *q, enum mem_op op)
{
	atomic_fetch_add(&q->counts->ops[op], 1);
}

/* ---- scanning and finding ---- */

static struct scan *mem_scan_begin(const struct queue *q, struct error *err)
{
	struct scan *s = calloc(1, sizeof *s);

	count(mem_queue(q), MEM_SCAN_BEGIN);
	if (s && mem_queue(q)->refusal.code != ERROR_NONE) {
		if (err)
			*err = mem_queue(q)->refusal;
		free(s);
		return NULL;
	}
	if (s)
		s->q = mem_queue(q);
	else
		error_set(err, ERROR_NOMEM, "out of memory");
	return s;
}

static int give(struct mem_queue *q, size_t i, struct arena *names, struct message_entry *out,
		struct error *err)
{
	*out = (struct message_entry){
	    .unit = &q->unit,
	    .name = arena_copy(names, slice_from(q->list[i].name)),
	    .number = i + 1,
	};
	return out->name.p ? 1 : error_set(err, ERROR_NOMEM, "out of memory");
}

static int mem_scan_next(struct scan *s, struct arena *names, struct message_entry *out,
			 struct error *err)
{
	struct mem_queue *q = s->q;

	count(q, MEM_SCAN_NEXT);
	if (s->trouble < q->trouble_count && q->troubles[s->trouble].before <= s->next) {
		if (err)
			*err = q->troubles[s->trouble].err;
		s->trouble++;
		return -1;
	}
	return s->next < q->count ? give(q, s->next++, names, out, err) : 0;
}

static void mem_scan_end(struct scan *s)
{
	count(s->q, MEM_SCAN_END);
	free(s);
}

static int mem_find(const struct queue *base, struct slice id, struct arena *names,
		    struct message_entry *out, int room, struct error *err)
{
	struct mem_queue *q = mem_queue(base);
	int found = 0;

	count(q, MEM_FIND);
	id = slice_trim(id);
	if (slice_starts(id, SLICE("#")))
		id = slice_skip(id, 1);
	while (slice_ends(id, SLICE("*")) || slice_ends(id, SLICE("!")))
		id.n--;
	for (size_t i = 0; i < q->count; i++) {
		if (!slice_eq(id, slice_from(q->list[i].name)))
			continue;
		if (found < room && give(q, i, names, &out[found], err) < 0)
			return -1;
		found++;
	}
	return found;
}

/* ---- loading ---- */

static void wait_at_gate(struct mem_queue *q, size_t i)
{
	struct mem_gate *g = &q->gates[i / LIMIT_CHUNK_ENTRIES % GATES];

	if (!atomic_load(&q->gated))
		return;
	pthread_mutex_lock(&q->mutex);
	g->held++;
	pthread_cond_broadcast(&q->changed);
	while (g->closed)
		pthread_cond_wait(&q->changed, &q->mutex);
	g->held--;
	pthread_mutex_unlock(&q->mutex);
}

static void mem_begin(const struct queue *base, const struct message_entry *e, struct arena *arena,
		      struct message *m)
{
	struct mem_queue *q = mem_queue(base);
	const struct mem_message *script = &q->list[e->number - 1];

	count(q, MEM_BEGIN);
	wait_at_gate(q, e->number - 1);
	*m = (struct message){
	    .queue = base,
	    .entry = *e,
	    .arena = arena,
	    .have = PART_NAME,
	    .id = e->name,
	    .locked = -1,
	};
	if (script->state_in_name) {
		m->state = script->is.state;
		m->state_known = true;
	}
}

/* Members whose field has all it needs now and had not before. */
static void deliver(struct message *m, const struct message *is, const parts_t *needs,
		    parts_t before)
{
	parts_t good = (parts_t)(m->have & ~m->failed);

	for (int f = 0; f < FIELD_COUNT; f++) {
		if (!needs[f] || (needs[f] & ~good) || !(needs[f] & ~before))
			continue;
		if (f == FIELD_STATE && m->state_known)
			continue;
		mem_take(m, is, (enum field_id)f);
	}
}

static void fail_part(struct message *m, enum part_index i)
{
	static const struct error no_memory = {.code = ERROR_NOMEM, .text = "out of memory"};
	struct error *e = arena_alloc(m->arena, sizeof *e);

	if (e) {
		*e = ERROR_INIT;
		error_set(e, ERROR_CORRUPT, "%" SLICE_FMT ": no %s", SLICE_ARG(m->id),
			  message_part_name(i));
	}
	m->failed |= PART(i);
	m->why[i] = e ? e : &no_memory;
}

static void note_parts(struct mem_seen *s, parts_t added)
{
	unsigned long at = added ? atomic_fetch_add(&s->adding, 1) : HISTORY;

	atomic_fetch_or(&s->parts, added);
	if (at < HISTORY)
		atomic_store(&s->history[at], added);
}

static void mem_load(struct loader *l, struct message *m, parts_t want)
{
	struct mem_queue *q = mem_queue(m->queue);
	size_t i = m->entry.number - 1;
	const struct mem_message *script = &q->list[i];
	parts_t before = m->have;
	unsigned long call = atomic_fetch_add(&q->seen[i].loads, 1) + 1;

	(void)l;
	want &= (parts_t)~m->have;
	count(q, MEM_LOAD);
	note_parts(&q->seen[i], want);
	if (m->gone)
		return;
	m->gone = (want & script->vanishes) || call == script->vanishes_at;
	m->have |= want;
	for (int p = 0; p < PART_COUNT; p++) {
		if (!(want & PART(p)))
			continue;
		atomic_fetch_add(&q->counts->parts[p], 1);
		if (script->fails & PART(p))
			fail_part(m, (enum part_index)p);
	}
	deliver(m, &script->is, q->base.backend->needs, (parts_t)(before & ~m->failed));
}

static void mem_files(const struct message *m,
		      void (*fn)(void *ctx, const char *role, const char *path), void *ctx)
{
	(void)fn;
	(void)ctx;
	count(mem_queue(m->queue), MEM_FILES);
}

static int mem_open_data(const struct message *m, bool *whole, struct error *err)
{
	const struct mem_queue *q = mem_queue(m->queue);
	struct slice body = q->list[m->entry.number - 1].is.body;
	char name[] = "/tmp/mtaq-mem.XXXXXX";
	int fd = mkstemp(name);

	count(q, MEM_OPEN_DATA);
	*whole = false;
	if (fd < 0)
		return error_sys(err, errno, "%s", name);
	unlink(name);
	if (sys_write_all(fd, body.p, body.n) < 0 || lseek(fd, 0, SEEK_SET) < 0) {
		sys_close(fd);
		return error_sys(err, errno, "%s", name);
	}
	return fd;
}

/* ---- queues ---- */

static int mem_discover(const char *config, void (*found)(void *ctx, const struct queue_spec *spec),
			void *ctx, struct error *err)
{
	(void)config;
	(void)found;
	(void)ctx;
	(void)err;
	return 0;
}

static int mem_detect(const char *dir, struct error *err)
{
	struct stat st;

	if (strcmp(dir, MEM_DEMO) == 0)
		return 100;
	return lstat(dir, &st) < 0 ? error_sys(err, errno, "%s", dir) : 0;
}

static void mem_describe(const struct queue *q, describe_fn *fn, void *ctx)
{
	fn(ctx, "messages", mem_queue(q)->count ? "some" : "none", NULL);
}

static struct unit_list mem_units(const struct queue *q)
{
	return (struct unit_list){mem_queue(q)->units, 1};
}

static struct queue *mem_open_spec(const struct queue_spec *spec, const char *config, int64_t now,
				   trouble_fn *trouble, void *ctx, struct error *err)
{
	static const struct mem_message demo[] = {
	    {.name = "first",
	     .is = {.state = STATE_QUEUED,
		    .arrival = {true, 1000},
		    .size = {true, 5},
		    .sender = {"a@example.com", 13},
		    .body = {"body\n", 5}}},
	    {.name = "second",
	     .is = {.state = STATE_HELD, .arrival = {true, 2000}, .bounce = true},
	     .state_in_name = true},
	    {.name = "broken", .is = {.state = STATE_QUEUED}, .fails = PART_CONTROL | PART_BODY},
	};

	(void)config;
	(void)trouble;
	(void)ctx;
	if (strcmp(spec->dir, MEM_DEMO) == 0)
		return mem_open(NULL, demo, sizeof demo / sizeof demo[0], now);
	error_set(err, ERROR_NOQUEUE, "%s: no queue in memory", spec->dir);
	if (err)
		err->scope = SCOPE_QUEUE;
	return NULL;
}

static void free_queue(struct mem_queue *q)
{
	free(q->counts);
	free(q->seen);
	free(q->gates);
	free(q);
}

static void use_table(struct mem_queue *q, const struct backend *like)
{
	q->table = backend_mem;
	if (like) {
		q->table.name = like->name;
		q->table.needs = like->needs;
		q->table.lacks = like->lacks;
		q->table.states = like->states;
		q->table.options = like->options;
		q->table.native_format = like->native_format;
		memcpy(q->table.cost, like->cost, sizeof like->cost);
	}
	q->base.backend = like ? &q->table : &backend_mem;
}

struct queue *mem_open(const struct backend *like, const struct mem_message *list, size_t n,
		       int64_t now)
{
	struct mem_queue *q = calloc(1, sizeof *q);

	if (!q)
		return NULL;
	q->counts = calloc(1, sizeof *q->counts);
	q->seen = calloc(n + 1, sizeof *q->seen);
	q->gates = calloc(GATES, sizeof *q->gates);
	if (!q->counts || !q->seen || !q->gates) {
		free_queue(q);
		return NULL;
	}
	use_table(q, like);
	q->base.name = "mem:" MEM_DEMO;
	q->base.dir = MEM_DEMO;
	q->base.host = "host.example";
	q->base.now = now;
	q->unit = (struct unit){&q->base, MEM_DEMO, 0};
	q->units[0] = &q->unit;
	q->list = list;
	q->count = n;
	pthread_mutex_init(&q->mutex, NULL);
	pthread_cond_init(&q->changed, NULL);
	return &q->base;
}

void mem_close(struct queue *base)
{
	struct mem_queue *q = mem_queue(base);

	if (!q)
		return;
	pthread_mutex_destroy(&q->mutex);
	pthread_cond_destroy(&q->changed);
	free_queue(q);
}

void mem_trouble(struct queue *base, size_t before, const struct error *e)
{
	struct mem_queue *q = mem_queue(base);

	if (q->trouble_count == TROUBLES)
		abort();
	q->troubles[q->trouble_count].before = before;
	q->troubles[q->trouble_count++].err = *e;
}

void mem_refuse(struct queue *q, const struct error *e)
{
	mem_queue(q)->refusal = *e;
}

/* ---- counts and gates ---- */

unsigned long mem_calls(const struct queue *q, enum mem_op op)
{
	return atomic_load(&mem_queue(q)->counts->ops[op]);
}

unsigned long mem_part_loads(const struct queue *q, enum part_index part)
{
	return atomic_load(&mem_queue(q)->counts->parts[part]);
}

parts_t mem_parts(const struct queue *q, size_t i)
{
	return (parts_t)atomic_load(&mem_queue(q)->seen[i].parts);
}

unsigned long mem_loads(const struct queue *q, size_t i)
{
	return atomic_load(&mem_queue(q)->seen[i].loads);
}

size_t mem_history(const struct queue *base, size_t i, parts_t *out, size_t room)
{
	const struct mem_seen *s = &mem_queue(base)->seen[i];
	size_t n = atomic_load(&s->adding);

	for (size_t k = 0; k < n && k < room && k < HISTORY; k++)
		out[k] = (parts_t)atomic_load(&s->history[k]);
	return n;
}

void mem_reset_counts(struct queue *base)
{
	struct mem_queue *q = mem_queue(base);

	for (int i = 0; i < MEM_OPS; i++)
		atomic_store(&q->counts->ops[i], 0);
	for (int i = 0; i < PART_COUNT; i++)
		atomic_store(&q->counts->parts[i], 0);
	for (size_t i = 0; i < q->count; i++) {
		atomic_store(&q->seen[i].parts, 0);
		atomic_store(&q->seen[i].loads, 0);
		atomic_store(&q->seen[i].adding, 0);
	}
}

static void set_gate(struct queue *base, size_t chunk, bool closed)
{
	struct mem_queue *q = mem_queue(base);

	pthread_mutex_lock(&q->mutex);
	atomic_store(&q->gated, true);
	q->gates[chunk % GATES].closed = closed;
	pthread_cond_broadcast(&q->changed);
	pthread_mutex_unlock(&q->mutex);
}

void mem_gate_close(struct queue *q, size_t chunk)
{
	set_gate(q, chunk, true);
}

void mem_gate_open(struct queue *q, size_t chunk)
{
	set_gate(q, chunk, false);
}

void mem_gate_wait(struct queue *base, size_t chunk)
{
	struct mem_queue *q = mem_queue(base);

	pthread_mutex_lock(&q->mutex);
	while (!q->gates[chunk % GATES].held)
		pthread_cond_wait(&q->changed, &q->mutex);
	pthread_mutex_unlock(&q->mutex);
}

/* ---- the table ---- */

static const parts_t needs[FIELD_COUNT] = {
    [FIELD_ID] = PART_NAME,
    [FIELD_QUEUE] = PART_NAME,
    [FIELD_MTA] = PART_NAME,
    [FIELD_HOST] = PART_NAME,
    [FIELD_STATE] = PART_STAT,
    [FIELD_ARRIVAL] = PART_CONTROL,
    [FIELD_AGE] = PART_CONTROL,
    [FIELD_SIZE] = PART_DATA,
    [FIELD_SENDER] = PART_CONTROL,
    [FIELD_SENDER_DOMAIN] = PART_CONTROL,
    [FIELD_BOUNCE] = PART_CONTROL,
    [FIELD_RECIPIENT] = PART_RECIPIENTS,
    [FIELD_RECIPIENT_DOMAIN] = PART_RECIPIENTS,
    [FIELD_RECIPIENTS] = PART_RECIPIENTS,
    [FIELD_PENDING] = PART_RECIPIENTS,
    [FIELD_HEADER] = PART_HEADER,
    [FIELD_SUBJECT] = PART_HEADER,
    [FIELD_BODY] = PART_DATA | PART_BODY,
};

static const char *const options[] = {NULL};

const struct backend backend_mem = {
    .name = "mem",
    .summary = "messages in memory",
    .cost =
	{
	    [PART_STAT_I] = 10,
	    [PART_CONTROL_I] = 100,
	    [PART_DATA_I] = 10,
	    [PART_RECIPIENTS_I] = 200,
	    [PART_HEADER_I] = 300,
	    [PART_LOCK_I] = 50,
	    [PART_BODY_I] = 1000,
	    [PART_LOG_I] = 500,
	},
    .needs = needs,
    .states = 1u << STATE_QUEUED | 1u << STATE_HELD,
    .options = options,
    .native_format = "mailq",
    .discover = mem_discover,
    .detect = mem_detect,
    .open = mem_open_spec,
    .close = mem_close,
    .describe = mem_describe,
    .units = mem_units,
    .scan_begin = mem_scan_begin,
    .scan_next = mem_scan_next,
    .scan_end = mem_scan_end,
    .find = mem_find,
    .begin = mem_begin,
    .load = mem_load,
    .files = mem_files,
    .open_data = mem_open_data,
};
