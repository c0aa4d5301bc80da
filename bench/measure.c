/*
 * measure COMMAND...: run it with its output thrown away and print "SECONDS CPU-SECONDS PEAK-KIB
 * STATUS": wall clock, user and system time of all its processes, peak memory of the largest.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds_of(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
	struct timespec begin, end;
	struct rusage usage;
	int status, null;
	pid_t child;

	if (argc < 2)
		return 64;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	child = fork();
	if (child == 0) {
		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	if (child < 0 || wait4(child, &status, 0, &usage) != child)
		return 71;
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("%.4f %.4f %ld %d\n",
	       (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9,
	       seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime), usage.ru_maxrss,
	       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return 0;
}
