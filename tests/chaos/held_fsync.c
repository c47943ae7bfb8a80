/* LD_PRELOAD for redis-server: as long as the file $HOLD_FSYNC exists, fsync and fdatasync do not return.
 *
 * With appendfsync everysec the server then answers commands whose AOF write it has put off (for up to two seconds,
 * as it does behind a slow disk), and a kill -9 loses them. `$HOLD_FSYNC.holding` appears when a call is being held.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static void hold(void) {
    const char *flag = getenv("HOLD_FSYNC");
    char mark[4096];
    if (flag == NULL || access(flag, F_OK) != 0) return;
    snprintf(mark, sizeof mark, "%s.holding", flag);
    close(open(mark, O_CREAT | O_WRONLY, 0600));
    while (access(flag, F_OK) == 0) usleep(1000);
}

int fdatasync(int fd) { hold(); return (int)syscall(SYS_fdatasync, fd); }
int fsync(int fd) { hold(); return (int)syscall(SYS_fsync, fd); }
