#pragma once

/* What is to become of a packet or a flow. Passive modes carry it and ignore it. Ordered: the
 * higher one wins. */
enum verdict { VERDICT_PASS, VERDICT_DROP, VERDICT_REJECT };
