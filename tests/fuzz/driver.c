/*
 * Stands in for libFuzzer in ordinary builds: runs a fuzz target once over each file of its corpus.
 *
 * The program tests/fuzz/fuzz_X reads $top_srcdir/tests/fuzz/corpus/X, or the files and directories
 * that are its arguments. Prints one TAP line; an empty corpus fails. Each input lies in memory of
 * exactly its size, so that a read past its end is seen by AddressSanitizer.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PATH_ROOM = 4096 };

static void bail(const char *path, const char *what)
{
	printf("Bail out! %s: %s\n", path, what);
	exit(1);
}

static void run_file(const char *path, size_t size)
{
	uint8_t *data = malloc(size ? size : 1);
	FILE *f = fopen(path, "rb");

	if (!f || !data || fread(data, 1, size, f) != size)
		bail(path, "cannot be read");
	fclose(f);
	/* left behind when the target crashes: which input it was */
	fprintf(stderr, "# %s\n", path);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
}

/* The number of files run at or below `path`. */
static unsigned run_path(const char *path)
{
	struct dirent *entry;
	unsigned count = 0;
	struct stat st;
	DIR *dir;

	if (stat(path, &st) != 0)
		bail(path, "is not there");
	if (!S_ISDIR(st.st_mode)) {
		run_file(path, (size_t)st.st_size);
		return 1;
	}
	dir = opendir(path);
	if (!dir)
		bail(path, "cannot be opened");
	while ((entry = readdir(dir))) {
		char below[PATH_ROOM];
		int n = snprintf(below, sizeof below, "%s/%s", path, entry->d_name);

		if (n < 0 || (size_t)n >= sizeof below)
			bail(path, "has too long a name");
		if (entry->d_name[0] != '.')
			count += run_path(below);
	}
	closedir(dir);
	return count;
}

static unsigned run_corpus(const char *name)
{
	const char *top = getenv("top_srcdir");
	char path[PATH_ROOM];
	int n = snprintf(path, sizeof path, "%s/tests/fuzz/corpus/%s", top ? top : ".", name);

	if (n < 0 || (size_t)n >= sizeof path)
		bail(name, "has too long a name");
	return run_path(path);
}

int main(int argc, char **argv)
{
	const char *base = strrchr(argv[0], '/');
	const char *name = base ? base + 1 : argv[0];
	unsigned count = 0;

	if (strncmp(name, "fuzz_", 5) != 0)
		bail(name, "is not called fuzz_X");
	printf("1..1\n");
	if (argc < 2)
		count = run_corpus(name + 5);
	for (int i = 1; i < argc; i++)
		count += run_path(argv[i]);
	printf("%sok 1 - %s takes %u files\n", count ? "" : "not ", name, count);
	return count == 0;
}
