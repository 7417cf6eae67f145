/* Archives of arrays, the container before them, and ZIP files beyond 4 GiB. */
#include "core/zip.h"
#include "support/box.h"
#include "support/suite.h"

#include <signal.h>
#include <sys/wait.h>

static char path[300], other[300];

static void setup(void)
{
    fixture_open();
    snprintf(path, sizeof path, "%s/archive", folder);
    snprintf(other, sizeof other, "%s/other", folder);
}

static const struct prismi_array integers = {
    .descr = PRISMI_TYPE_I32, .item = 4, .nd = 2, .shape = {2, 3}};
static const struct prismi_array record = {.descr = "[('step', '<i8'), ('loss', '<f8', (2,))]",
                                           .item = 24};

static void make_archive(const char *file, int32_t value)
{
    const struct prismi_array none = {PRISMI_TYPE_F64, 0, 8, 2, {0, 6}};
    const int32_t v[6] = {value, 1, 2, 3, 4, -5};
    const double r[3] = {1, 2, 3};
    struct prismi_archive *a;
    ck_assert_int_eq(prismi_archive_create(ctx, "TESTKIND", &a), 0);
    ck_assert_int_eq(prismi_archive_add(a, "numbers", &integers, v), 0);
    ck_assert_int_eq(prismi_archive_add(a, "none", &none, NULL), 0);
    ck_assert_int_eq(prismi_archive_add_text(a, "text", "hello", 5), 0);
    ck_assert_int_eq(prismi_archive_add(a, "record", &record, r), 0);
    ck_assert_int_eq(prismi_archive_save(a, ctx, file, true), 0);
    prismi_archive_destroy(&a);
}

static struct prismi_archive *load(const char *file)
{
    struct prismi_archive *a;
    ck_assert_msg(prismi_archive_load(ctx, file, "TESTKIND", &a) == 0, "%s",
                  prism_ctx_error(ctx)->text);
    return a;
}

START_TEST(an_archive_reads_back)
{
    struct prismi_array type;
    size_t bytes = 0, right = 24, wrong = 20, none = 0;
    make_archive(path, 42);
    struct prismi_archive *a = load(path);
    ck_assert_int_eq(prismi_archive_count(a), 4);
    const uint8_t *v = prismi_archive_get(a, "numbers", PRISMI_TYPE_I32, &right);
    ck_assert_ptr_nonnull(v);
    int32_t value[6];
    memcpy(value, v, sizeof value);
    ck_assert_int_eq(value[0], 42);
    ck_assert_int_eq(value[5], -5);
    ck_assert_ptr_null(prismi_archive_get(a, "numbers", PRISMI_TYPE_I32, &wrong));
    ck_assert_ptr_null(prismi_archive_get(a, "numbers", PRISMI_TYPE_F32, NULL));
    ck_assert_ptr_null(prismi_archive_get(a, "numbers", PRISMI_TYPE_TEXT, NULL));
    ck_assert_mem_eq(prismi_archive_get(a, "text", PRISMI_TYPE_TEXT, &bytes), "hello", 5);
    ck_assert_uint_eq(bytes, 5);
    ck_assert_str_eq(prismi_archive_at(a, 0, &type, NULL, &bytes), "numbers");
    ck_assert_int_eq(type.nd, 2);
    ck_assert_uint_eq(type.shape[0], 2);
    ck_assert_uint_eq(type.shape[1], 3);
    ck_assert_ptr_nonnull(prismi_archive_get(a, "none", PRISMI_TYPE_F64, &none));
    ck_assert_ptr_nonnull(prismi_archive_get(a, "record", record.descr, NULL));
    ck_assert_str_eq(prismi_archive_at(a, 3, &type, NULL, &bytes), "record");
    ck_assert_uint_eq(type.item, 24);
    ck_assert_ptr_null(prismi_archive_get(a, "absent", PRISMI_TYPE_I32, NULL));
    prismi_archive_destroy(&a);
    ck_assert_int_eq(prismi_archive_load(ctx, path, "OTHERKND", &a), PRISM_EPARSE);
    ck_assert_ptr_nonnull(strstr(prism_ctx_error(ctx)->text, "another kind"));
    ck_assert_ptr_null(a);
}
END_TEST

/* The same content gives the same bytes, and an archive that is filled again
 * uses the memory it has. */
START_TEST(an_archive_can_be_filled_again)
{
    enum { N = 1000 };
    struct prismi_archive *a;
    double data[N];
    uint8_t *first, *second;
    size_t bytes, again;
    ck_assert_int_eq(prismi_archive_create(ctx, "TESTKIND", &a), 0);
    for (int round = 0; round < 3; round++) {
        const size_t n = round == 1 ? N / 2 : N;
        const struct prismi_array type = prismi_vector(PRISMI_TYPE_F64, sizeof *data, n);
        for (int i = 0; i < N; i++)
            data[i] = round % 2 + i;
        prismi_archive_reset(a, false);
        ck_assert_int_eq(prismi_archive_add(a, "x", &type, data), 0);
        if (round == 1)
            ck_assert_int_eq(prismi_archive_add_text(a, "y", "more", 4), 0);
        ck_assert_int_eq(prismi_archive_save(a, ctx, round ? other : path, false), 0);
    }
    prismi_archive_destroy(&a);
    ck_assert_int_eq(prismi_file_read(ctx, path, 1 << 20, &first, &bytes), 0);
    ck_assert_int_eq(prismi_file_read(ctx, other, 1 << 20, &second, &again), 0);
    ck_assert_uint_eq(bytes, again);
    ck_assert_mem_eq(first, second, bytes);
    prismi_free(first);
    prismi_free(second);
}
END_TEST

static int broken_read(struct prism_dev *d, void *dst, prism_mem src, size_t bytes)
{
    (void)d, (void)dst, (void)src, (void)bytes;
    return PRISM_FAIL(ctx, PRISM_EDEVICE, "the device is gone");
}

/* The device's memory changes between the snapshot and the writing of the
 * file. */
static int save_mem(prism_mem mem, size_t bytes, bool snapshot)
{
    const struct prismi_array type = prismi_vector("|u1", 1, bytes);
    struct prismi_archive *a;
    ck_assert_int_eq(prismi_archive_create(ctx, "TESTKIND", &a), 0);
    prismi_archive_reset(a, snapshot);
    ck_assert_int_eq(prismi_archive_add_text(a, "before", "a", 1), 0);
    int status = prismi_archive_add_mem(a, "block", &type, dev, mem);
    ck_assert_int_eq(prismi_archive_add_text(a, "after", "b", 1), 0);
    if (snapshot && !status)
        ck_assert_int_eq(dev->ops->write(dev, mem, "seven", 5), 0);
    if (!status)
        status = prismi_archive_save(a, ctx, path, false);
    prismi_archive_destroy(&a);
    return status;
}

/* Device memory is saved unchanged, whether the host may read it directly or
 * not, at once or later. A device that fails leaves the old file. */
START_TEST(device_memory_is_saved)
{
    enum { N = 100001 };
    prism_mem mem;
    uint8_t *data = malloc(N);
    ck_assert_int_eq(dev->ops->alloc(dev, N, &mem), 0);
    for (size_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < N; i++)
            data[i] = (uint8_t)((i + round) * 2654435761u >> 13);
        ck_assert_int_eq(dev->ops->write(dev, mem, data, N), 0);
        ck_assert_int_eq(save_mem(mem, N, round == 0), 0);
        if (round == 1)
            dev->caps.flags &= ~(uint32_t)PRISM_CAPS_HOST_VISIBLE;
        size_t bytes = N;
        struct prismi_archive *a = load(path);
        ck_assert_int_eq(prismi_archive_count(a), 3);
        const void *block = prismi_archive_get(a, "block", "|u1", &bytes);
        ck_assert_ptr_nonnull(block);
        ck_assert_mem_eq(block, data, N);
        prismi_archive_destroy(&a);
    }
    const struct prism_ops *whole = dev->ops;
    struct prism_ops ops = *whole;
    ops.read = broken_read;
    dev->ops = &ops;
    for (int snapshot = 0; snapshot < 2; snapshot++)
        ck_assert_int_eq(save_mem(mem, N, snapshot), PRISM_EDEVICE);
    dev->ops = whole;
    struct prismi_archive *a = load(path);
    prismi_archive_destroy(&a);
    dev->ops->release(dev, mem);
    free(data);
}
END_TEST

static void write_bytes(const uint8_t *data, size_t bytes)
{
    FILE *f = fopen(other, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(data, 1, bytes, f), bytes);
    fclose(f);
}

/* A file cut at any length or damaged at any byte gives an error, never a
 * crash. */
static void damage(void)
{
    uint8_t *good;
    size_t bytes;
    struct prismi_archive *a;
    ck_assert_int_eq(prismi_file_read(ctx, path, 1 << 20, &good, &bytes), 0);
    for (size_t i = 0; i < bytes; i++) {
        write_bytes(good, i);
        ck_assert_int_eq(prismi_archive_load(ctx, other, "TESTKIND", &a), PRISM_EPARSE);
        good[i] ^= 0x10;
        write_bytes(good, bytes);
        good[i] ^= 0x10;
        ck_assert_msg(prismi_archive_load(ctx, other, "TESTKIND", &a) == PRISM_EPARSE,
                      "byte %zu of %zu", i, bytes);
    }
    prismi_free(good);
}

START_TEST(damage_is_refused)
{
    make_archive(path, 1);
    damage();
}
END_TEST

/* ---- the container before ---- */

START_TEST(the_older_container_is_read)
{
    size_t bytes = 24, text = 5;
    make_archive(other, 42);
    struct prismi_archive *a = load(other);
    ck_assert(box_write(a, "TESTKIND", path));
    prismi_archive_destroy(&a);
    a = load(path);
    ck_assert_int_eq(prismi_archive_count(a), 4);
    ck_assert_ptr_nonnull(prismi_archive_get(a, "numbers", PRISMI_TYPE_I32, &bytes));
    ck_assert_mem_eq(prismi_archive_get(a, "text", PRISMI_TYPE_TEXT, &text), "hello", 5);
    prismi_archive_destroy(&a);
    ck_assert_int_eq(prismi_archive_load(ctx, path, "OTHERKND", &a), PRISM_EPARSE);
    damage();
}
END_TEST

/* ---- ZIP64 ---- */

/* Every number above the limit takes 64 bits, and the members are found
 * again. */
START_TEST(wide_numbers_are_found)
{
    static const uint64_t limits[] = {0, 1, 10, 64, 100, 200, PRISMI_ZIP_LIMIT};
    static const char *const names[] = {"a.npy", "empty", "a-longer-name.txt"};
    static const char *const contents[] = {"some bytes", "", "and others, more of them"};
    for (size_t k = 0; k < sizeof limits / sizeof *limits; k++) {
        struct prismi_zip_out out = {.limit = limits[k]};
        struct prismi_zip_entry entries[3];
        struct prismi_zip_member m;
        struct prismi_zip in;
        uint8_t *file;
        size_t bytes;
        ck_assert_int_eq(prismi_file_create(ctx, path, &out.file), 0);
        for (int i = 0; i < 3; i++) {
            entries[i].name = names[i];
            prismi_zip_put(&out, &entries[i], "head", i ? 4 : 0, contents[i], strlen(contents[i]));
        }
        prismi_zip_finish(&out, entries, 3, 7);
        prismi_file_write(out.file, "comment", 7);
        ck_assert_int_eq(prismi_file_commit(out.file, false), 0);
        ck_assert_int_eq(prismi_file_read(ctx, path, 1 << 20, &file, &bytes), 0);
        ck_assert_uint_eq(bytes, out.bytes + 7);
        ck_assert_uint_eq(prismi_crc32(0, file, bytes - 7), out.crc);
        bool wide = false;
        for (size_t i = 0; i + 4 < bytes; i++)
            wide |= !memcmp(file + i, "PK\6\6", 4);
        ck_assert_int_eq(wide, limits[k] < PRISMI_ZIP_LIMIT);
        ck_assert_int_eq(prismi_zip_open(ctx, path, file, bytes, &in), 0);
        ck_assert_uint_eq(in.left, 3);
        ck_assert_uint_eq(in.comment_bytes, 7);
        for (int i = 0; i < 3; i++) {
            ck_assert_int_eq(prismi_zip_next(&in, &m), 0);
            ck_assert_str_eq(m.name, names[i]);
            ck_assert_uint_eq(m.bytes, strlen(contents[i]) + (i ? 4 : 0));
            ck_assert_mem_eq(m.data + (i ? 4 : 0), contents[i], strlen(contents[i]));
            ck_assert_uint_eq((size_t)(m.data - file) % PRISMI_ZIP_ALIGN, 0);
            /* the version in its own header, which says that sizes have 64
             * bits */
            ck_assert_int_eq(file[entries[i].offset + 4], m.bytes >= limits[k] ? 45 : 20);
        }
        prismi_free(file);
    }
}
END_TEST

/* A writer that is killed at a random moment leaves one of the whole files. */
START_TEST(a_killed_writer_leaves_a_whole_file)
{
    make_archive(path, 0);
    for (int trial = 0; trial < 12; trial++) {
        pid_t pid = fork();
        if (!pid) {
            for (int i = 1;; i++)
                make_archive(path, i);
        }
        usleep(1000 + (useconds_t)trial * 1700);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        struct prismi_archive *a = load(path);
        prismi_archive_destroy(&a);
    }
}
END_TEST

SUITE("archive", setup, fixture_close, an_archive_reads_back, an_archive_can_be_filled_again,
      device_memory_is_saved, damage_is_refused, the_older_container_is_read,
      wide_numbers_are_found, a_killed_writer_leaves_a_whole_file)
