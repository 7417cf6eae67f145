/* Files that appear whole or not at all: written to a temporary file, then
 * renamed. */
#include "core/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct prismi_file {
    struct prism_ctx *ctx;
    int fd;
    int error; /* errno of the first failed write */
    size_t fill;
    char *path, *temporary;
    /* length of the folder part of path and temporary, with the last slash; 0 =
     * current folder */
    size_t folder;
    unsigned char buffer[65536];
};

static int io_error(struct prism_ctx *ctx, const char *verb, const char *path, int error)
{
    return PRISM_FAIL(ctx, error == ENOMEM ? PRISM_ENOMEM : PRISM_EIO, "cannot %s %s: %s", verb,
                      path, strerror(error));
}

static void free_file(struct prismi_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    prismi_free(f->path);
    prismi_free(f->temporary);
    prismi_free(f);
}

/* Open the target's folder. Allocates nothing: once the file is renamed, no
 * call may fail for lack of memory. */
static int open_folder(struct prismi_file *f)
{
    char first = f->temporary[f->folder];
    f->temporary[f->folder] = 0;
    int fd = open(f->folder ? f->temporary : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    f->temporary[f->folder] = first;
    return fd;
}

static int sync_folder(struct prismi_file *f)
{
    int fd = open_folder(f);
    int status = fd < 0 || fsync(fd) ? io_error(f->ctx, "sync the folder of", f->path, errno) : 0;
    if (fd >= 0)
        close(fd);
    return status;
}

/* A temporary file is named <folder>/.<name>.prism-XXXXXX. Its writer holds a
 * lock on it, and the lock ends with the writer, however the writer ends. */
#define MARK ".prism-"
enum { UNIQUE = 6 };

/* Remove temporary files that killed writers of the same target left. Best
 * effort: on a file system without locks they stay. */
static void sweep(struct prismi_file *f)
{
    const char *name = f->temporary + f->folder;
    size_t n = strlen(name);
    int folder = open_folder(f);
    DIR *d = folder < 0 ? NULL : fdopendir(folder);
    if (!d && folder >= 0)
        close(folder);
    for (const struct dirent *e; d && (e = readdir(d));) {
        if (strlen(e->d_name) != n || strncmp(e->d_name, name, n - UNIQUE))
            continue;
        struct stat st;
        int fd = openat(folder, e->d_name, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode) && !flock(fd, LOCK_EX | LOCK_NB))
            unlinkat(folder, e->d_name, 0);
        if (fd >= 0)
            close(fd);
    }
    if (d)
        closedir(d);
}

/* Create the temporary file; returns errno. Not with mkostemp(): its files are
 * private, whereas a result should obey the umask, and reading the umask means
 * changing it for all threads. */
static int open_temporary(struct prismi_file *f)
{
    char *unique = f->temporary + strlen(f->temporary) - UNIQUE;
    for (uint64_t attempt = 0; attempt < 100; attempt++) {
        struct timespec now;
        struct stat st;
        clock_gettime(CLOCK_REALTIME, &now);
        const uint64_t seed[] = {attempt, (uint64_t)now.tv_sec, (uint64_t)now.tv_nsec,
                                 (uint64_t)getpid(), (uintptr_t)f};
        uint64_t h = prismi_hash64(seed, sizeof seed, 0);
        for (int i = 0; i < UNIQUE; i++, h >>= 5)
            unique[i] = "abcdefghijklmnopqrstuvwxyz234567"[h & 31];
        f->fd = open(f->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (f->fd < 0 && errno != EEXIST)
            return errno;
        if (f->fd < 0)
            continue;
        while (flock(f->fd, LOCK_EX) && errno == EINTR)
            ;
        if (fstat(f->fd, &st) || st.st_nlink > 0)
            return 0;
        close(f->fd); /* another writer's sweep() removed the file before it was locked */
        f->fd = -1;
    }
    return EEXIST;
}

int prismi_file_create(struct prism_ctx *ctx, const char *path, struct prismi_file **out)
{
    *out = NULL;
    struct stat st;
    if (!stat(path, &st) && !S_ISREG(st.st_mode))
        return PRISM_FAIL(ctx, PRISM_EIO, "cannot write %s: it exists and is not a regular file",
                          path);
    struct prismi_file *f = prismi_alloc(1, sizeof *f);
    if (!f)
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "no memory to write %s", path);
    const char *slash = strrchr(path, '/');
    size_t n = strlen(path) + sizeof "." MARK + UNIQUE;
    f->ctx = ctx;
    f->fd = -1;
    f->folder = slash ? (size_t)(slash - path) + 1 : 0;
    f->path = prismi_strdup(path);
    f->temporary = prismi_alloc(n, 1);
    if (!f->path || !f->temporary) {
        free_file(f);
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "no memory to write %s", path);
    }
    snprintf(f->temporary, n, "%.*s.%s" MARK "XXXXXX", (int)f->folder, path, path + f->folder);
    sweep(f);
    int error = open_temporary(f);
    if (error) {
        free_file(f);
        return io_error(ctx, "create a temporary file beside", path, error);
    }
    *out = f;
    return 0;
}

static void put(struct prismi_file *f, const unsigned char *p, size_t bytes)
{
    while (bytes && !f->error) {
        ssize_t k = write(f->fd, p, bytes);
        if (k > 0) {
            p += k;
            bytes -= (size_t)k;
        } else if (k == 0 || errno != EINTR) {
            f->error = k == 0 ? ENOSPC : errno;
        }
    }
}

static void flush(struct prismi_file *f)
{
    put(f, f->buffer, f->fill);
    f->fill = 0;
}

int prismi_file_write(struct prismi_file *f, const void *data, size_t bytes)
{
    if (bytes > sizeof f->buffer - f->fill)
        flush(f);
    if (bytes > sizeof f->buffer) {
        put(f, data, bytes);
    } else if (bytes) {
        memcpy(f->buffer + f->fill, data, bytes);
        f->fill += bytes;
    }
    return f->error ? PRISM_EIO : 0;
}

int prismi_file_printf(struct prismi_file *f, const char *fmt, ...)
{
    char text[1024], *big = NULL;
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (n >= (int)sizeof text) {
        big = prismi_alloc((size_t)n + 1, 1);
        if (big)
            vsnprintf(big, (size_t)n + 1, fmt, again);
        else if (!f->error)
            f->error = ENOMEM;
    }
    va_end(again);
    int status = n < 0 || f->error ? PRISM_EIO : prismi_file_write(f, big ? big : text, (size_t)n);
    prismi_free(big);
    return status;
}

static int keep_as_previous(struct prismi_file *f)
{
    size_t n = strlen(f->path) + 3;
    char *previous = prismi_alloc(n, 1);
    if (!previous)
        return ENOMEM;
    snprintf(previous, n, "%s.1", f->path);
    /* link(), not rename(): the current name never disappears */
    unlink(previous);
    int error = link(f->path, previous) && errno != ENOENT ? errno : 0;
    if (error == EPERM || error == ENOTSUP) /* a file system without hard links */
        error = rename(f->path, previous) ? errno : 0;
    prismi_free(previous);
    return error;
}

int prismi_file_commit(struct prismi_file *f, bool keep_previous)
{
    struct prism_ctx *ctx = f->ctx;
    int status = 0;
    flush(f);
    if (!f->error && fsync(f->fd))
        f->error = errno;
    if (!f->error && keep_previous)
        f->error = keep_as_previous(f);
    if (!f->error && rename(f->temporary, f->path))
        f->error = errno;
    if (f->error) {
        status = io_error(ctx, "write", f->path, f->error);
        unlink(f->temporary);
    } else {
        status = sync_folder(f);
    }
    free_file(f);
    return status;
}

void prismi_file_abort(struct prismi_file *f)
{
    if (!f)
        return;
    unlink(f->temporary);
    free_file(f);
}

int prismi_file_read(struct prism_ctx *ctx, const char *path, size_t max_bytes, uint8_t **data,
                     size_t *bytes)
{
    *data = NULL;
    *bytes = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC |
                            O_NONBLOCK); /* O_NONBLOCK: opening a pipe would wait for its writer */
    struct stat st;
    if (fd < 0)
        return io_error(ctx, "open", path, errno);
    int status = 0;
    uint8_t *buffer = NULL;
    size_t fill = 0;
    if (fstat(fd, &st))
        status = io_error(ctx, "read", path, errno);
    else if (!S_ISREG(st.st_mode))
        status = PRISM_FAIL(ctx, PRISM_EIO, "cannot read %s: not a regular file", path);
    else if ((uint64_t)st.st_size > max_bytes)
        status = PRISM_FAIL(ctx, PRISM_EINVAL, "%s has %lld bytes; the limit for its kind is %zu",
                            path, (long long)st.st_size, max_bytes);
    else if (!(buffer = prismi_alloc((size_t)st.st_size + 1, 1)))
        status = PRISM_FAIL(ctx, PRISM_ENOMEM, "no memory to read %s (%lld bytes)", path,
                            (long long)st.st_size);
    while (!status && fill < (size_t)st.st_size) {
        ssize_t k = read(fd, buffer + fill, (size_t)st.st_size - fill);
        if (k < 0 && errno != EINTR)
            status = io_error(ctx, "read", path, errno);
        else if (k == 0)
            break; /* the file became shorter; the parser will say what is missing */
        else if (k > 0)
            fill += (size_t)k;
    }
    close(fd);
    if (status) {
        prismi_free(buffer);
        return status;
    }
    *data = buffer;
    *bytes = fill;
    return 0;
}

int prismi_make_dirs(struct prism_ctx *ctx, const char *path)
{
    char *copy = prismi_strdup(path);
    int status = 0;
    if (!copy)
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "no memory for a path");
    for (char *p = copy; !status; p++) {
        if ((*p && *p != '/') || (*p && p == copy)) /* a leading slash ends no name */
            continue;
        char end = *p;
        *p = 0;
        struct stat st;
        if (*copy && mkdir(copy, 0777) &&
            (errno != EEXIST || stat(copy, &st) || !S_ISDIR(st.st_mode)))
            status = io_error(ctx, "create the folder", copy, errno == EEXIST ? ENOTDIR : errno);
        *p = end;
        if (!end)
            break;
    }
    prismi_free(copy);
    return status;
}

int prismi_file_text(struct prism_ctx *ctx, const char *path, const char *text)
{
    struct prismi_file *f;
    if (!text)
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "not enough memory for the text of %s", path);
    PRISM_TRY(prismi_file_create(ctx, path, &f));
    int status = prismi_file_write(f, text, strlen(text));
    if (status) {
        prismi_file_abort(f);
        return status;
    }
    return prismi_file_commit(f, false);
}
