/* Weights and running statistics to and from a file: container kind "PRISMWTS" with the sections
 *
 *   arch         i32: element type, then the fields of arch_fields, then channels[32]
 *   <parameter>  one per parameter, under its name, elements of that type
 *   running      as prism_net_running(); absent where there is no normalisation
 *
 * Elements are little-endian, converted on load where the network's type differs. */
#include "nn/layer.h"

#include <stdio.h>
#include <string.h>

static const char KIND[8] = {'P', 'R', 'I', 'S', 'M', 'W', 'T', 'S'};

enum { FIELDS = 7, RECORD = 1 + FIELDS + PRISM_MAX_CHANNELS, STAGE = 4096 };

/* What decides the shapes and the meaning of the weights; grid_size and init do not. */
static const char *const arch_fields[FIELDS] = {"obj_size", "latent_channels", "n_upsample",       "n_channels",
                                                "no_norm",  "frame",           "output_activation"};

static void arch_record(const struct prism_net *net, int32_t r[RECORD])
{
    const struct prism_decoder_params *p = &net->params;
    const int32_t head[1 + FIELDS] = {(int32_t)net->dtype, p->obj_size, p->latent_channels, p->n_upsample,
                                      p->n_channels,       p->no_norm,  p->frame,           (int32_t)p->output_activation};
    memset(r, 0, RECORD * sizeof *r);
    memcpy(r, head, sizeof head);
    for (int i = 0; i < p->n_channels; i++)
        r[1 + FIELDS + i] = p->channels[i];
}

static int check_arch(const struct prism_net *net, const char *path, const int32_t file[RECORD])
{
    struct prism_ctx *ctx = prismi_dev_ctx(net->dev);
    int32_t own[RECORD];
    arch_record(net, own);
    if (file[0] != PRISM_F32 && file[0] != PRISM_F64)
        return PRISM_FAIL(ctx, PRISM_EPARSE, "%s: element type %d is neither f32 (%d) nor f64 (%d); the file is damaged", path,
                          (int)file[0], PRISM_F32, PRISM_F64);
    for (int i = 1; i < RECORD; i++) {
        if (file[i] == own[i])
            continue;
        char name[32];
        if (i <= FIELDS)
            snprintf(name, sizeof name, "%s", arch_fields[i - 1]);
        else
            snprintf(name, sizeof name, "channels[%d]", i - 1 - FIELDS);
        return PRISM_FAIL(
            ctx, PRISM_EINVAL,
            "%s holds weights of another architecture: its %s is %d, this network's is %d; create the network with the "
            "file's parameters",
            path, name, (int)file[i], (int)own[i]);
    }
    return 0;
}

/* One named run of scalars on the device: a parameter or the running statistics. */
struct run {
    const char *name;
    prism_mem mem;
    size_t count;
};

/* i-th run; false after the last. */
static bool run_at(const struct prism_net *net, int i, struct run *r)
{
    const struct prismi_param *p = prismi_net_param(net, i);
    if (p)
        *r = (struct run){p->info.name, p->info.value, p->info.count};
    else
        *r = (struct run){"running", net->running, net->running_count};
    return p || (i == net->nparam && net->running_count > 0);
}

static int add_run(const struct prism_net *net, struct prismi_box *box, const struct run *r)
{
    size_t bytes = r->count * prism_dtype_size(net->dtype);
    void *data = prismi_alloc(bytes, 1);
    if (!data)
        return PRISM_FAIL(prismi_dev_ctx(net->dev), PRISM_ENOMEM, "no host memory to save %s", r->name);
    int status = net->dev->ops->read(net->dev, data, r->mem, bytes);
    if (!status)
        status = prismi_box_add(box, r->name, data, bytes);
    prismi_free(data);
    return status;
}

int prism_net_save(const struct prism_net *net, const char *path)
{
    struct prismi_box *box = NULL;
    int32_t record[RECORD];
    struct run r;
    int status;
    arch_record(net, record);
    PRISM_TRY(prismi_box_create(prismi_dev_ctx(net->dev), KIND, &box));
    PRISM_TRY_OUT(prismi_box_add(box, "arch", record, sizeof record));
    for (int i = 0; run_at(net, i, &r); i++)
        PRISM_TRY_OUT(add_run(net, box, &r));
    status = prismi_box_save(box, path, false);
out:
    prismi_box_destroy(&box);
    return status;
}

/* src: count elements of file_type, of any alignment */
static int put_run(struct prism_net *net, const struct run *r, const uint8_t *src, enum prism_dtype file_type)
{
    double stage[STAGE];
    float narrow[STAGE];
    for (size_t at = 0; at < r->count; at += STAGE) {
        size_t n = r->count - at < STAGE ? r->count - at : STAGE;
        if (file_type == PRISM_F64) {
            memcpy(stage, src + at * sizeof *stage, n * sizeof *stage);
        } else {
            memcpy(narrow, src + at * sizeof *narrow, n * sizeof *narrow);
            for (size_t i = 0; i < n; i++)
                stage[i] = narrow[i];
        }
        PRISM_TRY(prismi_dev_put(net->dev, r->mem + at * prism_dtype_size(net->dtype), net->dtype, stage, n));
    }
    return 0;
}

int prism_net_load(struct prism_net *net, const char *path)
{
    struct prism_ctx *ctx = prismi_dev_ctx(net->dev);
    struct prismi_box *box = NULL;
    int32_t record[RECORD];
    struct run r;
    int status;
    PRISM_TRY(prismi_box_load(ctx, path, KIND, &box));
    size_t bytes = sizeof record;
    const void *data = prismi_box_get(box, "arch", &bytes);
    if (!data) {
        status = PRISM_FAIL(ctx, PRISM_EPARSE, "%s has no architecture record of %zu bytes; it is no weights file of this version",
                            path, sizeof record);
        goto out;
    }
    memcpy(record, data, sizeof record);
    PRISM_TRY_OUT(check_arch(net, path, record));
    enum prism_dtype file_type = (enum prism_dtype)record[0];
    for (int i = 0; run_at(net, i, &r); i++) { /* all before the first write: a damaged file changes nothing */
        bytes = r.count * prism_dtype_size(file_type);
        if (!prismi_box_get(box, r.name, &bytes)) {
            status =
                PRISM_FAIL(ctx, PRISM_EPARSE, "%s has no section %s of %zu values; the file is damaged", path, r.name, r.count);
            goto out;
        }
    }
    prismi_net_forget(net);
    for (int i = 0; run_at(net, i, &r); i++)
        PRISM_TRY_OUT(put_run(net, &r, prismi_box_get(box, r.name, NULL), file_type));
out:
    prismi_box_destroy(&box);
    return status;
}
