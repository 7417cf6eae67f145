#include "prismrec/base.h"

#include "prismi_config.h"

_Static_assert(PRISM_VERSION_MAJOR == PRISMI_VERSION_MAJOR &&
                   PRISM_VERSION_MINOR == PRISMI_VERSION_MINOR &&
                   PRISM_VERSION_PATCH == PRISMI_VERSION_PATCH,
               "the version in prismrec/base.h is not the project's in meson.build");

const char *prism_version(void)
{
    return PRISMI_VERSION;
}

const char *prism_status_name(int status)
{
    static const char *const names[] = {
        "PRISM_OK",     "PRISM_EINVAL", "PRISM_ENOMEM",  "PRISM_ENOTSUP",   "PRISM_EIO",
        "PRISM_EPARSE", "PRISM_EABI",   "PRISM_EDEVICE", "PRISM_ECANCELED", "PRISM_EDIVERGED"};
    return status <= 0 && status > -(int)(sizeof names / sizeof *names) ? names[-status]
                                                                        : "unknown status";
}
