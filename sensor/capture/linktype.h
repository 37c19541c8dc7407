#pragma once

#include <stddef.h>

enum { LINKTYPE_NAME_SIZE = 64 };

/* libpcap's DLT_ number for a LINKTYPE_ number of a file. */
int linktype_dlt(int link_type);
/* libpcap's name: "EN10MB"; "unknown" when it has none. */
void linktype_name(int link_type, char *ret_name, size_t size);
