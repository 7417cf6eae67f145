/* Context, hashes, random numbers, cache, files. */
#include "core/internal.h"
#include "prismrec/cache.h"
#include "support/suite.h"

#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

START_TEST(the_last_error_is_kept)
{
    ck_assert_int_eq(prism_ctx_error(ctx)->status, 0);
    ck_assert_int_eq(PRISM_FAIL(ctx, PRISM_EINVAL, "radius %d", 7), PRISM_EINVAL);
    ck_assert_str_eq(prism_ctx_error(ctx)->text, "radius 7");
    PRISM_FAIL(ctx, PRISM_EIO, "again: %s",
               prism_ctx_error(ctx)->text); /* the record's own text as an argument */
    ck_assert_str_eq(prism_ctx_error(ctx)->text, "again: radius 7");
    ck_assert_str_eq(prism_status_name(PRISM_EDIVERGED), "PRISM_EDIVERGED");
    ck_assert_str_eq(prism_status_name(7), "unknown status");
    ck_assert_str_eq(prism_status_name(-99), "unknown status");
}
END_TEST

static int leak_lines;
static void count_leaks(void *user, enum prism_log_level level, const char *text)
{
    (void)user;
    if (level == PRISM_LOG_ERROR && strstr(text, "widget"))
        leak_lines++;
}

START_TEST(leaks_are_named)
{
    struct prism_ctx_params params = {.log = count_leaks, .level = PRISM_LOG_ERROR};
    struct prism_ctx *c;
    ck_assert_int_eq(prism_ctx_create(&params, &c), 0);
    prismi_ctx_retain(c, "widget");
    prismi_ctx_retain(c, "gadget");
    prismi_ctx_drop(c, "gadget");
    prism_ctx_destroy(&c);
    ck_assert_int_eq(leak_lines, 1);
}
END_TEST

/* Random123's published known answers for philox4x32-10. */
START_TEST(philox_gives_its_known_answers)
{
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } kat[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof kat / sizeof *kat; i++) {
        uint32_t out[4];
        prismi_philox(kat[i].key, kat[i].counter, out);
        ck_assert_mem_eq(out, kat[i].out, sizeof out);
    }
}
END_TEST

START_TEST(random_numbers_have_their_moments)
{
    enum { N = 200000 };
    double su = 0, sn = 0, sn2 = 0, sn4 = 0;
    int bins[7] = {0};
    for (uint64_t i = 0; i < N; i++) {
        double u = prismi_rng_uniform(1, 2, i), g = prismi_rng_normal(1, 3, i);
        ck_assert(u > 0 && u < 1);
        su += u;
        sn += g;
        sn2 += g * g;
        sn4 += g * g * g * g;
        bins[prismi_rng_below(1, 4, i, 7)]++;
    }
    ck_assert_double_eq_tol(su / N, 0.5, 0.003);
    ck_assert_double_eq_tol(sn / N, 0, 0.01);
    ck_assert_double_eq_tol(sn2 / N, 1, 0.02);
    ck_assert_double_eq_tol(sn4 / N, 3, 0.15);
    for (int b = 0; b < 7; b++)
        ck_assert_double_eq_tol(bins[b] / (double)N, 1 / 7., 0.004);
    ck_assert(prismi_rng_uniform(1, 2, 5) != prismi_rng_uniform(1, 3, 5));
    ck_assert(prismi_rng_uniform(1, 2, 5) != prismi_rng_uniform(2, 2, 5));
}
END_TEST

/* Numbers drawn in bulk have the bits of numbers drawn one by one, wherever the
 * bulk begins and ends. */
START_TEST(bulk_numbers_equal_single_ones)
{
    static const uint64_t firsts[] = {0, 1, 13, 0xFFFFFFF9u, 0xFFFFFFFFFFFFFFF1u};
    static const uint64_t keys[][2] = {{1, 1000}, {0xFEDCBA9876543210u, 0x8000000500000007u}};
    double many[70];
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
        for (size_t f = 0; f < sizeof firsts / sizeof *firsts; f++)
            for (size_t n = 0; n < 70; n++) {
                const uint64_t seed = keys[k][0], stream = keys[k][1];
                const double bound = 0.1 + (double)n;
                many[n] = -3;
                prismi_rng_uniforms(seed, stream, firsts[f], n, bound, many);
                for (size_t i = 0; i < n; i++)
                    ck_assert(many[i] ==
                              bound * (2 * prismi_rng_uniform(seed, stream, firsts[f] + i) - 1));
                ck_assert(many[n] == -3); /* nothing past the end */
            }
}
END_TEST

START_TEST(hashes_give_their_known_answers)
{
    char text[101];
    ck_assert_uint_eq(prismi_hash64("", 0, 0), 0xEF46DB3751D8E999ull);
    ck_assert_uint_eq(prismi_hash64("abc", 3, 0), 0x44BC2CF5AD770999ull);
    ck_assert_uint_eq(prismi_crc32(0, "123456789", 9), 0xCBF43926u);
    ck_assert_uint_eq(prismi_crc32(prismi_crc32(0, "1234", 4), "56789", 5), 0xCBF43926u);
    for (size_t i = 0; i < 32; i++) /* as Python's zlib.crc32(bytes(range(32))) */
        text[i] = (char)i;
    ck_assert_uint_eq(prismi_crc32(0, text, 32), 0x91267E8Au);
    ck_assert_uint_eq(prismi_crc32(prismi_crc32(0, text, 13), text + 13, 19), 0x91267E8Au);
    memset(text, 'x', sizeof text);
    uint64_t h = prismi_hash64(text, sizeof text, 7);
    for (size_t i = 0; i < sizeof text; i++) { /* every byte counts */
        text[i] ^= 1;
        ck_assert(prismi_hash64(text, sizeof text, 7) != h);
        text[i] ^= 1;
    }
}
END_TEST

/* Long ranges are summed in parts, and the sum of two parts joins their
 * sums. */
START_TEST(checksums_of_parts_join)
{
    static unsigned char data[30000];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)(i * i >> 7);
    for (size_t at = 0; at < 3; at++)
        for (size_t n = 4090; n < sizeof data - 3; n += n < 4130 ? 1 : 4999) {
            uint32_t one_by_one = 0;
            for (size_t i = 0; i < n; i++)
                one_by_one = prismi_crc32(one_by_one, data + at + i, 1);
            ck_assert_uint_eq(prismi_crc32(0, data + at, n), one_by_one);
            ck_assert_uint_eq(prismi_crc32(prismi_crc32(0, data + at, 7), data + at + 7, n - 7),
                              one_by_one);
            for (size_t cut = 0; cut <= n; cut += n / 3)
                ck_assert_uint_eq(prismi_crc32_join(prismi_crc32(0, data + at, cut),
                                                    prismi_crc32(0, data + at + cut, n - cut),
                                                    n - cut),
                                  one_by_one);
        }
}
END_TEST

static struct prism_key key_of(int i)
{
    struct prism_key key = prism_key_init("test");
    prism_key_add(&key, &i, sizeof i);
    return key;
}

/* Two shelves of 300 bytes. */
static struct prism_cache *new_cache(void)
{
    const struct prism_cache_params params = {
        .budget = {[PRISM_CACHE_GRIDS] = 300,
                   [PRISM_CACHE_APERTURES] = 300,
                   [PRISM_CACHE_CONSTANTS] = PRISM_CACHE_NONE,
                   [PRISM_CACHE_MEASUREMENTS] = PRISM_CACHE_NONE}};
    struct prism_cache *c;
    ck_assert_int_eq(prism_cache_create(&params, &c), 0);
    return c;
}

START_TEST(the_least_recently_used_block_is_evicted)
{
    const enum prism_cache_kind kind = PRISM_CACHE_GRIDS;
    struct prism_cache *c = new_cache();
    char block[100];
    size_t bytes = 0;
    for (int i = 0; i < 3; i++) {
        struct prism_key k = key_of(i);
        memset(block, i, sizeof block);
        ck_assert_ptr_null(prism_cache_get(c, kind, &k, NULL));
        ck_assert_ptr_nonnull(prism_cache_put(c, kind, &k, block, sizeof block));
    }
    struct prism_key k0 = key_of(0), k1 = key_of(1), k3 = key_of(3);
    const char *first = prism_cache_get(c, kind, &k0, &bytes);
    ck_assert_uint_eq(bytes, 100);
    ck_assert_ptr_eq(
        first, prism_cache_get(c, kind, &k0, &bytes));  /* a hit gives the stored block's address */
    prism_cache_put(c, kind, &k3, block, sizeof block); /* evicts 1, the least recently used */
    ck_assert_ptr_null(prism_cache_get(c, kind, &k1, NULL));
    ck_assert_ptr_nonnull(prism_cache_get(c, kind, &k0, NULL));
    struct prism_cache_stats s = prism_cache_get_stats(c, kind);
    ck_assert_uint_eq(s.hits, 3);
    ck_assert_uint_eq(s.misses, 4);
    ck_assert_double_eq_tol(prism_cache_hit_rate(&s), 3.0 / 7, 1e-15);
    ck_assert_uint_eq(s.evictions, 1);
    ck_assert_uint_eq(s.insertions, 4);
    ck_assert_uint_eq(s.entries, 3);
    ck_assert_uint_eq(s.bytes, 300);
    prism_cache_put(c, kind, &k0, block, 50); /* replaces, evicts nothing */
    s = prism_cache_get_stats(c, kind);
    ck_assert_uint_eq(s.entries, 3);
    ck_assert_uint_eq(s.bytes, 250);
    ck_assert_uint_eq(s.evictions, 1);
    char big[301] = {0};
    ck_assert_ptr_null(prism_cache_put(
        c, kind, &k1, big, sizeof big)); /* larger than the budget: refused, nothing is lost */
    ck_assert_uint_eq(prism_cache_get_stats(c, kind).entries, 3);
    char *room = prismi_cache_room(c, kind, &k1, 20);
    ck_assert_ptr_nonnull(room);
    strcpy(room, "filled afterwards");
    ck_assert_str_eq(prism_cache_get(c, kind, &k1, NULL), room);
    ck_assert_ptr_null(prismi_cache_room(c, kind, &k1, 301));
    prism_cache_destroy(&c);
    ck_assert_ptr_null(c);
    prism_cache_destroy(&c);
    ck_assert_ptr_null(prism_cache_get(NULL, kind, &k0, NULL));
    ck_assert_ptr_null(prism_cache_put(NULL, kind, &k0, block, 1));
    s = prism_cache_get_stats(NULL, PRISM_CACHE_ALL);
    ck_assert(isnan(prism_cache_hit_rate(&s)));
}
END_TEST

/* One key in two kinds: the kinds share no budget, no counters and no
 * clearing. */
START_TEST(kinds_of_blocks_are_independent)
{
    struct prism_cache *c = new_cache();
    struct prism_key k = key_of(7);
    char block[300] = "grid", other[300] = "mask";
    ck_assert_ptr_nonnull(prism_cache_put(c, PRISM_CACHE_GRIDS, &k, block, sizeof block));
    ck_assert_ptr_null(prism_cache_get(c, PRISM_CACHE_APERTURES, &k, NULL));
    ck_assert_ptr_nonnull(prism_cache_put(c, PRISM_CACHE_APERTURES, &k, other, sizeof other));
    ck_assert_str_eq(prism_cache_get(c, PRISM_CACHE_GRIDS, &k, NULL), "grid");
    ck_assert_str_eq(prism_cache_get(c, PRISM_CACHE_APERTURES, &k, NULL), "mask");
    /* switched off: every look-up is a counted miss */
    ck_assert_ptr_null(prism_cache_put(c, PRISM_CACHE_MEASUREMENTS, &k, block, 1));
    ck_assert_ptr_null(prism_cache_get(c, PRISM_CACHE_MEASUREMENTS, &k, NULL));
    prismi_cache_count(c, PRISM_CACHE_PLANS, true);
    prismi_cache_count(c, PRISM_CACHE_PLANS, false);
    prismi_cache_count(NULL, PRISM_CACHE_PLANS, false);
    struct prism_cache_stats s = prism_cache_get_stats(c, PRISM_CACHE_ALL);
    ck_assert_uint_eq(s.hits, 3);
    ck_assert_uint_eq(s.misses, 3);
    ck_assert_uint_eq(s.entries, 2);
    ck_assert_uint_eq(s.bytes, 600);
    ck_assert_uint_eq(s.budget, 600);
    prism_cache_clear(c, PRISM_CACHE_GRIDS);
    ck_assert_ptr_null(prism_cache_get(c, PRISM_CACHE_GRIDS, &k, NULL));
    ck_assert_str_eq(prism_cache_get(c, PRISM_CACHE_APERTURES, &k, NULL), "mask");
    ck_assert_uint_eq(prism_cache_get_stats(c, PRISM_CACHE_GRIDS).budget, 300);
    prism_cache_clear(c, PRISM_CACHE_ALL);
    s = prism_cache_get_stats(c, PRISM_CACHE_ALL);
    ck_assert_uint_eq(s.hits + s.misses + s.entries + s.bytes + s.insertions, 0);
    ck_assert_str_eq(prism_cache_kind_name(PRISM_CACHE_MEASUREMENTS), "measurements");
    prism_cache_destroy(&c);
}
END_TEST

static char *slurp(const char *path)
{
    uint8_t *data;
    size_t bytes;
    if (prismi_file_read(ctx, path, 1 << 20, &data, &bytes))
        return NULL;
    return (char *)data; /* one zero byte follows */
}

static int entries(void)
{
    char command[600];
    snprintf(command, sizeof command, "ls -A '%s' | wc -l", folder);
    FILE *p = popen(command, "r");
    int n = -1;
    if (fscanf(p, "%d", &n) != 1)
        n = -1;
    pclose(p);
    return n;
}

static int write_text(const char *path, const char *text, bool keep)
{
    struct prismi_file *f;
    int status = prismi_file_create(ctx, path, &f);
    if (status)
        return status;
    prismi_file_printf(f, "%s", text);
    return prismi_file_commit(f, keep);
}

START_TEST(files_appear_whole)
{
    char path[512], previous[520];
    struct prismi_file *f;
    snprintf(path, sizeof path, "%s", in_folder("a file.txt"));
    snprintf(previous, sizeof previous, "%s.1", path);
    ck_assert_int_eq(write_text(path, "one", true), 0);
    ck_assert_int_eq(write_text(path, "two", true), 0);
    char *now = slurp(path), *before = slurp(previous);
    ck_assert_str_eq(now, "two");
    ck_assert_str_eq(before, "one");
    prismi_free(now);
    prismi_free(before);
    ck_assert_int_eq(prismi_file_create(ctx, path, &f), 0);
    prismi_file_write(f, "lost", 4);
    prismi_file_abort(f);
    now = slurp(path);
    ck_assert_str_eq(now, "two");
    prismi_free(now);
    ck_assert_int_eq(entries(), 2); /* no temporary file is left */
    ck_assert_int_eq(write_text(in_folder("no/such/folder"), "x", false), PRISM_EIO);
    ck_assert_ptr_nonnull(strstr(prism_ctx_error(ctx)->text, "no/such/folder"));
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    mode_t mask = umask(0);
    umask(mask);
    ck_assert_int_eq(st.st_mode & 0777, 0666 & ~mask);
}
END_TEST

START_TEST(long_texts_are_written)
{
    static char text[300000];
    memset(text, 'q', sizeof text - 1);
    ck_assert_int_eq(write_text(in_folder("long"), text, false), 0);
    char *back = slurp(in_folder("long"));
    ck_assert_str_eq(back, text);
    prismi_free(back);
}
END_TEST

/* Small pieces are gathered, large ones are written at once; their order
 * stays. */
START_TEST(pieces_keep_their_order)
{
    static const size_t pieces[] = {10, 65526, 1, 65535, 65536, 65537, 3, 200000, 0, 5};
    static unsigned char data[600000];
    struct prismi_file *f;
    uint8_t *back;
    size_t n = 0, bytes;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)(i * 2654435761u >> 13);
    ck_assert_int_eq(prismi_file_create(ctx, in_folder("pieces"), &f), 0);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; n += pieces[i++])
        ck_assert_int_eq(prismi_file_write(f, data + n, pieces[i]), 0);
    ck_assert_int_eq(prismi_file_commit(f, false), 0);
    ck_assert_int_eq(prismi_file_read(ctx, in_folder("pieces"), n, &back, &bytes), 0);
    ck_assert_uint_eq(bytes, n);
    ck_assert_mem_eq(back, data, n);
    prismi_free(back);
}
END_TEST

/* On a full disk, at any length, the old file stays, the error is a sentence
 * and no temporary file remains. */
START_TEST(a_full_disk_leaves_the_old_file)
{
    char path[512], text[9000];
    snprintf(path, sizeof path, "%s", in_folder("result"));
    memset(text, 'z', sizeof text - 1);
    text[sizeof text - 1] = 0;
    ck_assert_int_eq(write_text(path, "good", false), 0);
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit old, small;
    getrlimit(RLIMIT_FSIZE, &old);
    for (rlim_t limit = 0; limit < 8999; limit += 1111) {
        small = old;
        small.rlim_cur = limit;
        setrlimit(RLIMIT_FSIZE, &small);
        int status = write_text(path, text, true);
        setrlimit(RLIMIT_FSIZE, &old);
        ck_assert_int_eq(status, PRISM_EIO);
        ck_assert_ptr_nonnull(strstr(prism_ctx_error(ctx)->text, "result"));
        char *now = slurp(path);
        ck_assert_str_eq(now, "good");
        prismi_free(now);
        ck_assert_int_eq(entries(), 1);
    }
}
END_TEST

START_TEST(files_have_limits)
{
    uint8_t *data;
    size_t bytes;
    write_text(in_folder("f"), "0123456789", false);
    ck_assert_int_eq(prismi_file_read(ctx, in_folder("f"), 9, &data, &bytes), PRISM_EINVAL);
    ck_assert_int_eq(prismi_file_read(ctx, in_folder("f"), 10, &data, &bytes), 0);
    ck_assert_uint_eq(bytes, 10);
    prismi_free(data);
    ck_assert_int_eq(prismi_file_read(ctx, folder, 10, &data, &bytes), PRISM_EIO);
    ck_assert_int_eq(prismi_file_read(ctx, in_folder("absent"), 10, &data, &bytes), PRISM_EIO);
    ck_assert_int_eq(prismi_make_dirs(ctx, in_folder("a/b/c")), 0);
    ck_assert_int_eq(prismi_make_dirs(ctx, in_folder("a/b/c")), 0);
    ck_assert_int_eq(prismi_make_dirs(ctx, in_folder("f/below")), PRISM_EIO);
    ck_assert_int_eq(prismi_make_dirs(ctx, ""), 0);
    ck_assert_int_eq(prismi_make_dirs(ctx, "/"), 0);
    ck_assert_int_eq(mkfifo(in_folder("pipe"), 0600), 0);
    ck_assert_int_eq(prismi_file_read(ctx, in_folder("pipe"), 10, &data, &bytes), PRISM_EIO);
    ck_assert_int_eq(write_text(in_folder("pipe"), "x", false), PRISM_EIO);
}
END_TEST

SUITE("core", fixture_open, fixture_close, the_last_error_is_kept, leaks_are_named,
      philox_gives_its_known_answers, random_numbers_have_their_moments,
      bulk_numbers_equal_single_ones, hashes_give_their_known_answers, checksums_of_parts_join,
      the_least_recently_used_block_is_evicted, kinds_of_blocks_are_independent, files_appear_whole,
      long_texts_are_written, pieces_keep_their_order, a_full_disk_leaves_the_old_file,
      files_have_limits)
