/* Who holds an exclusive lock on a file, without taking one: the kernel's own table where there is
 * one. */
#include <mtaq/sysio.h>
#include <mtaq/text.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/sysmacros.h>
#endif

void sys_locks_init(struct sys_locks *l)
{
	*l = (struct sys_locks){0};
}

void sys_locks_free(struct sys_locks *l)
{
	free(l->list);
	*l = (struct sys_locks){0};
}

static int lock_order(const void *a, const void *b)
{
	const struct sys_lock *x = a, *y = b;

	return (x->ino > y->ino) - (x->ino < y->ino);
}

static bool add_lock(struct sys_locks *l, struct sys_lock lock)
{
	if (l->count == l->room) {
		size_t room = l->room ? l->room * 2 : 64;
		struct sys_lock *p = realloc(l->list, room * sizeof *p);

		if (!p)
			return false;
		l->list = p;
		l->room = room;
	}
	l->list[l->count++] = lock;
	return true;
}

#ifdef __linux__
/* "1: FLOCK  ADVISORY  WRITE 1234 fd:01:5678 0 EOF"; a waiter has "->" after the number and holds
 * nothing. */
static bool parse_line(const char *line, struct sys_lock *out)
{
	char kind[16], mode[16], access[16];
	unsigned maj, min;
	unsigned long long ino;
	long pid;

	if (sscanf(line, "%*u: %15s %15s %15s %ld %x:%x:%llu", kind, mode, access, &pid, &maj, &min,
		   &ino) != 7)
		return false;
	*out = (struct sys_lock){makedev(maj, min), ino, strcmp(access, "WRITE") == 0};
	return true;
}

/* The kernel gives the table in pieces of a page. Between two of them locks may go, and as many
 * others are left out. False: it cannot be read. */
static bool read_table(struct buf *out)
{
	enum { PIECE = 64 * 1024 };
	int fd = open("/proc/locks", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : 1;

	while (n > 0) {
		do
			n = read(fd, buf_room(out, PIECE), PIECE);
		while (n < 0 && errno == EINTR);
		if (n > 0)
			out->n += (size_t)n;
	}
	sys_close(fd);
	return n == 0;
}

static bool add_table(struct sys_locks *l, struct buf *table)
{
	struct slice rest = buf_slice(table), line;
	struct sys_lock lock;
	char text[256];

	while (slice_cut(&rest, '\n', &line)) {
		snprintf(text, sizeof text, "%" SLICE_FMT, SLICE_ARG(line));
		if (parse_line(text, &lock) && !add_lock(l, lock))
			return false;
	}
	return true;
}

void sys_locks_refresh(struct sys_locks *l)
{
	enum { PASSES = 3 };
	enum { LEAST_PIECE = 4096 - 256 }; /* the smallest page, without a longest line */
	struct buf table;
	bool whole = false;

	l->count = 0;
	l->known = true;
	buf_init(&table);
	/* what one reading has left out another has: seen once is enough */
	for (int i = 0; i < PASSES && l->known && !whole; i++) {
		buf_clear(&table);
		l->known = read_table(&table) && add_table(l, &table);
		whole = table.n < LEAST_PIECE;
	}
	buf_free(&table);
	if (l->count)
		qsort(l->list, l->count, sizeof *l->list, lock_order);
}
#else
void sys_locks_refresh(struct sys_locks *l)
{
	l->known = false;
	(void)add_lock;
	(void)lock_order;
}
#endif

/* Index of the first lock of that inode or a later one. */
static size_t first_of(const struct sys_locks *l, uint64_t ino)
{
	size_t low = 0, high = l->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (l->list[mid].ino < ino)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Some file systems (btrfs, overlay) show another device in the kernel's table than stat: when the
 * inode is there with another device, it cannot be told. */
int sys_locks_exclusive(const struct sys_locks *l, dev_t dev, ino_t ino)
{
	bool foreign = false;

	if (!l->known)
		return -1;
	for (size_t i = first_of(l, ino); i < l->count && l->list[i].ino == (uint64_t)ino; i++) {
		if (!l->list[i].exclusive)
			continue;
		if (l->list[i].dev == (uint64_t)dev)
			return 1;
		foreign = true;
	}
	return foreign ? -1 : 0;
}

int sys_probe_locked(int fd)
{
#ifdef HAVE_FLOCK
	int r;

	do
		r = flock(fd, LOCK_SH | LOCK_NB);
	while (r < 0 && errno == EINTR);
	if (r == 0) {
		flock(fd, LOCK_UN);
		return 0;
	}
	return errno == EWOULDBLOCK ? 1 : -1;
#else
	struct flock fl = {.l_type = F_RDLCK, .l_whence = SEEK_SET};

	if (fcntl(fd, F_GETLK, &fl) < 0)
		return -1;
	return fl.l_type != F_UNLCK;
#endif
}
