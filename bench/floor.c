/*
 * The least that any program must do to look at each message: floor [-j THREADS] sendmail|qmail DIR
 *
 * sendmail: readdir; open, read and close each qf, and fstatat its df. qmail: readdir of info/N;
 * fstatat each (what `bounce and age > 2d` needs). Prints the number of messages and bytes. This is
 * what the filter is measured against.
 */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 256, NAME_ROOM = 32, BUFFER = 65536 };

struct entry {
	int dir;
	char name[NAME_ROOM];
};

struct work {
	struct entry *list;
	size_t count, room;
	bool qmail;
	_Atomic size_t next, bytes;
};

static void die(const char *what)
{
	perror(what);
	exit(71);
}

static void add_dir(struct work *w, int parent, const char *path)
{
	int fd = openat(parent, path, O_RDONLY | O_DIRECTORY);
	struct dirent *e;
	DIR *d = fd < 0 ? NULL : fdopendir(dup(fd));

	if (!d)
		die(path);
	while ((e = readdir(d))) {
		if (w->qmail ? e->d_name[0] == '.' : strncmp(e->d_name, "qf", 2) != 0)
			continue;
		if (strlen(e->d_name) >= NAME_ROOM)
			continue;
		if (w->count == w->room) {
			w->room = w->room ? 2 * w->room : 4096;
			w->list = realloc(w->list, w->room * sizeof *w->list);
			if (!w->list)
				die("realloc");
		}
		w->list[w->count].dir = fd;
		memcpy(w->list[w->count++].name, e->d_name, strlen(e->d_name) + 1);
	}
	closedir(d);
}

static void find_work(struct work *w, const char *dir)
{
	char path[4096];

	if (!w->qmail) {
		add_dir(w, AT_FDCWD, dir);
		return;
	}
	for (int i = 0;; i++) {
		snprintf(path, sizeof path, "%s/queue/info/%d", dir, i);
		if (access(path, F_OK) != 0)
			return;
		add_dir(w, AT_FDCWD, path);
	}
}

static size_t look(const struct work *w, const struct entry *e, char *buffer)
{
	char data[NAME_ROOM];
	size_t bytes = 0;
	struct stat st;
	ssize_t n;
	int fd;

	if (w->qmail)
		return fstatat(e->dir, e->name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? (size_t)st.st_size
									       : 0;
	fd = openat(e->dir, e->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	while (fd >= 0 && (n = read(fd, buffer, BUFFER)) > 0)
		bytes += (size_t)n;
	close(fd);
	snprintf(data, sizeof data, "d%s", e->name + 1);
	if (fstatat(e->dir, data, &st, AT_SYMLINK_NOFOLLOW) == 0)
		bytes += (size_t)st.st_size;
	return bytes;
}

static void *work_on(void *arg)
{
	struct work *w = arg;
	char *buffer = malloc(BUFFER);
	size_t bytes = 0, at;

	while (buffer && (at = atomic_fetch_add(&w->next, CHUNK)) < w->count)
		for (size_t i = at; i < at + CHUNK && i < w->count; i++)
			bytes += look(w, &w->list[i], buffer);
	free(buffer);
	atomic_fetch_add(&w->bytes, bytes);
	return NULL;
}

int main(int argc, char **argv)
{
	enum { MAX_THREADS = 256 };
	pthread_t threads[MAX_THREADS];
	struct work w = {.count = 0};
	long jobs = 1;

	if (argc == 5 && strcmp(argv[1], "-j") == 0) {
		jobs = strtol(argv[2], NULL, 10);
		argv += 2;
		argc -= 2;
	}
	if (argc != 3 || jobs < 1 || jobs > MAX_THREADS) {
		fputs("usage: floor [-j THREADS] sendmail|qmail DIR\n", stderr);
		return 64;
	}
	w.qmail = strcmp(argv[1], "qmail") == 0;
	find_work(&w, argv[2]);
	for (long i = 1; i < jobs; i++)
		if (pthread_create(&threads[i], NULL, work_on, &w) != 0)
			die("pthread_create");
	work_on(&w);
	for (long i = 1; i < jobs; i++)
		pthread_join(threads[i], NULL);
	printf("%zu messages, %zu bytes\n", w.count, w.bytes);
	free(w.list);
	return 0;
}
