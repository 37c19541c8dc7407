#pragma once

/* What is there only to be touched: nobody has business with it. Whoever has the list of them owns
 * it, and outlives the flows that point here. */
struct decoy {
    const char *listener; /* as in_iface names it: "http:*:8080" */
    const char *persona;  /* what it poses as; "" for nothing */
    const char *canary;   /* the token that it gives away; "" where another answers for it */
};
