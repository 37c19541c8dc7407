#pragma once

#include "sensor/core/sink.h"

/* A file that lines are appended to, or standard output for "-". The default target is eve.json in
 * the current directory. */
extern const struct sink_ops sink_file;
