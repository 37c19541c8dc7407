/* field_bench: what the worst texts that are known cost as a whole, as the value of a header and as
 * a body.
 *
 * The last line is the longest time of all. */
#include "tests/bench/whole_field.h"
#include "tests/bench/worst_texts.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { TEXT_CAP = 60 * 1024, ROUNDS = 5 };

/* Of this process: other load on the machine does not count. */
static double cpu_us(void)
{
    return (double)clock() * 1e6 / CLOCKS_PER_SEC;
}

/* The least of some rounds. */
static double measure(struct whole_field *w, void (*give)(struct whole_field *w, struct span text),
                      struct span text)
{
    double least = 0;
    for (int round = 0; round < ROUNDS; round++) {
        double start = cpu_us();
        give(w, text);
        double took = cpu_us() - start;
        least = round == 0 || took < least ? took : least;
    }
    return least;
}

int main(void)
{
    struct whole_field *w = whole_field_new();
    struct sbuf text = sbuf_with_cap(TEXT_CAP);
    double longest = 0;
    if (w == NULL) {
        return EXIT_FAILURE;
    }
    for (size_t i = 0; i < worst_texts_n; i++) {
        sbuf_reset(&text);
        worst_text_fill(&worst_texts[i], TEXT_CAP, &text);
        double header = measure(w, whole_field_header, sbuf_span(&text));
        double body = measure(w, whole_field_body, sbuf_span(&text));
        longest = header > longest ? header : longest;
        longest = body > longest ? body : longest;
        printf("%-28s %6zu bytes  header %8.0f us  body %8.0f us\n", worst_texts[i].name, text.len,
               header, body);
    }
    printf("longest: %.0f us\n", longest);
    sbuf_free(&text);
    whole_field_free(&w);
    return EXIT_SUCCESS;
}
