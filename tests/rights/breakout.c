/* breakout: tries what somebody would who has taken over a thread of the sensor, and says how each
 * try ended: "NAME ok" or "NAME EPERM".
 *
 * usage: breakout free|process|worker FOLDER
 * FOLDER is the one whose files the process may open; a file "inside" lies in it. */
#include "sensor/app/privs.h"
#include "sensor/app/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *folder;
static int udp;
static int tcp;

static struct sockaddr_in target(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return to;
}

static int keep(int fd)
{
    return fd < 0 ? -1 : close(fd);
}

static int open_inside(void)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/inside", folder);
    return keep(open(path, O_RDONLY));
}

static int open_outside(void)
{
    return keep(open("/etc/passwd", O_RDONLY));
}

static int create_outside(void)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/../outside", folder);
    return keep(open(path, O_WRONLY | O_CREAT, 0600));
}

static int socket_inet(void)
{
    return keep(socket(AF_INET, SOCK_STREAM, 0));
}

static int socket_inet6(void)
{
    return keep(socket(AF_INET6, SOCK_DGRAM, 0));
}

static int socket_unix(void)
{
    return keep(socket(AF_UNIX, SOCK_STREAM, 0));
}

/* Sockets that were open before are no way out either. */
static int connect_open(void)
{
    struct sockaddr_in to = target();
    return connect(tcp, (struct sockaddr *)(void *)&to, sizeof(to)) == 0 || errno == ECONNREFUSED
               ? 0
               : -1;
}

static int send_open(void)
{
    struct sockaddr_in to = target();
    return sendto(udp, "x", 1, 0, (struct sockaddr *)(void *)&to, sizeof(to)) == 1 ? 0 : -1;
}

static int message_open(void)
{
    struct sockaddr_in to = target();
    struct msghdr message = {.msg_name = &to, .msg_namelen = sizeof(to)};
    return sendmsg(udp, &message, 0) == 0 ? 0 : -1;
}

static int run_program(void)
{
    char *const none[] = {NULL};
    return execve("/nonexistent", none, none) != 0 && errno == ENOENT ? 0 : -1;
}

static int fork_process(void)
{
    pid_t child = fork();
    if (child == 0) {
        _exit(0);
    }
    return child > 0 && waitpid(child, NULL, 0) == child ? 0 : -1;
}

static void *nothing(void *arg)
{
    return arg;
}

static int start_thread(void)
{
    pthread_t thread;
    errno = pthread_create(&thread, NULL, nothing, NULL);
    return errno == 0 ? pthread_join(thread, NULL) : -1;
}

static int signal_parent(void)
{
    return kill(getppid(), 0);
}

static int be_traced(void)
{
    return ptrace(PTRACE_PEEKUSER, getpid(), 0, 0) != 0 && errno == ESRCH ? 0 : -1;
}

static int executable_memory(void)
{
    void *at = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? -1 : munmap(at, 4096);
}

static int allocate(void)
{
    void *at = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? -1 : munmap(at, 1 << 20);
}

static int make_namespace(void)
{
    return unshare(CLONE_NEWUSER);
}

static const struct
try {
    const char *name;
    int (*carry_out)(void);
}
tries[] = {
    {"allocate", allocate},
    {"open_inside", open_inside},
    {"open_outside", open_outside},
    {"create_outside", create_outside},
    {"socket_inet", socket_inet},
    {"socket_inet6", socket_inet6},
    {"socket_unix", socket_unix},
    {"connect_open", connect_open},
    {"send_open", send_open},
    {"message_open", message_open},
    {"run_program", run_program},
    {"fork_process", fork_process},
    {"start_thread", start_thread},
    {"signal_parent", signal_parent},
    {"be_traced", be_traced},
    {"executable_memory", executable_memory},
    {"make_namespace", make_namespace},
};

static void *break_out(void *tightened)
{
    if (tightened != NULL) {
        privs_drop_thread(0);
        if (!sandbox_tighten(0)) {
            puts("cannot tighten");
            return NULL;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
        errno = 0;
        int rc = tries[i].carry_out();
        printf("%s %s\n", tries[i].name, rc == 0 ? "ok" : strerrorname_np(errno));
    }
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        return 2;
    }
    const struct sandbox_path paths[] = {{argv[2], false}};
    const struct sandbox plan = {SANDBOX_FILES | SANDBOX_THREADS, paths, ARRAY_LEN(paths)};
    folder = argv[2];
    udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int refusal = 0;
    unsigned walls = strcmp(argv[1], "free") == 0 ? 0 : sandbox_enter(&plan, &refusal);
    printf("walls%s%s\n", (walls & SANDBOX_SECCOMP) != 0 ? " seccomp" : "",
           (walls & SANDBOX_LANDLOCK) != 0 ? " landlock" : "");
    pthread_t thread;
    void *tightened = strcmp(argv[1], "worker") == 0 ? argv : NULL;
    if (pthread_create(&thread, NULL, break_out, tightened) != 0) {
        return 1;
    }
    (void)pthread_join(thread, NULL);
    return 0;
}
