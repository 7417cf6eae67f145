/* PRISM: everything for users. backend.h, which is for writers of backends, is
 * not among it. */
#ifndef PRISMREC_PRISMREC_H
#define PRISMREC_PRISMREC_H

#include "prismrec/base.h"
#include "prismrec/cache.h"
#include "prismrec/config.h"
#include "prismrec/ctx.h"
#include "prismrec/fit.h"
#include "prismrec/image.h"
#include "prismrec/metrics.h"
#include "prismrec/net.h"
#include "prismrec/optics.h"
#include "prismrec/profile.h"
#include "prismrec/recon.h"
#include "prismrec/types.h"

#endif
