/*
 * The status of hosts that sendmail keeps in HostStatusDirectory: a file per host, its name turned
 * around: "com./example./mail" for mail.example.com. Where a host is believed down, plain queue
 * runs do not try it.
 *
 * Removed are the files of the recipients' domains, of all hosts below them, and of the hosts that
 * the statuses name ("Connection refused by mx.example.").
 */
#include "act.h"

#include <mtaq/addr.h>

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

enum { DEEPEST = 20, LABEL = 70 };

static int open_base(const struct sendmail_queue *q)
{
	struct slice dir = q->cf.option[CF_HOST_STATUS_DIRECTORY].text;
	char path[PATH_MAX];
	int n;

	if (!dir.n)
		return -1;
	n = snprintf(path, sizeof path, "%s%s%" SLICE_FMT, dir.p[0] == '/' ? "" : q->layout.base.p,
		     dir.p[0] == '/' ? "" : "/", SLICE_ARG(dir));
	return n < 0 || (size_t)n >= sizeof path ? -1 : sys_open_dir(path, NULL);
}

/* All files below; directories stay. */
static uint64_t remove_below(int at, const char *name, int depth)
{
	DIR *d = depth < DEEPEST ? sys_opendir_at(at, name, name, NULL) : NULL;
	struct dirent *e;
	struct stat st;
	uint64_t n = 0;

	if (!d)
		return 0;
	while (sys_readdir(d, name, &e, NULL) > 0) {
		if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISDIR(st.st_mode))
			n += remove_below(dirfd(d), e->d_name, depth + 1);
		else if (S_ISREG(st.st_mode))
			n += unlinkat(dirfd(d), e->d_name, 0) == 0;
	}
	closedir(d);
	return n;
}

/* A label of a host name as a file name; false when it is none. */
static bool label_name(struct slice label, char out[LABEL])
{
	size_t i;

	for (i = 0; i < label.n && i < LABEL - 2; i++) {
		char c = ascii_lower(label.p[i]);

		if (!ascii_isalpha(c) && !ascii_isdigit(c) && c != '-' && c != '_')
			return false;
		out[i] = c;
	}
	out[i] = '\0';
	return i == label.n && i > 0;
}

/* The part of `rest` after its last dot, which goes from it. */
static struct slice cut_last(struct slice *rest)
{
	size_t n = rest->n;
	struct slice label;

	while (n && rest->p[n - 1] != '.')
		n--;
	label = slice_skip(*rest, n);
	*rest = slice_take(*rest, n ? n - 1 : 0);
	return label;
}

static uint64_t forget_host(int base, struct slice host)
{
	char name[LABEL];
	uint64_t n = 0;
	int at = base;

	if (slice_ends(host, SLICE(".")))
		host.n--;
	while (at >= 0 && host.n) {
		bool good = label_name(cut_last(&host), name);
		size_t end = strlen(name);
		int next = -1;

		if (good && !host.n)
			n += unlinkat(at, name, 0) == 0;
		name[end] = '.';
		name[end + 1] = '\0';
		if (good && !host.n)
			n += remove_below(at, name, 0);
		else if (good)
			next = sys_open_subdir(at, name, false, name, NULL);
		if (at != base)
			sys_close(at);
		at = next;
	}
	return n;
}

/* What follows the last " by " or " with ". */
static struct slice host_in_status(struct slice status)
{
	struct slice rest = status, word, host = SLICE_NONE;
	bool next = false;

	while (slice_cut(&rest, ' ', &word)) {
		if (next)
			host = word;
		next = slice_eq(word, SLICE("by")) || slice_eq(word, SLICE("with"));
	}
	return host;
}

uint64_t hosts_forget(const struct sendmail_queue *q, const struct message *m)
{
	int base = open_base(q);
	uint64_t n = 0;

	if (base < 0)
		return 0;
	for (size_t i = 0; i < m->recipient_count; i++) {
		struct slice domain = addr_domain(m->recipients[i].address);

		/* a top-level domain is nobody's */
		if (slice_chr(domain, '.') != SIZE_MAX)
			n += forget_host(base, domain);
	}
	for (size_t i = 0; i < m->status_count; i++) {
		struct slice host = host_in_status(m->statuses[i]);

		if (slice_chr(host, '.') != SIZE_MAX)
			n += forget_host(base, host);
	}
	sys_close(base);
	return n;
}
