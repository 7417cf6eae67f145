#include "prismrec/base.h"

#include "prismi_config.h"

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
