/* PRISM: status codes, log levels, element types, version.
 *
 * A function that can fail returns an int: 0, or one of the negative PRISM_E*
 * below. prism_ctx_error() gives the sentence that explains it.
 *
 * A pointer argument must not be NULL, unless its comment allows it; this is
 * not checked.
 *
 * The library never aborts, exits or prints. */
#ifndef PRISMREC_BASE_H
#define PRISMREC_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PRISM_VERSION_MAJOR 0
#define PRISM_VERSION_MINOR 2
#define PRISM_VERSION_PATCH 0

#if defined(__GNUC__)
#define PRISM_API __attribute__((visibility("default")))
#define PRISM_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define PRISM_API
#define PRISM_PRINTF(fmt, args)
#endif

enum prism_status {
    PRISM_OK = 0,
    /* An argument, a configuration value or the content of a file breaks its
     * stated contract. Nothing changed. */
    PRISM_EINVAL = -1,
    PRISM_ENOMEM = -2,    /* host or device memory is exhausted; nothing changed */
    PRISM_ENOTSUP = -3,   /* valid, but this build or device cannot do it */
    PRISM_EIO = -4,       /* the operating system refused a read or write */
    PRISM_EPARSE = -5,    /* a file is damaged or not in its format */
    PRISM_EABI = -6,      /* a plugin or file was made by an incompatible version */
    PRISM_EDEVICE = -7,   /* the device failed; terminal: close it */
    PRISM_ECANCELED = -8, /* a callback asked to stop; the state is consistent */
    PRISM_EDIVERGED = -9  /* a loss became NaN or infinite; the last good state is kept */
};

/* How important a message is; the most important comes first. */
enum prism_log_level {
    PRISM_LOG_ERROR,
    PRISM_LOG_WARN,
    PRISM_LOG_INFO,
    PRISM_LOG_DEBUG,
    PRISM_LOG_TRACE
};

/* The version of the library that runs, e.g. "0.2.0". Thread-safety: safe. */
PRISM_API const char *prism_version(void);

/* The name of a status code, e.g. "PRISM_EINVAL". Never NULL. Thread-safety:
 * safe. */
PRISM_API const char *prism_status_name(int status);

#ifdef __cplusplus
}
#endif
#endif
