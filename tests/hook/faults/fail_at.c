/* Lets one call into libc fail: preloaded into the hook, it counts the calls of each of the hook's processes and, at one
 * of them, gives an error, reads or writes less than asked, or kills.
 *
 *   FAIL_STATE   a file of struct state, shared by all processes (the test reads what happened from it)
 *   FAIL_MARKER  a path: a process counts from the moment when it opens this; empty: from its beginning
 *   FAIL_AT      PROCESS:CALL:FAULT. Processes are numbered as they begin to count and fork, from 0, calls from 1.
 *                FAULT is an error number, or short, kill (this process), killgroup (the hook's process group too)
 *
 *   FAIL_ALWAYS  NAME:PART:ERROR:PROCESS:TIMES. Each call whose name begins with NAME and whose path has PART in it
 *                (PART$: ends with it; * for each: any) gives this error: in this process, -1 any, and so often, 0 always
 *
 * Where nothing is to fail, the state's trace lists all calls: PROCESS CALL NAME PATH.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_PROCESSES 64
#define TRACE_BYTES (1 << 20)
#define SHORT (-1)
#define KILL (-2)
#define KILL_GROUP (-3)

struct state {
  atomic_int processes;
  atomic_int fired;
  pid_t group;
  atomic_int trace_length;
  atomic_int calls[MOST_PROCESSES];
  char what[512];
  char trace[TRACE_BYTES];
};

static struct state *state;
static const char *marker;
static int number = -1; /* of this process, -1: it does not count yet */
static int at_process = -1, at_call, fault;
static char always_name[32], always_part[256];
static int always_error, always_process, always_times;

static void begin(void) {
  number = atomic_fetch_add(&state->processes, 1);
  if (number >= MOST_PROCESSES) number = -1;
}

__attribute__((constructor)) static void prepare(void) {
  const char *path = getenv("FAIL_STATE"), *at = getenv("FAIL_AT");
  if (!path) return;
  long file = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
  if (file < 0) return;
  void *shared = mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  syscall(SYS_close, file);
  if (shared == MAP_FAILED) return;
  state = shared;
  if (!state->group) state->group = getpgrp();
  if (at && *at) {
    char kind[32] = "";
    sscanf(at, "%d:%d:%31s", &at_process, &at_call, kind);
    fault = !strcmp(kind, "short") ? SHORT : !strcmp(kind, "kill") ? KILL : !strcmp(kind, "killgroup") ? KILL_GROUP : atoi(kind);
  }
  const char *always = getenv("FAIL_ALWAYS");
  if (always && *always)
    sscanf(always, "%31[^:]:%255[^:]:%d:%d:%d", always_name, always_part, &always_error, &always_process, &always_times);
  marker = getenv("FAIL_MARKER");
  if (!marker || !*marker) begin();
}

/* For a process that was forked from one without a FAIL_STATE, and has its variables since: it counts from here on. */
void fail_at_begin(void) {
  prepare();
  if (state && number < 0) begin();
}

/* What a descriptor is open on, for the trace. */
static const char *of(int descriptor) {
  static __thread char target[256];
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  long length = syscall(SYS_readlinkat, AT_FDCWD, link, target, sizeof target - 1);
  target[length > 0 ? length : 0] = 0;
  return target;
}

static void note(int call, const char *name, const char *path, int descriptor) {
  char line[512];
  int length = snprintf(line, sizeof line, "%d %d %s %s\n", number, call, name, path ? path : descriptor >= 0 ? of(descriptor) : "");
  if (length >= (int)sizeof line) length = sizeof line - 1;
  if (at_process >= 0) {
    memcpy(state->what, line, length);
    return;
  }
  int begin_at = atomic_fetch_add(&state->trace_length, length);
  if (begin_at + length < TRACE_BYTES) memcpy(state->trace + begin_at, line, length);
}

static int is_always(const char *name, const char *path, int descriptor) {
  if (!always_error || (strcmp(always_name, "*") && strncmp(name, always_name, strlen(always_name)))) return 0;
  if (always_process >= 0 && number != always_process) return 0;
  const char *whole = path ? path : descriptor >= 0 ? of(descriptor) : "";
  size_t length = strlen(always_part), of_path = strlen(whole);
  if (length && always_part[length - 1] == '$') {
    if (of_path < length - 1 || strncmp(whole + of_path - (length - 1), always_part, length - 1)) return 0;
  } else if (strcmp(always_part, "*") && !strstr(whole, always_part)) {
    return 0;
  }
  return atomic_fetch_add(&state->fired, 1) < always_times || !always_times;
}

/* Counts a call; returns the fault that it is to have, 0 for none. */
static int next(const char *name, const char *path, int descriptor) {
  if (number < 0 || !state) return 0;
  int call = atomic_fetch_add(&state->calls[number], 1) + 1;
  if (at_process < 0 && !always_error) note(call, name, path, descriptor);
  if (is_always(name, path, descriptor)) return always_error;
  if (number != at_process || call != at_call) return 0;
  note(call, name, path, descriptor);
  atomic_fetch_add(&state->fired, 1);
  if (fault == KILL_GROUP) syscall(SYS_kill, -state->group, SIGKILL);
  if (fault == KILL || fault == KILL_GROUP) {
    syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
    for (;;) syscall(SYS_pause);
  }
  return fault;
}

static void opened(const char *path) {
  if (state && number < 0 && marker && *marker && path && !strcmp(path, marker)) begin();
}

#define REAL(result, name, ...)                                    \
  static result (*real)(__VA_ARGS__);                              \
  if (!real) real = (result(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

/* A call that takes the given arguments and gives `wrong` where it fails. */
#define CALL(result, function, wrong, path, descriptor, arguments, ...) \
  result function(__VA_ARGS__) {                                        \
    REAL(result, #function, __VA_ARGS__);                               \
    int error = next(#function, path, descriptor);                      \
    if (error > 0) {                                                    \
      errno = error;                                                    \
      return wrong;                                                     \
    }                                                                   \
    return real arguments;                                              \
  }

#define OPEN(function)                                 \
  int function(const char *path, int flags, ...) {     \
    REAL(int, #function, const char *, int, ...);      \
    va_list more;                                      \
    va_start(more, flags);                             \
    mode_t mode = va_arg(more, int);                   \
    va_end(more);                                      \
    opened(path);                                      \
    int error = next(#function, path, -1);             \
    if (error > 0) return errno = error, -1;           \
    return real(path, flags, mode);                    \
  }
#define OPENAT(function)                                      \
  int function(int folder, const char *path, int flags, ...) { \
    REAL(int, #function, int, const char *, int, ...);        \
    va_list more;                                             \
    va_start(more, flags);                                    \
    mode_t mode = va_arg(more, int);                          \
    va_end(more);                                             \
    opened(path);                                             \
    int error = next(#function, path, -1);                    \
    if (error > 0) return errno = error, -1;                  \
    return real(folder, path, flags, mode);                   \
  }
OPEN(open) OPEN(open64) OPENAT(openat) OPENAT(openat64)

/* Reads and writes, which may also move less than they were asked for. */
#define MOVE(function, buffer_type)                                         \
  ssize_t function(int descriptor, buffer_type buffer, size_t count) {      \
    REAL(ssize_t, #function, int, buffer_type, size_t);                     \
    int error = next(#function, NULL, descriptor);                          \
    if (error > 0) return errno = error, -1;                                \
    return real(descriptor, buffer, error == SHORT && count > 1 ? (count > 4096 ? 9 : count / 2) : count); \
  }
MOVE(read, void *) MOVE(write, const void *)
CALL(ssize_t, pread64, -1, NULL, a, (a, b, c, d), int a, void *b, size_t c, off64_t d)

int close(int descriptor) {
  REAL(int, "close", int);
  int error = next("close", NULL, descriptor);
  int result = real(descriptor); /* Linux closes it, whatever it answers */
  return error > 0 ? (errno = error, -1) : result;
}

CALL(int, fstat, -1, NULL, a, (a, b), int a, struct stat *b)
CALL(int, fstat64, -1, NULL, a, (a, b), int a, struct stat64 *b)
CALL(int, stat, -1, a, -1, (a, b), const char *a, struct stat *b)
CALL(int, stat64, -1, a, -1, (a, b), const char *a, struct stat64 *b)
CALL(int, lstat, -1, a, -1, (a, b), const char *a, struct stat *b)
CALL(int, lstat64, -1, a, -1, (a, b), const char *a, struct stat64 *b)
CALL(int, fstatat, -1, b, -1, (a, b, c, d), int a, const char *b, struct stat *c, int d)
CALL(int, fstatat64, -1, b, -1, (a, b, c, d), int a, const char *b, struct stat64 *c, int d)
CALL(int, access, -1, a, -1, (a, b), const char *a, int b)
CALL(ssize_t, readlink, -1, a, -1, (a, b, c), const char *a, char *b, size_t c)
CALL(ssize_t, readlinkat, -1, b, -1, (a, b, c, d), int a, const char *b, char *c, size_t d)
CALL(DIR *, opendir, NULL, a, -1, (a), const char *a)
CALL(DIR *, fdopendir, NULL, NULL, a, (a), int a)
CALL(struct dirent64 *, readdir64, NULL, NULL, dirfd(a), (a), DIR *a)
CALL(int, mkdir, -1, a, -1, (a, b), const char *a, mode_t b)
CALL(int, mkdirat, -1, b, -1, (a, b, c), int a, const char *b, mode_t c)
CALL(int, rename, -1, b, -1, (a, b), const char *a, const char *b)
CALL(int, renameat, -1, d, -1, (a, b, c, d), int a, const char *b, int c, const char *d)
CALL(int, unlink, -1, a, -1, (a), const char *a)
CALL(int, unlinkat, -1, b, -1, (a, b, c), int a, const char *b, int c)
CALL(int, rmdir, -1, a, -1, (a), const char *a)
CALL(int, link, -1, b, -1, (a, b), const char *a, const char *b)
CALL(int, linkat, -1, d, -1, (a, b, c, d, e), int a, const char *b, int c, const char *d, int e)
CALL(int, fsync, -1, NULL, a, (a), int a)
CALL(int, fdatasync, -1, NULL, a, (a), int a)
CALL(int, ftruncate64, -1, NULL, a, (a, b), int a, off64_t b)
CALL(int, chmod, -1, a, -1, (a, b), const char *a, mode_t b)
CALL(int, fchmod, -1, NULL, a, (a, b), int a, mode_t b)
CALL(int, fchown, -1, NULL, a, (a, b, c), int a, uid_t b, gid_t c)
CALL(off64_t, lseek64, -1, NULL, a, (a, b, c), int a, off64_t b, int c)
CALL(int, pipe, -1, NULL, -1, (a), int a[2])
CALL(int, pipe2, -1, NULL, -1, (a, b), int a[2], int b)
CALL(int, poll, -1, NULL, -1, (a, b, c), struct pollfd *a, nfds_t b, int c)
CALL(int, select, -1, NULL, -1, (a, b, c, d, e), int a, fd_set *b, fd_set *c, fd_set *d, struct timeval *e)
CALL(pid_t, waitpid, -1, NULL, -1, (a, b, c), pid_t a, int *b, int c)
CALL(pid_t, wait3, -1, NULL, -1, (a, b, c), int *a, int b, struct rusage *c)
CALL(int, dup2, -1, NULL, a, (a, b), int a, int b)
CALL(int, dup3, -1, NULL, a, (a, b, c), int a, int b, int c)
CALL(int, close_range, -1, NULL, -1, (a, b, c), unsigned a, unsigned b, int c)
CALL(pid_t, setsid, -1, NULL, -1, (), void)
CALL(int, kill, -1, NULL, -1, (a, b), pid_t a, int b)
CALL(int, killpg, -1, NULL, -1, (a, b), pid_t a, int b)
CALL(int, socket, -1, NULL, -1, (a, b, c), int a, int b, int c)
CALL(int, connect, -1, NULL, a, (a, b, c), int a, const struct sockaddr *b, socklen_t c)
CALL(ssize_t, send, -1, NULL, a, (a, b, c, d), int a, const void *b, size_t c, int d)
CALL(int, execve, -1, a, -1, (a, b, c), const char *a, char *const b[], char *const c[])
CALL(ssize_t, getrandom, -1, NULL, -1, (a, b, c), void *a, size_t b, unsigned c)

/* pthread_create gives its error instead of setting errno. */
int pthread_create(pthread_t *a, const pthread_attr_t *b, void *(*c)(void *), void *d) {
  REAL(int, "pthread_create", pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
  int error = next("pthread_create", NULL, -1);
  return error > 0 ? error : real(a, b, c, d);
}

static int fcntl_of(const char *name, int (*real)(int, int, ...), int descriptor, int command, void *more) {
  int error = next(name, NULL, descriptor);
  if (error > 0) return errno = error, -1;
  return real(descriptor, command, more);
}
#define FCNTL(function)                                                  \
  int function(int descriptor, int command, ...) {                      \
    REAL(int, #function, int, int, ...);                                 \
    va_list rest;                                                        \
    va_start(rest, command);                                             \
    void *more = va_arg(rest, void *);                                   \
    va_end(rest);                                                        \
    return fcntl_of(#function, real, descriptor, command, more);         \
  }
FCNTL(fcntl) FCNTL(fcntl64)

pid_t fork(void) {
  REAL(pid_t, "fork", void);
  int error = next("fork", NULL, -1);
  if (error > 0) return errno = error, -1;
  /* The parent gives the number, so that it does not depend on who runs first. */
  int child_number = number >= 0 ? atomic_fetch_add(&state->processes, 1) : -1;
  pid_t child = real();
  if (child == 0) number = child_number < MOST_PROCESSES ? child_number : -1;
  return child;
}

/* The shell's: a child that shares no memory with its parent does for it as well. */
pid_t vfork(void) { return fork(); }
