/* Functions shared by the files of src/config and the command line. Not
 * installed. */
#ifndef PRISMI_CONFIG_INTERNAL_H
#define PRISMI_CONFIG_INTERNAL_H

#include "core/text.h"
#include "prismrec/config.h"

/* Sections of keys, in the order of the dump and the documentation. The section
 * "" holds the keys without one; a row with the name NULL ends the table. */
struct prismi_section {
    const char *name, *title;
};
extern const struct prismi_section prismi_config_sections[];
bool prismi_config_in_section(const struct prism_config_key *key, const char *section);
/* Text of docs/configuration.md, which the caller frees; NULL if memory is
 * short. */
char *prismi_config_markdown(void);
/* Describes the values that a key accepts, e.g. "a number > 0", in out. */
void prismi_value_expected(const struct prism_config_key *key, char *out, size_t n);

/* A key and its old name. */
struct prismi_old_key {
    const char *old, *key; /* full names, section.key */
};
const struct prismi_old_key *prismi_config_old_keys(size_t *n);
/* The row of an old full name, or NULL. */
const struct prismi_old_key *prismi_config_old(const char *name);

/* ---- values ---- */

/* Parses text into *field. Returns false with the reason in why, e.g. "-1 is
 * out of range; expected a number > 0"; *field is unchanged then. */
bool prismi_value_parse(const struct prism_config_key *key, const char *text, void *field,
                        char *why, size_t n);
/* Appends *field as YAML that parses to the same value. */
void prismi_value_write(struct prismi_text *t, const struct prism_config_key *key,
                        const void *field);
/* Appends s on one line of YAML: as a double-quoted scalar or, for comment, as
 * plain text in which '?' replaces every character that a comment must not
 * hold. */
void prismi_text_quote(struct prismi_text *t, const char *s, bool comment);

/* ---- sets ---- */

enum { PRISMI_MAX_KEYS = 128 };
/* Source of a value: "default", "preset:quick", "--set", or a file and line. */
struct prismi_origin {
    const char *name;
    int line;                         /* 0 = none */
    const struct prismi_old_key *old; /* the key was given by its old name; or NULL */
};
struct prismi_config_state {
    struct prism_config config;
    struct prismi_origin source[PRISMI_MAX_KEYS]; /* indexed by key */
};
struct prism_config_set {
    struct prism_ctx *ctx;
    struct prismi_config_state given;
    struct prism_config effective; /* valid if finished: with derived values */
    bool finished;
    bool noted[PRISMI_MAX_KEYS]; /* indexed by key: the note about its old name was logged */
    struct prismi_name *names;   /* names of sources, freed by destroy */
};

void prismi_config_defaults(struct prism_config *config);
void *prismi_config_field(struct prism_config *config, const struct prism_config_key *key);
/* Index of the key with that full name, or -1. */
int prismi_config_find(const char *name);
/* Index of the key with that full name, new or old, or -1. *old is the row of
 * an old name, else NULL. */
int prismi_config_find_any(const char *name, const struct prismi_old_key **old);
/* Writes "; did you mean x?" for the key nearest to name, or "" if none is
 * near. */
void prismi_config_suggest(const char *name, char *out, size_t n);
/* Sets a key from text. `where` begins the error and the note about an old
 * name, e.g. "run.yaml:7:15". Returns 0 or PRISM_EINVAL. */
int prismi_config_put(struct prism_config_set *set, int key, const char *text, const char *where,
                      struct prismi_origin source);
const char *prismi_config_intern(struct prism_config_set *set,
                                 const char *name); /* NULL if memory is short */
/* Applies a preset on top of the values given so far; `where` begins the
 * errors. Returns 0, PRISM_EINVAL or PRISM_ENOMEM. */
int prismi_config_apply_preset(struct prism_config_set *set, const char *name, const char *where);
/* A change of many keys happens entirely or not at all: begin copies the state,
 * end restores the copy if status is not 0 and returns status. */
int prismi_config_begin(struct prism_config_set *set, struct prismi_config_state **saved);
int prismi_config_end(struct prism_config_set *set, struct prismi_config_state *saved, int status);

#endif
