/* privs: who the sensor is after its start.
 *
 * Packet sockets, ports and files are opened as who started it; then it becomes a user that owns
 * nothing. Capabilities are set through the system call itself (capabilities(7)); glibc carries a
 * change of the user to all threads, a change of capabilities only to the calling one, so that this
 * comes before threads are started. */
#include "sensor/app/privs.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool known(const char *user, struct privs *ret_privs)
{
    char text[4096];
    struct passwd entry;
    struct passwd *found = NULL;
    if (getpwnam_r(user, &entry, text, sizeof(text), &found) != 0 || found == NULL) {
        return false;
    }
    *ret_privs = (struct privs){.uid = entry.pw_uid, .gid = entry.pw_gid};
    (void)snprintf(ret_privs->user, sizeof(ret_privs->user), "%s", user);
    return true;
}

static int find_unnamed(struct privs *ret_privs, struct errbuf *err)
{
    if (known("jndiwatch", ret_privs) || known("nobody", ret_privs)) {
        return 0;
    }
    errbuf_add(err, "no user 'jndiwatch' to become, and no 'nobody'; useradd --system jndiwatch, "
                    "or go on as root with --user root");
    return -EINVAL;
}

int privs_find(const char *user, bool needs_drop, struct privs *ret_privs, struct errbuf *err)
{
    bool is_root = geteuid() == 0;
    *ret_privs = (struct privs){0};
    if (strcmp(user, "auto") == 0) {
        return is_root && needs_drop ? find_unnamed(ret_privs, err) : 0;
    }
    if (!known(user, ret_privs)) {
        errbuf_add(err, "no user '%s'; useradd --system %s", user, user);
        return -EINVAL;
    }
    if (ret_privs->uid == geteuid()) {
        *ret_privs = (struct privs){0};
    } else if (!is_root) {
        errbuf_add(err, "only root can become user '%s'. Leave --user out", user);
        return -EINVAL;
    }
    return 0;
}

static bool changes(const struct privs *p)
{
    return p->user[0] != '\0';
}

void privs_put_on(const struct privs *p)
{
    if (changes(p) && setegid(p->gid) == 0) {
        int failed = seteuid(p->uid); /* then files are opened as before */
        (void)failed;
    }
}

void privs_put_off(const struct privs *p)
{
    if (changes(p)) {
        CHECK(seteuid(0) == 0 && setegid(getgid()) == 0); /* the saved ones are still ours */
    }
}

static int get_caps(struct __user_cap_data_struct caps[2])
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    return syscall(SYS_capget, &header, caps) == 0 ? 0 : -errno;
}

/* Keeps those of the set that there are. */
static int keep_caps(uint64_t set)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct caps[2] = {{0}};
    int rc = get_caps(caps);
    for (unsigned i = 0; i < 2; i++) {
        caps[i].permitted &= (uint32_t)(set >> (32 * i));
        caps[i].effective = caps[i].permitted;
        caps[i].inheritable = 0;
    }
    return rc == 0 && syscall(SYS_capset, &header, caps) != 0 ? -errno : rc;
}

/* What no program run later can be given. Not permitted without CAP_SETPCAP: no-new-privs then
 * comes to the same. */
static void empty_bounding_set(void)
{
    for (unsigned long cap = 0; cap <= CAP_LAST_CAP; cap++) {
        (void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
    }
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

static int become(const struct privs *p)
{
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 || setgroups(1, &p->gid) != 0 ||
        setresgid(p->gid, p->gid, p->gid) != 0 || setresuid(p->uid, p->uid, p->uid) != 0) {
        return -errno;
    }
    return prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) == 0 ? 0 : -errno;
}

static uint64_t caps_of(unsigned rights)
{
    return ((rights & PRIVS_NET_RAW) != 0 ? UINT64_C(1) << CAP_NET_RAW : 0) |
           ((rights & PRIVS_NET_ADMIN) != 0 ? UINT64_C(1) << CAP_NET_ADMIN : 0);
}

int privs_drop(const struct privs *p, unsigned rights, struct errbuf *err)
{
    const struct rlimit none = {0};
    uint64_t keep = caps_of(rights);
    empty_bounding_set();
    int rc = changes(p) ? become(p) : 0;
    if (geteuid() == 0) {
        keep |= UINT64_C(1) << CAP_DAC_OVERRIDE;
    }
    rc = rc == 0 ? keep_caps(keep) : rc;
    if (rc == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        rc = -errno;
    }
    (void)setrlimit(RLIMIT_CORE, &none);
    if (rc != 0) {
        errbuf_add(err, "cannot become user '%s' without rights: %s", p->user, strerror(-rc));
    }
    return rc;
}

void privs_drop_thread(unsigned keep)
{
    CHECK(keep_caps(caps_of(keep)) == 0); /* giving up is always permitted */
}
