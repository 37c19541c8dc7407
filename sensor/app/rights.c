/* rights: what is kept of what the sensor was started with.
 *
 * A file that is read again may have been replaced in the meantime, so it is its folder that stays
 * open to us; where a name is a link, also the folder that it leads to. Captures are read from
 * where they lie. Modules of charsets and the kernel's figures of interfaces are read wherever
 * Debian has them. */
#include "sensor/app/rights.h"

#include "sensor/app/sandbox.h"
#include "sensor/base/log.h"
#include "sensor/base/mem.h"
#include "sensor/base/sbuf.h"
#include "sensor/enrich/geo.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct list {
    struct config_list names; /* owns what paths point to */
    struct sandbox_path *paths;
    bool failed;
};

static void add(struct list *l, const char *path, bool write)
{
    size_t n = l->names.n;
    struct sandbox_path *paths = mem_resize(l->paths, (n + 1) * sizeof(*paths));
    if (paths == NULL || config_append(&l->names, span_str(path)) != 0) {
        l->paths = paths != NULL ? paths : l->paths;
        l->failed = true;
        return;
    }
    l->paths = paths;
    l->paths[n] = (struct sandbox_path){.path = l->names.items[n], .write = write};
}

static void add_folder_of(struct list *l, const char *path, bool write)
{
    char copy[PATH_MAX];
    (void)snprintf(copy, sizeof(copy), "%s", path);
    add(l, dirname(copy), write);
}

/* The folder of a file, and that of what it is a link to. */
static void add_file(struct list *l, const char *path, bool write)
{
    char real[PATH_MAX];
    add_folder_of(l, path, write);
    if (realpath(path, real) != NULL) {
        add_folder_of(l, real, write);
    }
}

static void add_files(struct list *l, const struct config_list *files)
{
    for (size_t i = 0; i < files->n; i++) {
        add_file(l, files->items[i], false);
    }
}

static void add_inputs(struct list *l, const struct config_list *inputs)
{
    for (size_t i = 0; i < inputs->n; i++) {
        add(l, inputs->items[i], false); /* a folder is opened at the start, its files later */
        add_file(l, inputs->items[i], false);
    }
}

static bool is_file(const struct config_output *o)
{
    return strcmp(o->type, "file") == 0 && strcmp(o->target, "-") != 0;
}

static void list_paths(struct list *l, const struct rights_needs *needs)
{
    const struct config *c = &needs->snapshot->config;
    static const char *const always[] = {"/usr/lib", "/usr/share/zoneinfo", "/proc/self",
                                         "/sys/devices/system/cpu"};
    static const char *const live[] = {"/sys/class/net", "/sys/devices", "/proc/net"};
    static const char *const names[] = {"/etc"};
    for (size_t i = 0; i < ARRAY_LEN(always); i++) {
        add(l, always[i], false);
    }
    for (size_t i = 0; needs->live && i < ARRAY_LEN(live); i++) {
        add(l, live[i], false);
    }
    if ((needs->more & SANDBOX_CONNECT) != 0) {
        add(l, names[0], false); /* resolver and name services */
    }
    for (size_t i = 0; geo_folders[i] != NULL; i++) {
        add(l, geo_folders[i], false);
    }
    add_inputs(l, &needs->options->files);
    add_files(l, &c->rules);
    add_files(l, &needs->options->rules);
    add_files(l, &c->geo_databases);
    if (needs->options->config != NULL) {
        add_file(l, needs->options->config, false);
    }
    if (c->assets[0] != '\0') {
        add_file(l, c->assets, false);
    }
    if (c->classification[0] != '\0') {
        add_file(l, c->classification, false);
    }
    for (size_t i = 0; i < c->n_outputs; i++) {
        if (is_file(&c->outputs[i])) {
            add_file(l, c->outputs[i].target, true);
        }
    }
    if (c->evidence_folder[0] != '\0') {
        add(l, c->evidence_folder, true);
    }
    if (c->command_socket[0] != '\0') {
        add_file(l, c->command_socket, true); /* to take it away */
    }
    char cache[PATH_MAX];
    const char *folder = snapshot_cache_folder(c, cache, sizeof(cache));
    if (folder != NULL) {
        add(l, folder, true);
    }
}

/* --- what will not be possible
 * --------------------------------------------------------------------------- */

static bool permitted(const char *path, int mode)
{
    return faccessat(AT_FDCWD, path, mode, AT_EACCESS) == 0 || errno != EACCES;
}

static void warn_of_unreadable(const char *path, const struct privs *p)
{
    if (path != NULL && !permitted(path, R_OK)) {
        log_warning("user '%s' cannot read '%s': a reload will be refused. Let it, or choose "
                    "another with --user",
                    p->user, path);
    }
}

static void warn_of_folder(const char *output, const struct privs *p)
{
    char copy[PATH_MAX];
    struct stat st;
    (void)snprintf(copy, sizeof(copy), "%s", output);
    bool other = stat(copy, &st) == 0 && !S_ISREG(st.st_mode);
    if (!other && !permitted(dirname(copy), W_OK | X_OK)) {
        log_warning("user '%s' cannot write in the folder of '%s': it cannot be opened anew after "
                    "a rotation. Choose a folder of its own with -l, or another user with --user",
                    p->user, output);
    }
}

static void warn(const struct rights_needs *needs, const struct privs *p)
{
    const struct config *c = &needs->snapshot->config;
    const struct config_list *lists[] = {&c->rules, &needs->options->rules};
    warn_of_unreadable(needs->options->config, p);
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        for (size_t k = 0; k < lists[i]->n; k++) {
            warn_of_unreadable(lists[i]->items[k], p);
        }
    }
    for (size_t i = 0; i < c->n_outputs; i++) {
        if (is_file(&c->outputs[i])) {
            warn_of_folder(c->outputs[i].target, p);
        }
    }
}

/* --- giving up
 * -------------------------------------------------------------------------------------------- */

static bool captures(const struct rights_needs *needs)
{
    return needs->live && !needs->listens;
}

static void tell_missing(unsigned walls, int refusal)
{
    if ((walls & SANDBOX_SECCOMP) == 0) {
        log_warning("no seccomp in this kernel or program: system calls are not held back");
    } else if (refusal == ENOSYS) {
        log_warning("no Landlock in this kernel: the user's files are not held back");
    } else if (refusal == EOPNOTSUPP) {
        log_warning("Landlock is switched off in this kernel: the user's files are not held back. "
                    "Add landlock to its lsm= parameter");
    } else if (refusal != 0) {
        log_warning("Landlock cannot be used here: %s; the user's files are not held back. Where a "
                    "container's filter forbids it, allow landlock_create_ruleset, "
                    "landlock_add_rule and landlock_restrict_self",
                    strerror(refusal));
    }
}

static int enter(const struct rights_needs *needs, unsigned *ret_walls)
{
    int refusal = 0;
    struct list list = {0};
    list_paths(&list, needs);
    struct sandbox plan = {
        .rights = SANDBOX_FILES | SANDBOX_THREADS | SANDBOX_CODE | needs->more |
                  (captures(needs) ? SANDBOX_CAPTURE : 0u) | (needs->listens ? SANDBOX_WAIT : 0u) |
                  (needs->inlined ? SANDBOX_SEND : 0u),
        .paths = list.paths,
        .n_paths = list.names.n,
    };
    int rc = list.failed ? -ENOMEM : 0;
    if (rc == 0) {
        *ret_walls = sandbox_enter(&plan, &refusal);
    }
    if (rc == 0 && needs->live) {
        tell_missing(*ret_walls, refusal);
    }
    mem_free(list.paths);
    config_list_free(&list.names);
    return rc;
}

int rights_give_up(const struct rights_needs *needs, const struct privs *privs, unsigned *ret_walls,
                   struct errbuf *err)
{
    const struct config *c = &needs->snapshot->config;
    *ret_walls = 0;
    unsigned keep = (captures(needs) ? (unsigned)PRIVS_NET_RAW : 0) |
                    (needs->inlined ? (unsigned)PRIVS_NET_ADMIN : 0);
    int rc = privs_drop(privs, keep, err);
    if (rc != 0) {
        return rc;
    }
    if (needs->live && geteuid() == 0) {
        log_warning("goes on as root, as it was told to");
    }
    if (privs->user[0] != '\0') {
        warn(needs, privs);
    }
    if (!c->rights_sandbox) {
        return 0;
    }
    rc = enter(needs, ret_walls);
    if (rc != 0) {
        errbuf_add(err, "there is no memory for the list of paths");
    }
    return rc;
}
