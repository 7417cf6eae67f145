/* Weights and running statistics to and from a file: an archive of kind
 * "PRISMWTS" with the arrays
 *
 *   arch         a decoder: i32: element type, then the fields of arch_fields,
 *                then channels[32]
 *   type, nodes  any other network: i32 element type; text, a line per node as
 *                prismi_layer_describe() has it
 *   <parameter>  one per parameter, under its name, elements of that type
 *   running      as prism_net_running(); absent where there is no normalisation
 *
 * Elements are little-endian, converted on load where the network's type
 * differs. */
#include "core/archive.h"
#include "nn/layer.h"

#include <stdio.h>
#include <string.h>

static const char KIND[8] = {'P', 'R', 'I', 'S', 'M', 'W', 'T', 'S'};

enum { FIELDS = 7, RECORD = 1 + FIELDS + PRISM_MAX_CHANNELS, STAGE = 4096 };

/* The parameters that decide the shapes and the meaning of the weights;
 * grid_size and init do not. */
static const char *const arch_fields[FIELDS] = {"obj_size",         "latent_channels", "n_upsample",
                                                "n_channels",       "no_norm",         "frame",
                                                "output_activation"};

static void arch_record(const struct prism_net *net, int32_t r[RECORD])
{
    const struct prism_decoder_params *p = &net->params;
    const int32_t head[1 + FIELDS] = {
        (int32_t)net->dtype, p->obj_size, p->latent_channels, p->n_upsample,
        p->n_channels,       p->no_norm,  p->frame,           (int32_t)prismi_decoder_output(p)};
    memset(r, 0, RECORD * sizeof *r);
    memcpy(r, head, sizeof head);
    for (int i = 0; i < p->n_channels; i++)
        r[1 + FIELDS + i] = p->channels[i];
}

static bool is_decoder(const struct prism_net *net)
{
    return net->params.grid_size > 0;
}

static int check_type(const struct prism_net *net, const char *path, int32_t type)
{
    if (type == PRISM_F32 || type == PRISM_F64)
        return 0;
    return PRISM_FAIL(prismi_dev_ctx(net->dev), PRISM_EPARSE,
                      "%s: element type %d is neither f32 (%d) nor f64 (%d); the file is damaged",
                      path, (int)type, PRISM_F32, PRISM_F64);
}

static int check_arch(const struct prism_net *net, const char *path, const int32_t file[RECORD])
{
    struct prism_ctx *ctx = prismi_dev_ctx(net->dev);
    int32_t own[RECORD];
    arch_record(net, own);
    for (int i = 1; i < RECORD; i++) {
        if (file[i] == own[i])
            continue;
        char name[32];
        if (i <= FIELDS)
            snprintf(name, sizeof name, "%s", arch_fields[i - 1]);
        else
            snprintf(name, sizeof name, "channels[%d]", i - 1 - FIELDS);
        return PRISM_FAIL(ctx, PRISM_EINVAL,
                          "%s holds weights of another architecture: its %s is %d, this network's "
                          "is %d; create the network with the "
                          "file's parameters",
                          path, name, (int)file[i], (int)own[i]);
    }
    return 0;
}

static int load_arch(const struct prism_net *net, const char *path, const struct prismi_archive *a,
                     enum prism_dtype *type)
{
    int32_t record[RECORD];
    size_t bytes = sizeof record;
    const void *data = prismi_archive_get(a, "arch", PRISMI_TYPE_I32, &bytes);
    if (!data)
        return PRISM_FAIL(
            prismi_dev_ctx(net->dev), PRISM_EPARSE,
            "%s has no architecture record of %zu bytes; it is no weights file of this version",
            path, sizeof record);
    memcpy(record, data, sizeof record);
    *type = (enum prism_dtype)record[0];
    PRISM_TRY(check_type(net, path, record[0]));
    return check_arch(net, path, record);
}

static int save_arch(const struct prism_net *net, struct prismi_archive *a)
{
    int32_t record[RECORD];
    const struct prismi_array type = prismi_vector(PRISMI_TYPE_I32, sizeof *record, RECORD);
    arch_record(net, record);
    return prismi_archive_add(a, "arch", &type, record);
}

/* Write the list of nodes as text and return its length. text is NULL, or has
 * room for the text and a NUL. */
static size_t list_nodes(const struct prism_net *net, char *text)
{
    char line[PRISMI_LINE_MAX];
    size_t at = 0;
    for (int i = 0; i < net->nlayers; i++) {
        prismi_layer_describe(&net->layer[i], line);
        if (text)
            snprintf(text + at, strlen(line) + 2, "%s\n", line);
        at += strlen(line) + 1;
    }
    return at;
}

static int save_nodes(const struct prism_net *net, struct prismi_archive *a)
{
    const int32_t type = (int32_t)net->dtype;
    const struct prismi_array one = {.descr = PRISMI_TYPE_I32, .item = sizeof type};
    size_t bytes = list_nodes(net, NULL);
    char *text = prismi_alloc(bytes + 1, 1);
    if (!text)
        return PRISM_FAIL(prismi_dev_ctx(net->dev), PRISM_ENOMEM,
                          "no host memory to save the list of nodes");
    list_nodes(net, text);
    int status = prismi_archive_add(a, "type", &one, &type);
    if (!status)
        status = prismi_archive_add_text(a, "nodes", text, bytes);
    prismi_free(text);
    return status;
}

static int check_nodes(const struct prism_net *net, const char *path, const char *text,
                       size_t bytes)
{
    struct prism_ctx *ctx = prismi_dev_ctx(net->dev);
    for (int i = 0; i < net->nlayers; i++) {
        const char *end = memchr(text, '\n', bytes);
        size_t n = end ? (size_t)(end - text) : bytes;
        char line[PRISMI_LINE_MAX];
        prismi_layer_describe(&net->layer[i], line);
        if (strlen(line) != n || memcmp(line, text, n))
            return PRISM_FAIL(ctx, PRISM_EINVAL,
                              "%s holds weights of another network: its node %d is \"%.*s\", this "
                              "network's is \"%s\"; create "
                              "the network with the file's nodes",
                              path, i, (int)n, text, line);
        text += end ? n + 1 : n;
        bytes -= end ? n + 1 : n;
    }
    return bytes ? PRISM_FAIL(ctx, PRISM_EINVAL,
                              "%s holds weights of a network with more than %d nodes", path,
                              net->nlayers)
                 : 0;
}

static int load_nodes(const struct prism_net *net, const char *path, const struct prismi_archive *a,
                      enum prism_dtype *type)
{
    int32_t record;
    size_t bytes = sizeof record, n = 0;
    const void *data = prismi_archive_get(a, "type", PRISMI_TYPE_I32, &bytes);
    const char *text = prismi_archive_get(a, "nodes", PRISMI_TYPE_TEXT, &n);
    if (!data || !text)
        return PRISM_FAIL(
            prismi_dev_ctx(net->dev), PRISM_EPARSE,
            "%s has no list of nodes; it is no weights file of this version, or a decoder's", path);
    memcpy(&record, data, sizeof record);
    *type = (enum prism_dtype)record;
    PRISM_TRY(check_type(net, path, record));
    return check_nodes(net, path, text, n);
}

/* A named array of scalars on the device: a parameter, or the running
 * statistics. dim is NULL for a vector. */
struct run {
    const char *name;
    prism_mem mem;
    size_t count;
    int nd;
    const int *dim;
};

/* The i-th array; false after the last. */
static bool run_at(const struct prism_net *net, int i, struct run *r)
{
    const struct prismi_param *p = prismi_net_param(net, i);
    if (p)
        *r = (struct run){p->info.name, p->info.value, p->info.count, p->info.nd, p->info.dim};
    else
        *r = (struct run){"running", net->running, net->running_count, 1, NULL};
    return p || (i == net->nparam && net->running_count > 0);
}

static int add_run(const struct prism_net *net, struct prismi_archive *a, const struct run *r)
{
    struct prismi_array type =
        prismi_vector(prismi_type_real(net->dtype), prism_dtype_size(net->dtype), r->count);
    size_t bytes = r->count * type.item;
    type.nd = r->nd;
    for (int i = 0; r->dim && i < r->nd; i++)
        type.shape[i] = (size_t)r->dim[i];
    void *data = prismi_alloc(bytes, 1);
    if (!data)
        return PRISM_FAIL(prismi_dev_ctx(net->dev), PRISM_ENOMEM, "no host memory to save %s",
                          r->name);
    int status = net->dev->ops->read(net->dev, data, r->mem, bytes);
    if (!status)
        status = prismi_archive_add(a, r->name, &type, data);
    prismi_free(data);
    return status;
}

int prism_net_save(const struct prism_net *net, const char *path)
{
    struct prismi_archive *a = NULL;
    struct run r;
    int status;
    PRISM_TRY(prismi_archive_create(prismi_dev_ctx(net->dev), KIND, &a));
    PRISM_TRY_OUT((is_decoder(net) ? save_arch : save_nodes)(net, a));
    for (int i = 0; run_at(net, i, &r); i++)
        PRISM_TRY_OUT(add_run(net, a, &r));
    status = prismi_archive_save(a, prismi_dev_ctx(net->dev), path, false);
out:
    prismi_archive_destroy(&a);
    return status;
}

/* src: count elements of file_type, with any alignment */
static int put_run(struct prism_net *net, const struct run *r, const uint8_t *src,
                   enum prism_dtype file_type)
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
        PRISM_TRY(prismi_dev_put(net->dev, r->mem + at * prism_dtype_size(net->dtype), net->dtype,
                                 stage, n));
    }
    return 0;
}

int prism_net_load(struct prism_net *net, const char *path)
{
    struct prism_ctx *ctx = prismi_dev_ctx(net->dev);
    struct prismi_archive *a = NULL;
    enum prism_dtype file_type;
    struct run r;
    int status;
    PRISM_TRY(prismi_archive_load(ctx, path, KIND, &a));
    PRISM_TRY_OUT((is_decoder(net) ? load_arch : load_nodes)(net, path, a, &file_type));
    for (int i = 0; run_at(net, i, &r);
         /* check all arrays before the first write: a damaged file changes
          * nothing */
         i++) {
        size_t bytes = r.count * prism_dtype_size(file_type);
        if (!prismi_archive_get(a, r.name, prismi_type_real(file_type), &bytes)) {
            status = PRISM_FAIL(ctx, PRISM_EPARSE,
                                "%s has no array %s of %zu values; the file is damaged", path,
                                r.name, r.count);
            goto out;
        }
    }
    prismi_net_forget(net);
    for (int i = 0; run_at(net, i, &r); i++)
        PRISM_TRY_OUT(put_run(
            net, &r, prismi_archive_get(a, r.name, prismi_type_real(file_type), NULL), file_type));
out:
    prismi_archive_destroy(&a);
    return status;
}
