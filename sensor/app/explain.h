#pragma once

#include "sensor/app/run.h"

/* `jndiwatch explain …`: says of texts what the sensor would say of a field that holds them.
 * argv[0] is "explain"; what is asked for in --help goes to standard output, mistakes to standard
 * error. */
enum exit_code explain(int argc, char **argv);
