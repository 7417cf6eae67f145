/* Files that are no pictures are refused, and written files appear whole or not
 * at all. */
#include "image_check.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

START_TEST(other_files_are_refused)
{
    static const char *const texts[] = {"",         "\n",  "GIF89a",   "<svg/>", "\x89PNG\r\n\x1a",
                                        "\xff\xd8", "II*", "\x93NUMP", "BM",     "P",
                                        "P1 1 1 0"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct prism_image img = {1, 1, (double *)texts, 1};
        struct fixture f = {0};
        fixture_add(&f, texts[i], strlen(texts[i]));
        ck_assert_int_eq(load(&f, &img), PRISM_EPARSE);
        ck_assert(!img.data && strstr(sentence(), "picture: not a picture in a known format"));
        fixture_free(&f);
    }
    struct prism_image img;
    ck_assert_int_eq(prism_image_load(ctx, folder, &img), PRISM_EIO);
    ck_assert_ptr_nonnull(strstr(sentence(), "not a regular file"));
    ck_assert_int_eq(prism_image_load(ctx, in_folder("absent"), &img), PRISM_EIO);
    ck_assert_int_eq(mkfifo(in_folder("pipe"), 0600),
                     0); /* nobody writes to the pipe: the reader must not wait */
    ck_assert_int_eq(prism_image_load(ctx, in_folder("pipe"), &img), PRISM_EIO);
}
END_TEST

START_TEST(written_pictures_read_back)
{
    enum { H = 5, W = 7 };
    uint8_t data[H * W * 3];
    char name[600];
    struct prism_image img;
    for (unsigned i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)noise(i, 256);
    for (int channels = 1; channels <= 3; channels += 2) {
        ck_ok(prism_image_write(ctx, in_folder("out"), H, W, channels, data, name, sizeof name));
        ck_assert(!strncmp(name, in_folder("out."), strlen(in_folder("out."))) &&
                  strlen(name) == strlen(in_folder("out")) + 4);
        ck_ok(prism_image_load(ctx, name, &img));
        ck_assert(img.h == H && img.w == W && img.bits == 8);
        for (int i = 0; i < H * W; i++)
            ck_close(img.data[i],
                     channels == 1
                         ? data[i] / 255.
                         : prismi_luma(data[3 * i], data[3 * i + 1], data[3 * i + 2]) / 255,
                     1e-12);
        free(img.data);
    }
    ck_ok(prism_image_write(ctx, in_folder("out"), 1, 1, 1, data, NULL, 0));
    ck_assert_int_eq(prism_image_write(ctx, in_folder("out"), H, W, 2, data, NULL, 0),
                     PRISM_EINVAL);
    ck_assert_int_eq(prism_image_write(ctx, in_folder("out"), 0, W, 1, data, NULL, 0),
                     PRISM_EINVAL);
    ck_assert_int_eq(prism_image_write(ctx, in_folder("out"), H, 65537, 1, data, NULL, 0),
                     PRISM_EINVAL);
    ck_assert_int_eq(prism_image_write(ctx, in_folder("out"), H, W, 1, data, name, 10),
                     PRISM_EINVAL);
    ck_assert_int_eq(prism_image_write(ctx, in_folder("no/out"), H, W, 1, data, name, sizeof name),
                     PRISM_EIO);
}
END_TEST

static int n_files(void)
{
    int n = 0;
    DIR *d = opendir(folder);
    for (struct dirent *e; (e = readdir(d));)
        n += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
    closedir(d);
    return n;
}

enum { SIDE = 400 };
static double noisy[SIDE * SIDE / 8]; /* bytes that do not compress */

static int write_npy(const char *path)
{
    const size_t n = sizeof noisy / sizeof *noisy;
    return prism_npy_write(ctx, path, PRISM_F64, 1, &n, noisy);
}

static int write_picture(const char *path)
{
    return prism_image_write(ctx, path, SIDE, SIDE, 1, (const uint8_t *)noisy, NULL, 0);
}

/* Writes with room for `limit` bytes: the status reports the failure, the old
 * file is unchanged and no other file is left. */
static void full_disk(int (*write_it)(const char *path), const char *path, const char *whole,
                      rlim_t limit)
{
    struct rlimit old, small;
    struct fixture before = fixture_read(whole);
    int n = n_files();
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = limit;
    setrlimit(RLIMIT_FSIZE, &small);
    int status = write_it(path);
    setrlimit(RLIMIT_FSIZE, &old);
    ck_assert_msg(status == PRISM_EIO, "limit %ld: status %d", (long)limit, status);
    ck_assert_ptr_nonnull(strstr(sentence(), whole));
    struct fixture after = fixture_read(whole);
    ck_assert(before.n == after.n && (!before.n || !memcmp(before.p, after.p, before.n)));
    ck_assert_int_eq(n_files(), n);
    fixture_free(&before);
    fixture_free(&after);
}

START_TEST(full_disks_leave_old_files)
{
    static const rlim_t limits[] = {0, 1, 100, 65536, 100000};
    char path[600], whole[600];
    for (size_t i = 0; i < sizeof noisy; i++)
        ((uint8_t *)noisy)[i] = (uint8_t)noise((unsigned)i, 256);
    signal(SIGXFSZ, SIG_IGN);
    for (int present = 0; present < 2; present++) {
        for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
            snprintf(path, sizeof path, "%s", in_folder("array.npy"));
            full_disk(write_npy, path, path, limits[i]);
        }
        ck_ok(write_npy(path));
    }
    snprintf(path, sizeof path, "%s", in_folder("shot"));
    ck_ok(prism_image_write(ctx, path, SIDE, SIDE, 1, (const uint8_t *)noisy, whole, sizeof whole));
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        full_disk(write_picture, path, whole, limits[i]);
    signal(SIGXFSZ, SIG_DFL);
}
END_TEST

SUITE("image files", fixture_open, fixture_close, other_files_are_refused,
      written_pictures_read_back, full_disks_leave_old_files)
