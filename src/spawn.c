/* Running another program: see mtaq/spawn.h. */
#include <mtaq/spawn.h>

#include <mtaq/sysio.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	MOMENT_MS = 100,
	MOST_FILES = 1024 /* what was handed to us without asking is among the first */
};

/* ---- starting ---- */

static int set_signals(posix_spawnattr_t *attr)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	sigdelset(&all, SIGKILL);
	sigdelset(&all, SIGSTOP);
	if (posix_spawnattr_setsigmask(attr, &none) != 0 ||
	    posix_spawnattr_setsigdefault(attr, &all) != 0)
		return -1;
	return posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

static int set_files(posix_spawn_file_actions_t *files, int out)
{
	for (int fd = 3; fd < MOST_FILES; fd++) {
		int flags = fcntl(fd, F_GETFD);

		if (flags >= 0 && !(flags & FD_CLOEXEC) &&
		    posix_spawn_file_actions_addclose(files, fd) != 0)
			return -1;
	}
	if (posix_spawn_file_actions_addopen(files, 0, "/dev/null", O_RDONLY, 0) != 0 ||
	    posix_spawn_file_actions_adddup2(files, out, 1) != 0)
		return -1;
	return posix_spawn_file_actions_adddup2(files, out, 2);
}

static int start(const char *const *argv, int out, pid_t *pid)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	char *const environment[] = {path, NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	int r = ENOMEM;

	if (posix_spawn_file_actions_init(&files) != 0)
		return ENOMEM;
	if (posix_spawnattr_init(&attr) == 0) {
		if (set_signals(&attr) == 0 && set_files(&files, out) == 0)
			r = posix_spawn(pid, argv[0], &files, &attr, (char *const *)(uintptr_t)argv,
					environment);
		posix_spawnattr_destroy(&attr);
	}
	posix_spawn_file_actions_destroy(&files);
	return r;
}

static int make_pipe(int fd[2])
{
	if (pipe(fd) < 0)
		return -1;
	for (int i = 0; i < 2; i++)
		if (fcntl(fd[i], F_SETFD, FD_CLOEXEC) < 0)
			return -1;
	return fcntl(fd[0], F_SETFL, O_NONBLOCK);
}

/* ---- listening ---- */

/* What is there to read; false at the end of it. */
static bool take_output(int fd, struct spawn_output *out)
{
	char block[1024];
	ssize_t n;

	while ((n = read(fd, block, sizeof block)) > 0) {
		size_t room = sizeof out->text - 1 - out->n;
		size_t take = (size_t)n < room ? (size_t)n : room;

		memcpy(out->text + out->n, block, take);
		out->n += take;
		out->text[out->n] = '\0';
	}
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

static bool has_ended(pid_t pid, struct spawn_output *out, int flags)
{
	pid_t r;

	do
		r = waitpid(pid, &out->status, flags);
	while (r < 0 && errno == EINTR);
	return r != 0;
}

/* To the end of the program, not of the pipe: a child that it leaves behind may keep that open. */
static void listen_to(pid_t pid, int fd, bool (*enough)(const struct spawn_output *),
		      struct spawn_output *out)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	bool open = true;

	while (open) {
		poll(&p, 1, MOMENT_MS);
		open = take_output(fd, out);
		if (enough && enough(out)) {
			kill(pid, SIGKILL);
			break;
		}
		if (open && has_ended(pid, out, WNOHANG)) {
			take_output(fd, out);
			return;
		}
	}
	has_ended(pid, out, 0);
}

int spawn_run(const char *const *argv, bool (*enough)(const struct spawn_output *out),
	      struct spawn_output *out, struct error *err)
{
	int fd[2] = {-1, -1}, r;
	pid_t pid;

	out->n = 0;
	out->text[0] = '\0';
	out->status = 0;
	r = make_pipe(fd) < 0 ? errno : start(argv, fd[1], &pid);
	sys_close(fd[1]);
	if (r == 0)
		listen_to(pid, fd[0], enough, out);
	sys_close(fd[0]);
	return r == 0 ? 0 : error_sys(err, r, "%s cannot be run", argv[0]);
}

bool spawn_ok(const struct spawn_output *out)
{
	return WIFEXITED(out->status) && WEXITSTATUS(out->status) == 0;
}
