/* metrics_server_off: a build without libmicrohttpd. */
#include "sensor/app/metrics_server.h"

#include <errno.h>

bool metrics_server_is_address(const char *text)
{
    return text[0] != '\0';
}

int metrics_server_open(const char *address, struct metrics_server **ret_server, struct errbuf *err)
{
    (void)ret_server;
    errbuf_add(err, "metrics.listen: this build answers nobody at '%s'; see --build-info", address);
    return -ENOTSUP;
}

int metrics_server_start(struct metrics_server *m)
{
    (void)m;
    return -ENOTSUP;
}

void metrics_server_publish(struct metrics_server *m, struct span text)
{
    (void)m;
    (void)text;
}

void metrics_server_close(struct metrics_server **m)
{
    *m = NULL;
}

const char *metrics_server_about(void)
{
    return "none";
}
