/* Output discipline of one run: see run.h. */
#include "run.h"

#include <mtaq/jsonbytes.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void put_line(const char *program, struct slice text)
{
	struct buf b;

	buf_init(&b);
	buf_adds(&b, program);
	buf_adds(&b, ": ");
	text_escape(&b, text);
	buf_addc(&b, '\n');
	run_err(buf_slice(&b));
	buf_free(&b);
}

static void put_formatted(struct run *run, const char *fmt, va_list ap)
{
	char line[2048];

	vsnprintf(line, sizeof line, fmt, ap);
	put_line(run->program, slice_from(line));
}

enum status run_fail(struct run *run, enum status st, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_formatted(run, fmt, ap);
	va_end(ap);
	run->status = status_worse(run->status, st);
	return st;
}

enum status run_error(struct run *run, const struct error *err)
{
	return run_fail(run, status_of_error(err), "%s", err->text);
}

void run_note(struct run *run, const char *fmt, ...)
{
	va_list ap;

	if (run->globals.quiet)
		return;
	va_start(ap, fmt);
	put_formatted(run, fmt, ap);
	va_end(ap);
}

enum status run_expression_error(struct run *run, struct slice text, const struct error *err)
{
	enum status st = status_of_error(err);
	struct buf b;

	/* past a limit, too, it is the user who has to write it otherwise */
	if (st == STATUS_SOME)
		st = STATUS_USAGE;
	run->status = status_worse(run->status, st);
	buf_init(&b);
	buf_printf(&b, "%s: ", run->program);
	text_escape_written(&b, slice_from(err->text));
	buf_addc(&b, '\n');
	if (err->offset != (size_t)-1)
		filter_caret(&b, text, err->offset);
	run_err(buf_slice(&b));
	buf_free(&b);
	return st;
}

static void output_lost(struct run *run, int errnum)
{
	struct error err = ERROR_INIT;

	run->out_lost = true;
	error_sys(&err, errnum, "standard output");
	run_fail(run, STATUS_IO, "%s", err.text);
}

bool run_out(struct run *run, struct slice s)
{
	if (!run->out_lost && s.n && fwrite(s.p, 1, s.n, stdout) != s.n)
		output_lost(run, errno);
	return !run->out_lost;
}

void run_json(struct run *run, json_t *o)
{
	struct buf b;

	buf_init(&b);
	if (json_line(&b, o, run->out_tty))
		run_out(run, buf_slice(&b));
	else
		run_fail(run, STATUS_INTERNAL, "cannot make JSON");
	buf_free(&b);
	json_decref(o);
}

bool run_flush(struct run *run)
{
	if (!run->out_lost && fflush(stdout) != 0) {
		run->out_lost = true;
		run_fail(run, STATUS_IO, "standard output: write failed");
	}
	return !run->out_lost;
}

void run_err(struct slice s)
{
	if (!s.n)
		return;
	fflush(stdout); /* in the order in which it happened, where both go to one place */
	fwrite(s.p, 1, s.n, stderr);
}

void run_close_output(struct run *run)
{
	if (!run->out_lost && fflush(stdout) != 0)
		output_lost(run, errno);
	else if (!run->out_lost && ferror(stdout))
		output_lost(run, EIO);
	/* EBADF: it was closed before we started, and nothing was written to it */
	if (fclose(stdout) != 0 && errno != EBADF && !run->out_lost)
		output_lost(run, errno);
}
