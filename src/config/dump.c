/* The whole configuration as YAML, a line per key with the source of its
 * value. */
#include "config/internal.h"
#include "core/internal.h"

#include <string.h>

void prismi_text_quote(struct prismi_text *t, const char *s, bool comment)
{
    uint32_t cp = 0;
    const char *quote = comment ? "" : "\"";
    prismi_text_add(t, "%s", quote);
    while (*s) {
        size_t n = prismi_utf8(s, &cp);
        /* YAML prints all but controls, line separators, byte order marks and
         * non-characters as they are */
        bool plain =
            n && ((cp >= ' ' && cp <= '~') || (cp >= 0xa0 && cp != 0x2028 && cp != 0x2029 &&
                                               cp != 0xfeff && cp != 0xfffe && cp != 0xffff));
        if (comment && !plain)
            prismi_text_add(t, "?");
        else if (!plain)
            prismi_text_add(t, "\\u%04x", (unsigned)cp);
        else
            prismi_text_add(t, "%s%.*s", !comment && (cp == '"' || cp == '\\') ? "\\" : "", (int)n,
                            s);
        s += n ? n : 1;
    }
    prismi_text_add(t, "%s", quote);
}

static void write_source(struct prismi_text *t, const struct prism_config_set *set,
                         const struct prism_config_key *key, int i)
{
    const struct prismi_origin *source = &set->given.source[i];
    bool derived =
        set->finished && memcmp((const char *)&set->given.config + key->offset,
                                (const char *)&set->effective + key->offset, key->size) != 0;
    prismi_text_add(t, "  # ");
    prismi_text_quote(t, derived ? "derived" : source->name, true);
    if (source->line && !derived)
        prismi_text_add(t, ":%d", source->line);
    prismi_text_add(t, "\n");
}

int prism_config_dump(const struct prism_config_set *set, char **out)
{
    size_t n;
    const struct prism_config_key *keys = prism_config_keys(&n);
    const struct prism_config *config = set->finished ? &set->effective : &set->given.config;
    struct prismi_text t = {0};
    prismi_text_add(&t, "# PRISM %s configuration: every setting, and where it came from\n",
                    prism_version());
    for (const struct prismi_section *s = prismi_config_sections; s->name; s++) {
        if (*s->name)
            prismi_text_add(&t, "\n%s:\n", s->name);
        for (size_t i = 0; i < n; i++) {
            if (!prismi_config_in_section(&keys[i], s->name))
                continue;
            const char *dot = strchr(keys[i].key, '.');
            prismi_text_add(&t, "%s%s: ", dot ? "  " : "", dot ? dot + 1 : keys[i].key);
            prismi_value_write(&t, &keys[i], (const char *)config + keys[i].offset);
            write_source(&t, set, &keys[i], (int)i);
        }
    }
    *out = prismi_text_take(&t);
    return *out ? 0
                : PRISM_FAIL(set->ctx, PRISM_ENOMEM,
                             "no memory to write out the configuration (%zu keys)", n);
}
