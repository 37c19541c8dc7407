#pragma once

/* Which way bytes go. Also indexes arrays of two. */
enum direction { TO_SERVER, TO_CLIENT };

/* "to_server", "to_client". */
const char *direction_name(enum direction dir);
enum direction direction_other(enum direction dir);
