#pragma once

#include "sensor/base/errbuf.h"
#include "sensor/output/json.h"

/* The command socket: one JSON object in, one line with a JSON object out, as Suricata's clients
 * speak it (protocol versions 0.1 and 0.2). Served by one thread, which is never kept waiting. */
struct command;

enum command_answer {
    COMMAND_OK,
    COMMAND_NOK,
    COMMAND_RELOADS, /* the client waits for command_finish() of the same */
    COMMAND_SEEKS,   /* as well */
    COMMAND_UNKNOWN, /* there is no command of that name */
};

/* Who knows the answers. */
struct command_user {
    void *ctx;
    /* Writes the member "message" of the answer. `arguments`: text of a JSON object, or empty.
     * Nothing is to be written where the client is to wait. */
    enum command_answer (*answer)(void *ctx, struct span name, struct span arguments,
                                  struct json *j);
    /* Writes the same member for who waited for `what`: COMMAND_OK or COMMAND_NOK. */
    enum command_answer (*finish)(void *ctx, enum command_answer what, struct json *j);
};

/* Listens at `path`; a socket that was left over is removed. 0, or a negative errno with a line in
 * err: -EADDRINUSE when another process listens there. */
MUST_USE int command_open(const char *path, const struct command_user *user,
                          struct command **ret_command, struct errbuf *err);
/* Takes the socket away. Nulls *c; accepts NULL. */
void command_close(struct command **c);

/* Waits for clients, at most that long, and answers them. */
void command_serve(struct command *c, unsigned wait_ms);
/* Answers all who were told to wait for that. */
void command_finish(struct command *c, enum command_answer what);
bool command_is_awaited(const struct command *c, enum command_answer what);
