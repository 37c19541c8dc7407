/* sandbox: a list of what may be asked of the kernel, and of the paths that may be opened.
 *
 * The list is seccomp's (libseccomp): what is not on it fails with EPERM and harms nothing, so that
 * a library that asks for more than it needs goes on without. The paths are Landlock's, used with
 * whatever version the kernel has (landlock(7); the header of Debian 12 knows versions 1 and 2, so
 * the numbers of later ones stand here). TCP goes through both where nothing is to connect.
 *
 * Not held back: what is done with descriptors that are open already. */
#include "sensor/app/sandbox.h"

#include "sensor/base/span.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CALL(name) SCMP_SYS(name)

/* Computing, time, signals, and what is open. */
static const int core_calls[] = {
    CALL(read),
    CALL(write),
    CALL(readv),
    CALL(writev),
    CALL(pread64),
    CALL(close),
    CALL(lseek),
    CALL(fstat),
    CALL(poll),
    CALL(ppoll),
    CALL(select),
    CALL(pselect6),
    CALL(recvfrom),
    CALL(recvmsg),
    CALL(getsockopt),
    CALL(munmap),
    CALL(brk),
    CALL(madvise),
    CALL(mremap),
    CALL(futex),
    CALL(nanosleep),
    CALL(clock_gettime),
    CALL(clock_getres),
    CALL(clock_nanosleep),
    CALL(gettimeofday),
    CALL(time),
    CALL(sched_yield),
    CALL(getpid),
    CALL(gettid),
    CALL(getuid),
    CALL(geteuid),
    CALL(getgid),
    CALL(getegid),
    CALL(getrandom),
    CALL(setitimer),
    CALL(rt_sigaction),
    CALL(rt_sigprocmask),
    CALL(rt_sigreturn),
    CALL(sigaltstack),
    CALL(restart_syscall),
    CALL(exit),
    CALL(exit_group),
    CALL(rseq),
    CALL(membarrier),
    CALL(getrusage),
    CALL(set_robust_list),
    CALL(epoll_wait),
    CALL(epoll_pwait),
    CALL(epoll_ctl),
    CALL(sched_getaffinity),
};

static const int file_calls[] = {
    CALL(open),           CALL(openat),          CALL(stat),       CALL(lstat),
    CALL(newfstatat),     CALL(statx),           CALL(access),     CALL(faccessat),
    CALL(faccessat2),     CALL(readlink),        CALL(readlinkat), CALL(getdents64),
    CALL(flock),          CALL(ftruncate),       CALL(fsync),      CALL(fdatasync),
    CALL(fallocate),      CALL(fadvise64),       CALL(pwrite64),   CALL(rename),
    CALL(renameat),       CALL(renameat2),       CALL(unlink),     CALL(unlinkat),
    CALL(utimensat),      CALL(mkdir),           CALL(mkdirat),    CALL(fchmod),
    CALL(umask),          CALL(getcwd),          CALL(statfs),     CALL(fstatfs),
    CALL(sendfile),       CALL(memfd_create),    CALL(dup),        CALL(dup2),
    CALL(dup3),           CALL(pipe2),           CALL(eventfd2),   CALL(epoll_create1),
    CALL(timerfd_create), CALL(timerfd_settime), CALL(uname),      CALL(sysinfo),
    CALL(fcntl),
};

/* seccomp() and capset() can only take away; prctl() is told apart below. */
static const int thread_calls[] = {
    CALL(seccomp),           CALL(capset),          CALL(capget), CALL(setrlimit),
    CALL(sched_setaffinity), CALL(get_robust_list),
};

static const int answer_calls[] = {
    CALL(accept),      CALL(accept4),    CALL(shutdown), CALL(getsockname),
    CALL(getpeername), CALL(setsockopt), CALL(sendmmsg),
};

/* sendmsg() and sendto() with an address are not among them: nothing goes anywhere but back. */
static const int listen_calls[] = {CALL(accept4), CALL(shutdown), CALL(getsockname)};

static const int wait_calls[] = {CALL(wait4)};

static const int keep_calls[] = {CALL(epoll_create1), CALL(wait4), CALL(seccomp), CALL(setrlimit),
                                 CALL(getppid)};

static const int capture_calls[] = {CALL(bind), CALL(setsockopt), CALL(getsockname), CALL(ioctl)};

static const int connect_calls[] = {
    CALL(connect),  CALL(setsockopt), CALL(getsockname), CALL(getpeername),
    CALL(shutdown), CALL(sendmmsg),   CALL(socketpair),  CALL(recvmmsg),
};

static int allow(scmp_filter_ctx filter, const int *calls, size_t n)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
    }
    return rc;
}

static int allow_if(scmp_filter_ctx filter, int call, struct scmp_arg_cmp condition)
{
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, 1, &condition);
}

/* Memory, but none that is executable. */
static int allow_memory(scmp_filter_ctx filter, bool code)
{
    const int calls[] = {CALL(mmap), CALL(mprotect)};
    if (code) {
        return allow(filter, calls, ARRAY_LEN(calls));
    }
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(calls); i++) {
        rc = allow_if(filter, calls[i], SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    }
    return rc;
}

/* That argument `n` of the call, counted from 0, has this value. */
static struct scmp_arg_cmp argument_is(unsigned n, scmp_datum_t value)
{
    return (struct scmp_arg_cmp){.arg = n, .op = SCMP_CMP_EQ, .datum_a = value};
}

/* Datagrams go nowhere but where their socket is connected to. */
static int allow_core(scmp_filter_ctx filter, bool code)
{
    int rc = allow(filter, core_calls, ARRAY_LEN(core_calls));
    rc = rc == 0 ? allow_memory(filter, code) : rc;
    rc = rc == 0 ? allow_if(filter, CALL(sendto), argument_is(4, 0)) : rc;
    /* abort() speaks to this process alone. */
    rc = rc == 0 ? allow_if(filter, CALL(tgkill), argument_is(0, (scmp_datum_t)getpid())) : rc;
    /* Limits are read, not set; and only our own. */
    rc = rc == 0 ? allow_if(filter, CALL(prlimit64), argument_is(2, 0)) : rc;
    /* F_GETFL, F_SETFL: libpcap's non-blocking mode. */
    rc = rc == 0 ? allow_if(filter, CALL(fcntl), argument_is(1, F_GETFL)) : rc;
    return rc == 0 ? allow_if(filter, CALL(fcntl), argument_is(1, F_SETFL)) : rc;
}

/* clone3() hides its flags from the filter: glibc takes "no such call" for an old kernel. */
static int allow_threads(scmp_filter_ctx filter)
{
    int rc = allow(filter, thread_calls, ARRAY_LEN(thread_calls));
    rc = rc == 0 ? allow_if(filter, CALL(clone),
                            SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD))
                 : rc;
    rc = rc == 0 ? seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), CALL(clone3), 0) : rc;
    const int harmless[] = {PR_SET_NAME, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, PR_GET_SECCOMP,
                            PR_SET_VMA};
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(harmless); i++) {
        rc = allow_if(filter, CALL(prctl), argument_is(0, (scmp_datum_t)harmless[i]));
    }
    /* The last thread started: setrlimit() takes the right to more. */
    return rc == 0 ? allow_if(filter, CALL(prlimit64), argument_is(0, 0)) : rc;
}

/* Processes as they are, without a namespace or a thread of their own. */
static int allow_processes(scmp_filter_ctx filter)
{
    const scmp_datum_t special = CLONE_THREAD | CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS |
                                 CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
    const int harmless[] = {PR_SET_NAME, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, PR_SET_PDEATHSIG};
    int rc = allow(filter, keep_calls, ARRAY_LEN(keep_calls));
    rc = rc == 0 ? allow_if(filter, CALL(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, special, 0)) : rc;
    rc = rc == 0 ? allow_if(filter, CALL(prlimit64), argument_is(0, 0)) : rc;
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(harmless); i++) {
        rc = allow_if(filter, CALL(prctl), argument_is(0, (scmp_datum_t)harmless[i]));
    }
    return rc == 0 ? seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), CALL(clone3), 0) : rc;
}

static int allow_sockets(scmp_filter_ctx filter, const int *families, size_t n)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = allow_if(filter, CALL(socket), argument_is(0, (scmp_datum_t)families[i]));
    }
    return rc;
}

static int allow_rights(scmp_filter_ctx filter, unsigned rights)
{
    const int local[] = {AF_UNIX};
    const int anywhere[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
    /* libpcap asks about interfaces through the latter two. */
    const int packets[] = {AF_PACKET, AF_UNIX, AF_NETLINK};
    const int send[] = {CALL(sendmsg)};
    const int to_anybody[] = {CALL(sendto)};
    int rc = 0;
    if ((rights & SANDBOX_FILES) != 0) {
        rc = allow(filter, file_calls, ARRAY_LEN(file_calls));
    }
    if (rc == 0 && (rights & SANDBOX_THREADS) != 0) {
        rc = allow_threads(filter);
    }
    if (rc == 0 && (rights & SANDBOX_CAPTURE) != 0) {
        rc = allow(filter, capture_calls, ARRAY_LEN(capture_calls));
        rc = rc == 0 ? allow_sockets(filter, packets, ARRAY_LEN(packets)) : rc;
    }
    if (rc == 0 && (rights & SANDBOX_SEND) != 0) {
        rc = allow(filter, to_anybody, ARRAY_LEN(to_anybody));
    }
    if (rc == 0 && (rights & SANDBOX_LISTEN) != 0) {
        rc = allow(filter, listen_calls, ARRAY_LEN(listen_calls));
    }
    if (rc == 0 && (rights & SANDBOX_KEEP) != 0) {
        rc = allow_processes(filter);
    }
    if (rc == 0 && (rights & SANDBOX_WAIT) != 0) {
        rc = allow(filter, wait_calls, ARRAY_LEN(wait_calls));
    }
    if (rc == 0 && (rights & SANDBOX_ACCEPT) != 0) {
        rc = allow(filter, answer_calls, ARRAY_LEN(answer_calls));
    }
    if (rc == 0 && (rights & (SANDBOX_LOCAL | SANDBOX_CONNECT)) != 0) {
        rc = allow(filter, connect_calls, ARRAY_LEN(connect_calls));
        rc = rc == 0 ? allow_sockets(filter, local, ARRAY_LEN(local)) : rc;
    }
    if (rc == 0 && (rights & SANDBOX_CONNECT) != 0) {
        rc = allow_sockets(filter, anywhere, ARRAY_LEN(anywhere));
    }
    if (rc == 0 && (rights & (SANDBOX_ACCEPT | SANDBOX_LOCAL | SANDBOX_CONNECT)) != 0) {
        rc = allow(filter, send, ARRAY_LEN(send));
    }
    return rc;
}

static bool load(unsigned rights, bool all_threads)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (filter == NULL) {
        return false;
    }
    int rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, all_threads);
    rc = rc == 0 ? seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2) : rc;
    rc = rc == 0 ? allow_core(filter, (rights & SANDBOX_CODE) != 0) : rc;
    rc = rc == 0 ? allow_rights(filter, rights) : rc;
    rc = rc == 0 ? seccomp_load(filter) : rc;
    seccomp_release(filter);
    return rc == 0;
}

/* --- paths
 * -----------------------------------------------------------------------------------------------
 */

/* As struct landlock_ruleset_attr, with what versions 4 and 6 added. */
struct ruleset {
    uint64_t files;
    uint64_t net;
    uint64_t scoped;
};

enum {
    FIRST_WITH_TRUNCATE = 3,
    FIRST_WITH_NET = 4,
    FIRST_WITH_SCOPES = 6,
    ALL_NET = 3,    /* bind, connect TCP */
    ALL_SCOPES = 3, /* abstract sockets, signals */
};

static const uint64_t truncate_right = 1 << 14;
static const uint64_t file_reading = LANDLOCK_ACCESS_FS_READ_FILE;
static const uint64_t file_writing = LANDLOCK_ACCESS_FS_WRITE_FILE;
static const uint64_t folder_reading = LANDLOCK_ACCESS_FS_READ_DIR;
static const uint64_t folder_writing =
    LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR;
static const uint64_t never = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                              LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_SOCK |
                              LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
                              LANDLOCK_ACCESS_FS_MAKE_SYM;

static bool add_path(int ruleset, const struct sandbox_path *path, uint64_t handled)
{
    struct stat st;
    struct landlock_path_beneath_attr rule = {.parent_fd = open(path->path, O_PATH | O_CLOEXEC)};
    if (rule.parent_fd < 0) {
        return true;
    }
    bool folder = fstat(rule.parent_fd, &st) == 0 && S_ISDIR(st.st_mode);
    rule.allowed_access = file_reading | (folder ? folder_reading : 0);
    if (path->write) {
        rule.allowed_access |= file_writing | truncate_right | (folder ? folder_writing : 0);
    }
    rule.allowed_access &= handled;
    long rc = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    (void)close(rule.parent_fd);
    return rc == 0;
}

/* 0, or an errno. */
static int hold_paths(const struct sandbox *plan)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    struct ruleset handled = {.files = file_reading | file_writing | folder_reading |
                                       folder_writing | never};
    size_t size = sizeof(handled.files);
    if (version < 1) {
        return version < 0 ? errno : ENOSYS;
    }
    if (version >= FIRST_WITH_TRUNCATE) {
        handled.files |= truncate_right;
    }
    if (version >= FIRST_WITH_NET) {
        handled.net = (plan->rights & SANDBOX_CONNECT) != 0 ? 0 : ALL_NET;
        size += sizeof(handled.net);
    }
    if (version >= FIRST_WITH_SCOPES) {
        handled.scoped = (plan->rights & (SANDBOX_LOCAL | SANDBOX_CONNECT)) != 0 ? 0 : ALL_SCOPES;
        size += sizeof(handled.scoped);
    }
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &handled, size, 0);
    bool good = ruleset >= 0;
    for (size_t i = 0; good && i < plan->n_paths; i++) {
        good = add_path(ruleset, &plan->paths[i], handled.files);
    }
    good = good && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
    int refusal = good ? 0 : errno;
    if (ruleset >= 0) {
        (void)close(ruleset);
    }
    return refusal;
}

unsigned sandbox_enter(const struct sandbox *plan, int *ret_refusal)
{
    *ret_refusal = hold_paths(plan);
    unsigned walls = *ret_refusal == 0 ? SANDBOX_LANDLOCK : 0;
    return walls | (load(plan->rights, true) ? SANDBOX_SECCOMP : 0);
}

bool sandbox_tighten(unsigned rights)
{
    return load(rights & (SANDBOX_SEND | SANDBOX_LISTEN), false);
}

void sandbox_close_door(void)
{
    const struct rlimit none = {0};
    (void)setrlimit(RLIMIT_NPROC, &none);
}

const char *sandbox_about(void)
{
    return "seccomp, Landlock";
}
