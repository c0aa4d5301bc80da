/*
 * Where qmail-send's log lies: as told by log=, or, for a queue in a usual place, where it usually
 * is. The log of this host says nothing of a queue that was copied to somewhere else.
 */
#include "internal.h"

#include <unistd.h>

/* In the order of trust: multilog's own directories, then what a syslog daemon writes, the file
 * before the last rotation with it. */
static const char *const directories[] = {"/var/log/qmail", "/var/log/qmail/qmail-send",
					  "/var/log/qmail/send", "/service/qmail/log/main",
					  "/service/qmail-send/log/main"};
static const char *const files[][3] = {
    {"/var/log/mail.log", "/var/log/mail.log.1", "/var/log/mail.log.0"},
    {"/var/log/maillog", "/var/log/maillog.1", "/var/log/maillog.0"},
    {"/var/log/mail.info", "/var/log/mail.info.1", "/var/log/mail.info.0"},
};

static void add(struct queue_qmail *q, const char *path)
{
	if (q->base.log_count < LOG_PLACES)
		q->logs[q->base.log_count++] = path;
	q->base.logs = q->logs;
}

static bool find_directory(struct queue_qmail *q)
{
	for (size_t i = 0; i < sizeof directories / sizeof directories[0]; i++) {
		struct slice current = arena_printf(&q->arena, "%s/current", directories[i]);

		if (!current.p || access(current.p, R_OK) != 0)
			continue;
		add(q, directories[i]);
		q->log_why = "a usual place, it has a current";
		return true;
	}
	return false;
}

static bool find_file(struct queue_qmail *q)
{
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		if (access(files[i][0], R_OK) != 0)
			continue;
		for (size_t k = 0; k < 3; k++)
			if (access(files[i][k], R_OK) == 0)
				add(q, files[i][k]);
		q->log_why = "a usual place, it is there";
		return true;
	}
	return false;
}

static int add_told(struct queue_qmail *q, const char *path, struct error *err)
{
	struct stat st;

	if (!path || !*path)
		return error_set(err, ERROR_USAGE, "log= wants a file or a directory");
	if (q->base.log_count == LOG_PLACES)
		return error_set(err, ERROR_USAGE, "more than %d logs", LOG_PLACES);
	if (stat(path, &st) < 0 || access(path, R_OK) < 0)
		return error_set(err, ERROR_USAGE, "log %s cannot be read, or is not there", path);
	add(q, path);
	q->log_why = "named";
	return 0;
}

int log_find(struct queue_qmail *q, const struct queue_spec *spec, struct error *err)
{
	bool told = false;

	q->log_why = "none is named, and the queue is in no usual place";
	for (size_t i = 0; i < spec->option_count; i++) {
		const struct queue_option *o = &spec->options[i];

		if (strcmp(o->key, "log") != 0)
			continue;
		told = true;
		if (o->value && strcmp(o->value, "none") == 0)
			q->log_why = "log=none";
		else if (add_told(q, o->value, err) < 0)
			return -1;
	}
	if (told || !qmail_usual_place(q->base.dir))
		return 0;
	q->log_why = "none is named, and there is none in a usual place";
	if (!find_directory(q))
		find_file(q);
	return 0;
}
