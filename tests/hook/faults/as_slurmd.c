/* Runs a program as slurmd runs a prolog: as the leader of a session, and to the end of all that it leaves behind.
 *
 *   as_slurmd LIBRARY PROGRAM [ARGUMENT]...
 *
 * LIBRARY is preloaded into the program. Ends with the program's status, 128 and the signal where one killed it, 125
 * where something is still there after a minute.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t program;

static void too_long(int signal) {
  (void)signal;
  kill(-program, SIGKILL);
  _exit(125);
}

int main(int count, char **arguments) {
  int status, result = 125;
  if (count < 3) return 2;
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  program = fork();
  if (program == 0) {
    setsid();
    setenv("LD_PRELOAD", arguments[1], 1);
    execv(arguments[2], arguments + 2);
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
