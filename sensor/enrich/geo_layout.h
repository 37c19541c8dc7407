#pragma once

#include "sensor/core/place.h"

#include <maxminddb.h>

/* How the records of a database are laid out: which path leads to what. */
struct geo_layout;

/* The layout of an open database, by its type and, where that does not tell, by looking at some
 * records. NULL when it holds neither places nor networks. */
const struct geo_layout *geo_layout_of(const MMDB_s *mmdb);
/* Fills what is still empty in *place. false when the record is broken; what could be read stands.
 */
bool geo_layout_read(const struct geo_layout *layout, MMDB_entry_s *entry, struct place *place);
