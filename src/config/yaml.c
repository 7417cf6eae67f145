/* YAML files of two levels, section and key: libyaml's events become
 * assignments. No other file uses libyaml. */
#include "config/internal.h"
#include "core/internal.h"
#include "prismi_config.h"

#if PRISMI_HAVE_YAML

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <yaml.h>

enum { MAX_BYTES = 1 << 20, MAX_CHAIN = 8 };

/* A file and the files that extend it. */
struct chain {
    const char *path;
    dev_t dev;
    ino_t ino;
    const struct chain *child;
};

/* A file's statement about a key; text is NULL if there is none. */
struct statement {
    char *text; /* malloc'ed */
    yaml_mark_t mark;
    const struct prismi_old_key *old; /* the key was given by its old name; or NULL */
};

struct reader {
    struct prism_config_set *set;
    const char *path;
    yaml_parser_t parser;
    yaml_event_t event; /* the current event */
    struct statement key[PRISMI_MAX_KEYS], extends;
    size_t section_line[2 * PRISMI_MAX_KEYS]; /* as find_section() counts; 0 = not seen */
};

#define REFUSE(r, mark, status, fmt, ...)                                                          \
    PRISM_FAIL((r)->set->ctx, status, "%s:%zu:%zu: " fmt, (r)->path, (mark).line + 1,              \
               (mark).column + 1, __VA_ARGS__)

/* ---- events ---- */

/* True if the line is indented with a tab, which YAML forbids. */
static bool tab_indented(const uint8_t *data, size_t bytes, size_t line)
{
    size_t i = 0;
    for (; i < bytes && line; i++)
        line -= data[i] == '\n';
    while (i < bytes && data[i] == ' ')
        i++;
    return i < bytes && data[i] == '\t';
}

static int parser_failure(struct reader *r, const uint8_t *data, size_t bytes)
{
    const yaml_parser_t *p = &r->parser;
    yaml_mark_t mark = p->problem_mark;
    if (p->error == YAML_MEMORY_ERROR)
        return PRISM_FAIL(r->set->ctx, PRISM_ENOMEM, "no memory to read %s", r->path);
    if (p->error == YAML_READER_ERROR) { /* libyaml gives a byte offset here, no line */
        mark.line = mark.column = 0;
        for (size_t i = 0; i < p->problem_offset && i < bytes; i++) {
            mark.column = data[i] == '\n' ? 0 : mark.column + ((data[i] & 0xc0) != 0x80);
            mark.line += data[i] == '\n';
        }
    }
    if (tab_indented(data, bytes, mark.line))
        return REFUSE(r, mark, PRISM_EPARSE, "not YAML: %s",
                      "the line is indented with a tab; indent with spaces");
    return REFUSE(r, mark, PRISM_EPARSE, "not YAML: %s%s%s%s",
                  p->problem ? p->problem : "unreadable", p->context ? " (" : "",
                  p->context ? p->context : "", p->context ? ")" : "");
}

struct input {
    const uint8_t *data;
    size_t bytes;
};

/* Reads the next event; refuses anchors, aliases and tags. */
static int next(struct reader *r, const struct input *in)
{
    yaml_event_delete(&r->event);
    if (!yaml_parser_parse(&r->parser, &r->event))
        return parser_failure(r, in->data, in->bytes);
    const yaml_event_t *e = &r->event;
    const yaml_char_t *anchor = NULL, *tag = NULL;
    if (e->type == YAML_SCALAR_EVENT) {
        anchor = e->data.scalar.anchor;
        tag = e->data.scalar.tag;
    } else if (e->type == YAML_SEQUENCE_START_EVENT) {
        anchor = e->data.sequence_start.anchor;
        tag = e->data.sequence_start.tag;
    } else if (e->type == YAML_MAPPING_START_EVENT) {
        anchor = e->data.mapping_start.anchor;
        tag = e->data.mapping_start.tag;
    }
    if (anchor || e->type == YAML_ALIAS_EVENT)
        return REFUSE(r, e->start_mark, PRISM_EPARSE, "%s; write the value out",
                      "anchors and aliases are not supported");
    if (tag)
        return REFUSE(r, e->start_mark, PRISM_EPARSE, "tags are not supported; leave out '%.40s'",
                      (const char *)tag);
    return 0;
}

/* The current scalar as text; refuses NUL characters and null. */
static int scalar(const struct reader *r, const char *key, const char **out)
{
    const yaml_event_t *e = &r->event;
    const char *text = (const char *)e->data.scalar.value;
    bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (strlen(text) != e->data.scalar.length)
        return REFUSE(r, e->start_mark, PRISM_EPARSE, "%.80s: the text has a NUL character", key);
    if (plain && (!strcmp(text, "null") || !strcmp(text, "~")))
        return REFUSE(r, e->start_mark, PRISM_EINVAL,
                      "%.80s: null is no value; leave the line out for the default", key);
    *out = text;
    return 0;
}

/* ---- statements ---- */

static const char *describe(const struct reader *r)
{
    return r->event.type == YAML_MAPPING_START_EVENT ? "a mapping" : "a list";
}

static int wrong_shape(struct reader *r, const char *name, const struct prism_config_key *key)
{
    char expected[256] = "the path of a file or the name of a preset";
    if (key)
        prismi_value_expected(key, expected, sizeof(expected));
    return REFUSE(r, r->event.start_mark, PRISM_EINVAL, "%s: found %s; expected %s", name,
                  describe(r), expected);
}

/* Reads a list of scalars and joins them with commas. */
static int read_list(struct reader *r, const struct input *in, const char *name,
                     const struct prism_config_key *key, struct prismi_text *text)
{
    for (int i = 0;; i++) {
        const char *item;
        PRISM_TRY(next(r, in));
        if (r->event.type == YAML_SEQUENCE_END_EVENT)
            return 0;
        if (r->event.type != YAML_SCALAR_EVENT)
            return wrong_shape(r, name, key);
        PRISM_TRY(scalar(r, name, &item));
        prismi_text_add(text, "%s%s", i ? "," : "", item);
    }
}

/* Reads the value of a key: the current event and, for a list, the events up to
 * its end. */
static int read_value(struct reader *r, const struct input *in, const char *name,
                      const struct prism_config_key *key, yaml_mark_t name_mark,
                      struct statement *out)
{
    const char *value;
    if (out->text)
        return REFUSE(r, name_mark, PRISM_EINVAL, "%s: given twice; first on line %zu", name,
                      out->mark.line + 1);
    out->mark = r->event.start_mark;
    if (r->event.type == YAML_SCALAR_EVENT) {
        PRISM_TRY(scalar(r, name, &value));
        out->text = strdup(value);
        return out->text ? 0
                         : PRISM_FAIL(r->set->ctx, PRISM_ENOMEM, "no memory to read %s", r->path);
    }
    if (r->event.type != YAML_SEQUENCE_START_EVENT || !key || key->type != PRISM_KEY_INT_LIST)
        return wrong_shape(r, name, key);
    struct prismi_text text = {0};
    prismi_text_add(&text, "%s", ""); /* an empty list gives an empty text */
    int status = read_list(r, in, name, key, &text);
    out->text = prismi_text_take(&text);
    if (!out->text && !status)
        status = PRISM_FAIL(r->set->ctx, PRISM_ENOMEM, "no memory to read %s", r->path);
    return status;
}

static bool in_section(const char *key, const char *section)
{
    size_t n = strlen(section);
    return strncmp(key, section, n) == 0 && key[n] == '.';
}

/* Index of a section's first key, or -1. Old keys are counted after the new
 * ones. */
static int find_section(const char *name)
{
    size_t n, n_old;
    const struct prism_config_key *keys = prism_config_keys(&n);
    const struct prismi_old_key *old = prismi_config_old_keys(&n_old);
    for (size_t i = 0; i < n; i++)
        if (in_section(keys[i].key, name))
            return (int)i;
    for (size_t i = 0; i < n_old; i++)
        if (in_section(old[i].old, name))
            return (int)(n + i);
    return -1;
}

/* Refuses an unknown name; the current event is its value. */
static int unknown(struct reader *r, const char *name, bool top, yaml_mark_t mark)
{
    size_t n;
    const struct prism_config_key *keys = prism_config_keys(&n);
    char suggestion[96] = "";
    if (top && r->event.type == YAML_MAPPING_START_EVENT) {
        for (size_t i = 0; i < n; i++) {
            char section[32];
            size_t len = strcspn(keys[i].key, ".");
            snprintf(section, sizeof(section), "%.*s", (int)len, keys[i].key);
            if (keys[i].key[len] && prismi_word_distance(name, section) < 3)
                snprintf(suggestion, sizeof(suggestion), "; did you mean %s?", section);
        }
        return REFUSE(r, mark, PRISM_EINVAL, "%.60s: unknown section%s", name, suggestion);
    }
    const struct prismi_old_key *old;
    int key = top ? prismi_config_find_any(name, &old) : -1;
    if (key >= 0) {
        const char *full = keys[key].key, *dot = strchr(full, '.');
        return REFUSE(r, mark, PRISM_EINVAL, "%.60s: write it as '%s' under the section '%.*s:'",
                      name, dot + 1, (int)(dot - full), full);
    }
    prismi_config_suggest(name, suggestion, sizeof(suggestion));
    return REFUSE(r, mark, PRISM_EINVAL, "%.60s: unknown key%s", name,
                  *suggestion ? suggestion : "; 'prism keys' lists them");
}

/* Reads the value of a key. `old` is the row of the old name if the file uses
 * that, else NULL. */
static int read_key(struct reader *r, const struct input *in, const char *name, int key,
                    const struct prismi_old_key *old, yaml_mark_t mark)
{
    size_t n;
    const struct prism_config_key *k = &prism_config_keys(&n)[key];
    struct statement *s = &r->key[key];
    if (s->text && s->old != old)
        return REFUSE(r, mark, PRISM_EINVAL,
                      "%s and its old name %s are both given, first on line %zu; leave out %s",
                      k->key, (old ? old : s->old)->old, s->mark.line + 1,
                      (old ? old : s->old)->old);
    s->old = old;
    return read_value(r, in, name, k, mark, s);
}

static int read_mapping(struct reader *r, const struct input *in, const char *section);

static int read_section(struct reader *r, const struct input *in, const char *name,
                        yaml_mark_t mark)
{
    int first = find_section(name);
    if (r->section_line[first])
        return REFUSE(r, mark, PRISM_EINVAL, "%s: given twice; first on line %zu", name,
                      r->section_line[first]);
    r->section_line[first] = mark.line + 1;
    if (r->event.type == YAML_MAPPING_START_EVENT)
        return read_mapping(r, in, name);
    if (r->event.type == YAML_SCALAR_EVENT && r->event.data.scalar.length == 0)
        return 0; /* a section whose every line is commented out */
    return REFUSE(r, r->event.start_mark, PRISM_EINVAL,
                  "%s: a section; expected its keys, indented, below", name);
}

/* Reads the keys of a section, or those of the whole file for section "". The
 * current event is the start of the mapping. */
static int read_mapping(struct reader *r, const struct input *in, const char *section)
{
    bool top = !*section;
    for (;;) {
        char name[128];
        PRISM_TRY(next(r, in));
        if (r->event.type == YAML_MAPPING_END_EVENT)
            return 0;
        yaml_mark_t mark = r->event.start_mark;
        if (r->event.type != YAML_SCALAR_EVENT)
            return REFUSE(r, mark, PRISM_EPARSE, "%s where the name of a key is expected",
                          describe(r));
        const char *text;
        PRISM_TRY(scalar(r, "key", &text));
        snprintf(name, sizeof(name), "%s%s%s", section, top ? "" : ".", text);
        for (char *p = name; *p; p++) /* errors show the name: keep them on one line */
            if ((unsigned char)*p < ' ' || *p == 0x7f)
                *p = '?';
        PRISM_TRY(next(r, in));
        const struct prismi_old_key *old = NULL;
        int key = top && strchr(name, '.') ? -1 : prismi_config_find_any(name, &old);
        if (key >= 0)
            PRISM_TRY(read_key(r, in, name, key, old, mark));
        else if (top && !strcmp(name, "extends"))
            PRISM_TRY(read_value(r, in, name, NULL, mark, &r->extends));
        else if (top && find_section(name) >= 0)
            PRISM_TRY(read_section(r, in, name, mark));
        else
            return unknown(r, name, top, mark);
    }
}

static int read_stream(struct reader *r, const struct input *in)
{
    PRISM_TRY(next(r, in)); /* stream start */
    PRISM_TRY(next(r, in));
    if (r->event.type == YAML_STREAM_END_EVENT)
        return 0; /* the file has only comments */
    PRISM_TRY(next(r, in));
    if (r->event.type != YAML_MAPPING_START_EVENT)
        return REFUSE(r, r->event.start_mark, PRISM_EPARSE, "expected %s",
                      "sections and keys, like 'training:' and below it '  lr: 0.002'");
    PRISM_TRY(read_mapping(r, in, ""));
    PRISM_TRY(next(r, in)); /* document end */
    PRISM_TRY(next(r, in));
    if (r->event.type != YAML_STREAM_END_EVENT)
        return REFUSE(r, r->event.start_mark, PRISM_EPARSE, "a second document; expected %s",
                      "one");
    return 0;
}

static int parse_file(struct reader *r)
{
    struct input in = {0};
    uint8_t *data;
    PRISM_TRY(prismi_file_read(r->set->ctx, r->path, MAX_BYTES, &data, &in.bytes));
    size_t mark = in.bytes >= 3 && !memcmp(data, "\xef\xbb\xbf", 3)
                      ? 3
                      : 0; /* some editors write a byte order mark */
    in.data = data + mark;
    in.bytes -= mark;
    int status = yaml_parser_initialize(&r->parser)
                     ? 0
                     : PRISM_FAIL(r->set->ctx, PRISM_ENOMEM, "no memory to read %s", r->path);
    if (!status) {
        yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&r->parser, in.data, in.bytes);
        status = read_stream(r, &in);
        yaml_event_delete(&r->event);
        yaml_parser_delete(&r->parser);
    }
    prismi_free(data);
    return status;
}

/* ---- from statements to values ---- */

static int load_file(struct prism_config_set *set, const char *path, const char *where,
                     const struct chain *child);

/* Applies the parent: a name with '/' or '.' is a file, relative to the file
 * that names it; any other is a preset. */
static int apply_extends(struct reader *r, const struct chain *self)
{
    const char *parent = r->extends.text, *slash = strrchr(r->path, '/');
    char where[PRISM_PATH_MAX], path[2 * PRISM_PATH_MAX];
    snprintf(where, sizeof(where), "%s:%zu:%zu: extends", r->path, r->extends.mark.line + 1,
             r->extends.mark.column + 1);
    if (!strpbrk(parent, "./"))
        return prismi_config_apply_preset(r->set, parent, where);
    int folder = slash && parent[0] != '/' ? (int)(slash - r->path) + 1 : 0;
    if (strlen(parent) + (size_t)folder >= sizeof(path))
        return REFUSE(r, r->extends.mark, PRISM_EINVAL,
                      "extends: the path has %zu bytes; expected less than %zu", strlen(parent),
                      sizeof(path));
    snprintf(path, sizeof(path), "%.*s%s", folder, r->path, parent);
    return load_file(r->set, path, where, self);
}

static int apply(struct reader *r, const struct chain *self)
{
    struct prismi_origin source = {.name = prismi_config_intern(r->set, r->path)};
    char where[PRISM_PATH_MAX];
    if (!source.name)
        return PRISM_ENOMEM;
    if (r->extends.text)
        PRISM_TRY(apply_extends(r, self));
    for (int i = 0; i < PRISMI_MAX_KEYS; i++) {
        const struct statement *s = &r->key[i];
        if (!s->text)
            continue;
        source.line = (int)s->mark.line + 1;
        source.old = s->old;
        snprintf(where, sizeof(where), "%s:%d:%zu", r->path, source.line, s->mark.column + 1);
        PRISM_TRY(prismi_config_put(r->set, i, s->text, where, source));
    }
    return 0;
}

/* `where` is the place that extends path and begins the errors, or NULL. */
static int load_file(struct prism_config_set *set, const char *path, const char *where,
                     const struct chain *child)
{
    struct stat st;
    int depth = 0;
    if (stat(path, &st))
        return PRISM_FAIL(set->ctx, PRISM_EIO, "%s%scannot open %s: %s", where ? where : "",
                          where ? ": " : "", path, strerror(errno));
    struct chain self = {path, st.st_dev, st.st_ino, child};
    for (const struct chain *c = child; c; c = c->child) {
        if (c->dev == self.dev && c->ino == self.ino)
            return PRISM_FAIL(set->ctx, PRISM_EINVAL, "%s: %s extends itself", where, path);
        if (++depth == MAX_CHAIN)
            return PRISM_FAIL(set->ctx, PRISM_EINVAL, "%s: more than %d files in a chain", where,
                              MAX_CHAIN);
    }
    struct reader *r = prismi_alloc(1, sizeof(*r));
    if (!r)
        return PRISM_FAIL(set->ctx, PRISM_ENOMEM, "no memory to read %s", path);
    r->set = set;
    r->path = path;
    int status = parse_file(r);
    if (!status)
        status = apply(r, &self);
    for (int i = 0; i < PRISMI_MAX_KEYS; i++)
        free(r->key[i].text);
    free(r->extends.text);
    prismi_free(r);
    return status;
}

int prism_config_load_yaml(struct prism_config_set *set, const char *path)
{
    struct prismi_config_state *saved;
    PRISM_TRY(prismi_config_begin(set, &saved));
    return prismi_config_end(set, saved, load_file(set, path, NULL, NULL));
}

#else

int prism_config_load_yaml(struct prism_config_set *set, const char *path)
{
    return PRISM_FAIL(set->ctx, PRISM_ENOTSUP,
                      "%s: this build reads no YAML (libyaml was left out); use a preset and --set "
                      "section.key=value",
                      path);
}

#endif
