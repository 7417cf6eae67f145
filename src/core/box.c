/* Sectioned container: docs/formats.md. Little endian throughout.
 *
 *   header   "PRISMBOX" kind[8] version u32 sections u32
 *   section  name_length u32, data_length u64, crc32c u32 of name and data,
 *            name, data
 *   footer   "PRISMEND" total_length u64, crc32c u32 of all before the
 *            footer */
#include "core/internal.h"

#include <string.h>

enum { VERSION = 1, HEADER = 24, SECTION = 16, FOOTER = 20, MAX_NAME = 64, MAX_SECTIONS = 4096 };
#define MAX_BYTES ((size_t)1 << 36)

struct section {
    char name[MAX_NAME];
    size_t bytes;
    const uint8_t *data; /* NULL: on a device */
    struct prism_dev *dev;
    prism_mem mem;
};

struct prismi_box {
    struct prism_ctx *ctx;
    char kind[8];
    struct section *sections;
    int n, cap;
    uint8_t *file; /* a loaded box: sections point into it */
};

static void put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static void put64(uint8_t *p, uint64_t v)
{
    put32(p, (uint32_t)v);
    put32(p + 4, (uint32_t)(v >> 32));
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t get64(const uint8_t *p)
{
    return get32(p) | (uint64_t)get32(p + 4) << 32;
}

int prismi_box_create(struct prism_ctx *ctx, const char kind[8], struct prismi_box **out)
{
    *out = prismi_alloc(1, sizeof **out);
    if (!*out)
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "no memory for a container");
    (*out)->ctx = ctx;
    memcpy((*out)->kind, kind, 8);
    return 0;
}

void prismi_box_destroy(struct prismi_box **pbox)
{
    struct prismi_box *box = *pbox;
    if (!box)
        return;
    for (int i = 0; !box->file && i < box->n; i++)
        prismi_free((void *)box->sections[i].data);
    prismi_free(box->sections);
    prismi_free(box->file);
    prismi_free(box);
    *pbox = NULL;
}

static struct section *new_section(struct prismi_box *box)
{
    if (box->n == box->cap) {
        int cap = box->cap ? 2 * box->cap : 16;
        struct section *s = prismi_alloc((size_t)cap, sizeof *s);
        if (!s)
            return NULL;
        if (box->n)
            memcpy(s, box->sections, (size_t)box->n * sizeof *s);
        prismi_free(box->sections);
        box->sections = s;
        box->cap = cap;
    }
    return &box->sections[box->n];
}

/* Of an empty section, not yet counted. */
static int name_section(struct prismi_box *box, const char *name, size_t bytes,
                        struct section **out)
{
    *out = NULL;
    if (strlen(name) >= MAX_NAME)
        return PRISM_FAIL(box->ctx, PRISM_EINVAL, "section name \"%s\" is longer than %d bytes",
                          name, MAX_NAME - 1);
    *out = new_section(box);
    if (!*out)
        return PRISM_FAIL(box->ctx, PRISM_ENOMEM, "no memory for section %s", name);
    **out = (struct section){.bytes = bytes};
    strcpy((*out)->name, name);
    return 0;
}

int prismi_box_add(struct prismi_box *box, const char *name, const void *data, size_t bytes)
{
    struct section *s;
    PRISM_TRY(name_section(box, name, bytes, &s));
    uint8_t *copy = prismi_alloc(bytes, 1);
    if (!copy)
        return PRISM_FAIL(box->ctx, PRISM_ENOMEM, "no memory for %zu bytes of section %s", bytes,
                          name);
    if (bytes)
        memcpy(copy, data, bytes);
    s->data = copy;
    box->n++;
    return 0;
}

int prismi_box_add_mem(struct prismi_box *box, const char *name, struct prism_dev *dev,
                       prism_mem mem, size_t bytes)
{
    struct section *s;
    PRISM_TRY(name_section(box, name, bytes, &s));
    s->dev = dev;
    s->mem = mem;
    box->n++;
    return 0;
}

/* Writes and keeps the running checksum and length that the footer states. */
struct sink {
    struct prismi_file *f;
    uint64_t bytes;
    uint32_t crc;
};

/* crc: of data alone */
static void emit_summed(struct sink *s, const void *data, size_t bytes, uint32_t crc)
{
    prismi_file_write(s->f, data, bytes); /* a failure is kept by the file and reported by commit */
    s->crc = prismi_crc32c_join(s->crc, crc, bytes);
    s->bytes += bytes;
}

static void emit(struct sink *s, const void *data, size_t bytes)
{
    emit_summed(s, data, bytes, prismi_crc32c(0, data, bytes));
}

/* What is large is read once for its checksum and once by the system. */
static void emit_section(struct sink *sink, const struct section *s, const void *data)
{
    uint8_t h[SECTION];
    uint32_t name_bytes = (uint32_t)strlen(s->name);
    uint32_t name_crc = prismi_crc32c(0, s->name, name_bytes),
             data_crc = prismi_crc32c(0, data, s->bytes);
    put32(h, name_bytes);
    put64(h + 4, s->bytes);
    put32(h + 12, prismi_crc32c_join(name_crc, data_crc, s->bytes));
    emit(sink, h, SECTION);
    emit_summed(sink, s->name, name_bytes, name_crc);
    emit_summed(sink, data, s->bytes, data_crc);
}

/* The host may look into some devices' memory. */
static int emit_mem(struct prismi_box *box, struct sink *sink, const struct section *s)
{
    const struct prism_ops *ops = s->dev->ops;
    if (s->dev->caps.flags & PRISM_CAPS_HOST_VISIBLE) {
        PRISM_TRY(ops->sync(s->dev));
        emit_section(sink, s, s->mem);
        return 0;
    }
    void *copy = prismi_alloc(s->bytes, 1);
    if (!copy)
        return PRISM_FAIL(box->ctx, PRISM_ENOMEM, "no memory for %zu bytes of section %s", s->bytes,
                          s->name);
    int status = ops->read(s->dev, copy, s->mem, s->bytes);
    if (!status)
        emit_section(sink, s, copy);
    prismi_free(copy);
    return status;
}

int prismi_box_save(struct prismi_box *box, const char *path, bool keep_previous)
{
    struct sink sink = {0};
    uint8_t head[HEADER], foot[FOOTER];
    int status = 0;
    PRISM_TRY(prismi_file_create(box->ctx, path, &sink.f));
    memcpy(head, "PRISMBOX", 8);
    memcpy(head + 8, box->kind, 8);
    put32(head + 16, VERSION);
    put32(head + 20, (uint32_t)box->n);
    emit(&sink, head, HEADER);
    for (int i = 0; i < box->n && !status; i++) {
        const struct section *s = &box->sections[i];
        if (s->dev)
            status = emit_mem(box, &sink, s);
        else
            emit_section(&sink, s, s->data);
    }
    if (status) {
        prismi_file_abort(sink.f);
        return status;
    }
    memcpy(foot, "PRISMEND", 8);
    put64(foot + 8, sink.bytes + FOOTER);
    put32(foot + 16, sink.crc);
    prismi_file_write(sink.f, foot, FOOTER);
    return prismi_file_commit(sink.f, keep_previous);
}

static const char no_memory[] = "no memory for its sections";

/* Names are looked up as C strings and printed. */
static bool is_name(const uint8_t *p, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (p[i] <= ' ' || p[i] > '~')
            return false;
    return n > 0 && n < MAX_NAME;
}

static const char *parse_section(struct prismi_box *box, size_t *at, size_t end)
{
    const uint8_t *p = box->file + *at;
    if (end - *at < SECTION)
        return "a section's header is cut off";
    uint32_t name_bytes = get32(p);
    uint64_t bytes = get64(p + 4);
    if (bytes > end - *at - SECTION || end - *at - SECTION - bytes < name_bytes)
        return "a section is longer than the file";
    if (!is_name(p + SECTION, name_bytes))
        return "a section's name is empty, too long or not printable";
    if (prismi_crc32c(0, p + SECTION, name_bytes + (size_t)bytes) != get32(p + 12))
        return "a section's checksum does not match";
    struct section *s = new_section(box);
    if (!s)
        return no_memory;
    memcpy(s->name, p + SECTION, name_bytes);
    s->name[name_bytes] = 0;
    s->bytes = (size_t)bytes;
    s->data = p + SECTION + name_bytes;
    box->n++;
    *at += SECTION + name_bytes + (size_t)bytes;
    return NULL;
}

/* NULL, or what is wrong */
static const char *parse(struct prismi_box *box, size_t bytes)
{
    const uint8_t *p = box->file;
    if (bytes < HEADER + FOOTER || memcmp(p, "PRISMBOX", 8))
        return "not a PRISM container";
    const uint8_t *foot = p + bytes - FOOTER;
    if (memcmp(p + 8, box->kind, 8))
        return "a PRISM container of another kind";
    if (get32(p + 16) != VERSION)
        return "made by another version of the format";
    if (memcmp(foot, "PRISMEND", 8) || get64(foot + 8) != bytes)
        return "the file is incomplete";
    if (prismi_crc32c(0, p, bytes - FOOTER) != get32(foot + 16))
        return "the file's checksum does not match";
    uint32_t n = get32(p + 20);
    size_t at = HEADER, end = bytes - FOOTER;
    const char *wrong = n > MAX_SECTIONS ? "too many sections" : NULL;
    for (uint32_t i = 0; i < n && !wrong; i++)
        wrong = parse_section(box, &at, end);
    return wrong ? wrong : at != end ? "bytes are left over" : NULL;
}

int prismi_box_load(struct prism_ctx *ctx, const char *path, const char kind[8],
                    struct prismi_box **out)
{
    struct prismi_box *box;
    size_t bytes;
    *out = NULL;
    PRISM_TRY(prismi_box_create(ctx, kind, &box));
    int status = prismi_file_read(ctx, path, MAX_BYTES, &box->file, &bytes);
    const char *wrong = status ? NULL : parse(box, bytes);
    if (wrong)
        status = PRISM_FAIL(ctx, wrong == no_memory ? PRISM_ENOMEM : PRISM_EPARSE, "%s: %s", path,
                            wrong);
    if (status)
        prismi_box_destroy(&box);
    *out = box;
    return status;
}

const void *prismi_box_get(const struct prismi_box *box, const char *name, size_t *bytes)
{
    for (int i = 0; i < box->n; i++) {
        if (strcmp(box->sections[i].name, name))
            continue;
        if (bytes && *bytes && *bytes != box->sections[i].bytes)
            return NULL;
        if (bytes)
            *bytes = box->sections[i].bytes;
        return box->sections[i].data;
    }
    return NULL;
}

int prismi_box_count(const struct prismi_box *box)
{
    return box->n;
}

const char *prismi_box_name(const struct prismi_box *box, int i, size_t *bytes)
{
    *bytes = box->sections[i].bytes;
    return box->sections[i].name;
}
