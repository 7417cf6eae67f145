/* Shared by the files of src/config and by the command line; not installed. */
#ifndef PRISMI_CONFIG_INTERNAL_H
#define PRISMI_CONFIG_INTERNAL_H

#include "core/text.h"
#include "prismrec/config.h"

/* Sections of keys in the order of the dump and the documentation, the last
 * with the name NULL; "" has the keys without one. */
struct prismi_section {
    const char *name, *title;
};
extern const struct prismi_section prismi_config_sections[];
bool prismi_config_in_section(const struct prism_config_key *key, const char *section);
/* docs/configuration.md, malloc'ed; NULL on no memory. */
char *prismi_config_markdown(void);
/* What a key accepts, e.g. "a number > 0". */
void prismi_value_expected(const struct prism_config_key *key, char *out, size_t n);

/* A key and the name it had before. */
struct prismi_old_key {
    const char *old, *key; /* full names */
};
const struct prismi_old_key *prismi_config_old_keys(size_t *n);
/* The row of an old full name, or NULL. */
const struct prismi_old_key *prismi_config_old(const char *name);

/* ---- values ---- */

/* text -> *field, or false with the reason in why, e.g. "-1 is out of range;
 * expected a number > 0". *field is kept on failure. */
bool prismi_value_parse(const struct prism_config_key *key, const char *text, void *field,
                        char *why, size_t n);
/* *field as YAML that parses to the same value. */
void prismi_value_write(struct prismi_text *t, const struct prism_config_key *key,
                        const void *field);
/* s as one line of YAML: a double-quoted scalar, or (comment) with what cannot
 * be in a comment replaced by '?'. */
void prismi_text_quote(struct prismi_text *t, const char *s, bool comment);

/* ---- sets ---- */

enum { PRISMI_MAX_KEYS = 128 };
/* Where a value came from: "default", "preset:quick", "--set", or a file and
 * line. */
struct prismi_origin {
    const char *name;
    int line;                         /* 0 = none */
    const struct prismi_old_key *old; /* the key was given by its old name; or NULL */
};
struct prismi_config_state {
    struct prism_config config;
    struct prismi_origin source[PRISMI_MAX_KEYS]; /* by key */
};
struct prism_config_set {
    struct prism_ctx *ctx;
    struct prismi_config_state given;
    struct prism_config effective; /* after finish */
    bool finished;
    bool noted[PRISMI_MAX_KEYS]; /* by key: the note about its old name was logged */
    struct prismi_name *names;   /* every source name, kept until destroy */
};

void prismi_config_defaults(struct prism_config *config);
void *prismi_config_field(struct prism_config *config, const struct prism_config_key *key);
/* Index of a key by its full name, or -1. */
int prismi_config_find(const char *name);
/* The same, old names included: *old is the row of an old name, else NULL. */
int prismi_config_find_any(const char *name, const struct prismi_old_key **old);
/* "; did you mean x?" or "": the key nearest to name. */
void prismi_config_suggest(const char *name, char *out, size_t n);
/* where: prefix of the error, e.g. "run.yaml:7:15". */
int prismi_config_put(struct prism_config_set *set, int key, const char *text, const char *where,
                      struct prismi_origin source);
const char *prismi_config_intern(struct prism_config_set *set,
                                 const char *name); /* NULL on no memory */
/* Preset by name, on top of the state; where: prefix of the errors. */
int prismi_config_apply_preset(struct prism_config_set *set, const char *name, const char *where);
/* A change of many keys happens whole or not at all: begin copies the state,
 * end restores it where status is not 0. */
int prismi_config_begin(struct prism_config_set *set, struct prismi_config_state **saved);
int prismi_config_end(struct prism_config_set *set, struct prismi_config_state *saved, int status);

#endif
