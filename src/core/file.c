/* Files that appear whole or not at all. */
#include "core/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct prismi_file {
    struct prism_ctx *ctx;
    int fd;
    int error; /* errno of the first failed write */
    size_t fill;
    char *path, *temporary;
    unsigned char buffer[65536];
};

static int io_error(struct prism_ctx *ctx, const char *verb, const char *path, int error)
{
    return PRISM_FAIL(ctx, error == ENOMEM ? PRISM_ENOMEM : PRISM_EIO, "cannot %s %s: %s", verb, path, strerror(error));
}

/* Length of the folder part, including the last slash; 0 = current folder. */
static size_t folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

static int sync_folder(struct prism_ctx *ctx, const char *path)
{
    size_t n = folder_length(path);
    char *folder = n ? prismi_strdup(path) : prismi_strdup(".");
    if (!folder)
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "no memory for a path");
    if (n)
        folder[n] = 0;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int status = fd < 0 || fsync(fd) ? io_error(ctx, "sync", folder, errno) : 0;
    if (fd >= 0)
        close(fd);
    prismi_free(folder);
    return status;
}

static void free_file(struct prismi_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    prismi_free(f->path);
    prismi_free(f->temporary);
    prismi_free(f);
}

int prismi_file_create(struct prism_ctx *ctx, const char *path, struct prismi_file **out)
{
    *out = NULL;
    struct prismi_file *f = prismi_alloc(1, sizeof *f);
    if (!f)
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "no memory to write %s", path);
    size_t n = strlen(path), folder = folder_length(path);
    f->ctx = ctx;
    f->fd = -1;
    f->path = prismi_strdup(path);
    f->temporary = prismi_alloc(n + 16, 1);
    if (!f->path || !f->temporary) {
        free_file(f);
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "no memory to write %s", path);
    }
    snprintf(f->temporary, n + 16, "%.*s.%s.XXXXXX", (int)folder, path, path + folder);
    f->fd = mkostemp(f->temporary, O_CLOEXEC);
    if (f->fd < 0) {
        int status = io_error(ctx, "create a temporary file beside", path, errno);
        free_file(f);
        return status;
    }
    mode_t mask = umask(0); /* mkostemp gives 0600; a result should obey the umask as any other file */
    umask(mask);
    fchmod(f->fd, 0666 & ~mask);
    *out = f;
    return 0;
}

static void flush(struct prismi_file *f)
{
    size_t done = 0;
    while (done < f->fill && !f->error) {
        ssize_t k = write(f->fd, f->buffer + done, f->fill - done);
        if (k > 0)
            done += (size_t)k;
        else if (k == 0 || errno != EINTR)
            f->error = k == 0 ? ENOSPC : errno;
    }
    f->fill = 0;
}

int prismi_file_write(struct prismi_file *f, const void *data, size_t bytes)
{
    const unsigned char *p = data;
    while (bytes && !f->error) {
        size_t room = sizeof f->buffer - f->fill, k = bytes < room ? bytes : room;
        memcpy(f->buffer + f->fill, p, k);
        f->fill += k;
        p += k;
        bytes -= k;
        if (f->fill == sizeof f->buffer)
            flush(f);
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
    /* link, not rename: the current name never disappears */
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
        status = sync_folder(ctx, f->path);
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

int prismi_file_read(struct prism_ctx *ctx, const char *path, size_t max_bytes, uint8_t **data, size_t *bytes)
{
    *data = NULL;
    *bytes = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
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
        status = PRISM_FAIL(ctx, PRISM_EINVAL, "%s has %lld bytes; the limit for its kind is %zu", path, (long long)st.st_size,
                            max_bytes);
    else if (!(buffer = prismi_alloc((size_t)st.st_size + 1, 1)))
        status = PRISM_FAIL(ctx, PRISM_ENOMEM, "no memory to read %s (%lld bytes)", path, (long long)st.st_size);
    while (!status && fill < (size_t)st.st_size) {
        ssize_t k = read(fd, buffer + fill, (size_t)st.st_size - fill);
        if (k < 0 && errno != EINTR)
            status = io_error(ctx, "read", path, errno);
        else if (k == 0)
            break; /* shortened meanwhile: the parser says what is missing */
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
    for (char *p = copy + 1; !status; p++) {
        if (*p && *p != '/')
            continue;
        char end = *p;
        *p = 0;
        struct stat st;
        if (*copy && mkdir(copy, 0777) && (errno != EEXIST || stat(copy, &st) || !S_ISDIR(st.st_mode)))
            status = io_error(ctx, "create the folder", copy, errno == EEXIST ? ENOTDIR : errno);
        *p = end;
        if (!end)
            break;
    }
    prismi_free(copy);
    return status;
}
