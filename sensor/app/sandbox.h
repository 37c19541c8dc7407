#pragma once

#include "sensor/base/check.h"

#include <stdbool.h>
#include <stddef.h>

/* What a process may do behind sandbox_enter(), besides computing, and reading and writing what is
 * open. Never: run a program, trace or signal another process; fork only where it is said. */
enum sandbox_right {
    SANDBOX_FILES = 1 << 0,   /* open, make, rename and remove files, below the paths given */
    SANDBOX_THREADS = 1 << 1, /* start threads, and tighten them */
    SANDBOX_CODE = 1 << 2,    /* make memory executable: compiled expressions, loaded modules */
    SANDBOX_CAPTURE = 1 << 3, /* make packet sockets, ask about interfaces */
    SANDBOX_ACCEPT = 1 << 4,  /* take connections of sockets that listen already, and answer */
    SANDBOX_LOCAL = 1 << 5,   /* connect to sockets of this machine: a service manager, syslog */
    SANDBOX_SEND = 1 << 7,    /* send through sockets that are open, wherever to */
    SANDBOX_CONNECT = 1 << 6, /* connect anywhere, and look names up */
    SANDBOX_LISTEN = 1 << 8,  /* take connections of sockets that listen already; no more */
    SANDBOX_KEEP = 1 << 9,    /* start processes of its own kind, that have no more rights than it,
                                 and wait for their end */
    SANDBOX_WAIT = 1 << 10,   /* wait for the end of processes that it started before */
};

struct sandbox_path {
    const char *path; /* a file, or a folder with all below it; one that is not there is left out */
    bool write;       /* else read only */
};

struct sandbox {
    unsigned rights; /* enum sandbox_right */
    const struct sandbox_path *paths;
    size_t n_paths;
};

/* The walls that stand, where the kernel has them. */
enum sandbox_wall {
    SANDBOX_SECCOMP = 1 << 0,  /* seccomp(2): system calls off the list fail with EPERM */
    SANDBOX_LANDLOCK = 1 << 1, /* landlock(7): paths off the list fail with EACCES */
};

/* For good, for the whole process: the threads that run are held by seccomp, those that follow by
 * both walls. Returns a set of enum sandbox_wall; a wall that is missing is the caller's to tell.
 * Where it is Landlock, *ret_refusal is the errno that says why, else 0. */
unsigned sandbox_enter(const struct sandbox *plan, int *ret_refusal);

/* For the calling thread alone: nothing is left but computing, and reading, writing and waiting for
 * what is open. No file, no socket, no thread, no executable memory; of `rights`, SANDBOX_SEND and
 * SANDBOX_LISTEN may be left. false without seccomp. */
bool sandbox_tighten(unsigned rights);

/* For the whole process: all threads are started, none can be added (RLIMIT_NPROC, which does not
 * hold root). */
void sandbox_close_door(void);

/* What this program was built with: "seccomp, Landlock", or why there is none. */
const char *sandbox_about(void);
