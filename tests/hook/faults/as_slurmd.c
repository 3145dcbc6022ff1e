/* Runs a program as slurmd runs a prolog: as the leader of a session, and to the end of all that it leaves behind.
 *
 *   as_slurmd FOLDER LIBRARY PROGRAM [ARGUMENT]...
 *
 * LIBRARY, where it is not empty, is preloaded into the program. FOLDER/run and FOLDER/spool take the place of /run and
 * /var/spool where the kernel lets this process do so: the hook's defaults are there. Ends with the program's status, 128 and the signal where one killed it, 125
 * where something is still there after a minute.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t program;

static void too_long(int signal) {
  (void)signal;
  kill(-program, SIGKILL);
  _exit(125);
}

/* Where it is not allowed, nobody but root writes there anyway. */
static void take_place(const char *folder, const char *name, const char *place) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  mount(path, place, NULL, MS_BIND, NULL);
}

int main(int count, char **arguments) {
  int status, result = 125;
  if (count < 4) return 2;
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  program = fork();
  if (program == 0) {
    setsid();
    if (!unshare(CLONE_NEWNS) && !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
      take_place(arguments[1], "run", "/run");
      take_place(arguments[1], "spool", "/var/spool");
    }
    if (*arguments[2]) setenv("LD_PRELOAD", arguments[2], 1);
    execv(arguments[3], arguments + 3);
    _exit(126);
  }
  signal(SIGALRM, too_long);
  alarm(60);
  for (;;) {
    pid_t ended = waitpid(-1, &status, 0);
    if (ended < 0 && errno == ECHILD) break;
    if (ended == program) result = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
  return result;
}
