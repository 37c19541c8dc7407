#pragma once

#include "sensor/decoy/record.h"

/* What is asked of a socket of datagrams: where each was sent to, and how many did not fit. A
 * negative errno when the kernel does not know of it. */
MUST_USE int decoy_datagrams_set_up(int fd, bool v6);

enum { DECOY_DATAGRAM_MAX = 65507 };

/* Takes the next datagram into `room`, which r->bytes then lie in; all of the record is filled in
 * but kind, listener and time. *ret_lost: how many did not fit, since the socket was opened. false
 * when there is none. */
MUST_USE bool decoy_datagram_take(int fd, uint8_t room[DECOY_DATAGRAM_MAX],
                                  struct record *ret_record, uint32_t *ret_lost);
