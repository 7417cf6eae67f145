/* Reads JPEG with libjpeg or libjpeg-turbo. */
#include "core/internal.h"
#include "image/formats.h"
#include "prismi_config.h"

#if PRISMI_HAVE_JPEG
#include <setjmp.h>
#include <stdio.h>
/* these need stdio.h before them */
#include <jerror.h>
#include <jpeglib.h>

/* Limit on scans: a hostile progressive file can repeat the scans of a huge
 * picture for hours. */
enum { MAX_SCANS = 100 };

struct reader {
    struct jpeg_error_mgr errors; /* first member: libjpeg's callbacks get a pointer to it */
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    struct jpeg_decompress_struct jpeg;
    const struct prismi_input *in;
    JSAMPROW row;
    struct prism_image img;
    char text[JMSG_LENGTH_MAX];
};

static void on_error(j_common_ptr c)
{
    struct reader *r = (struct reader *)c->err;
    c->err->format_message(c, r->text);
    longjmp(r->jump, 1);
}

/* A message of level < 0 says that the data are damaged. Junk between segments
 * is harmless; any other damage means wrong pixels and is an error. */
static void on_message(j_common_ptr c, int level)
{
    if (level < 0 && c->err->msg_code != JWRN_EXTRANEOUS_DATA &&
        c->err->msg_code != JWRN_ADOBE_XFORM)
        on_error(c);
}

static void no_output(j_common_ptr c)
{
    (void)c;
}

static void on_progress(j_common_ptr c)
{
    struct reader *r = (struct reader *)c->err;
    if (r->jpeg.input_scan_number <= MAX_SCANS)
        return;
    snprintf(r->text, sizeof r->text, "more than %d scans", MAX_SCANS);
    longjmp(r->jump, 1);
}

/* libjpeg reports errors by longjmp to the setjmp here, so everything that must
 * survive it lies in *r. */
static int read_jpeg(struct reader *r)
{
    struct jpeg_decompress_struct *j = &r->jpeg;
    if (setjmp(r->jump))
        return PRISM_FAIL(r->in->ctx, PRISM_EPARSE, "%s: JPEG: %s", r->in->name, r->text);
    jpeg_create_decompress(j);
    j->progress = &r->progress;
    j->mem->max_memory_to_use = 0x7fffffff;
    jpeg_mem_src(j, r->in->data, (unsigned long)r->in->bytes);
    jpeg_read_header(j, TRUE);
    if (j->jpeg_color_space == JCS_CMYK || j->jpeg_color_space == JCS_YCCK)
        return PRISM_FAIL(r->in->ctx, PRISM_ENOTSUP, "%s: a CMYK JPEG; convert it to grey or RGB",
                          r->in->name);
    j->out_color_space = JCS_GRAYSCALE; /* libjpeg then returns Y, which is the luma */
    j->dct_method = JDCT_ISLOW;
    PRISM_TRY(prismi_image_alloc(r->in, j->image_height, j->image_width, 8, &r->img));
    r->row = prismi_alloc(j->image_width, sizeof(JSAMPLE));
    if (!r->row)
        return PRISM_FAIL(r->in->ctx, PRISM_ENOMEM, "%s: no memory for a row", r->in->name);
    jpeg_start_decompress(j);
    while (j->output_scanline < j->output_height) {
        double *out = r->img.data + (size_t)j->output_scanline * (size_t)r->img.w;
        jpeg_read_scanlines(j, &r->row, 1);
        for (int x = 0; x < r->img.w; x++)
            out[x] = r->row[x] / 255.0;
    }
    jpeg_finish_decompress(j);
    return 0;
}

int prismi_jpeg_decode(const struct prismi_input *in, struct prism_image *out)
{
    struct reader r = {.in = in};
    r.jpeg.err = jpeg_std_error(&r.errors);
    r.errors.error_exit = on_error;
    r.errors.emit_message = on_message;
    r.errors.output_message = no_output;
    r.progress.progress_monitor = on_progress;
    int status = read_jpeg(&r);
    jpeg_destroy_decompress(&r.jpeg);
    prismi_free(r.row);
    if (status)
        prismi_free(r.img.data);
    else
        *out = r.img;
    return status;
}

#else

int prismi_jpeg_decode(const struct prismi_input *in, struct prism_image *out)
{
    (void)out;
    return PRISM_FAIL(in->ctx, PRISM_ENOTSUP,
                      "%s is a JPEG; this build has no libjpeg: build with -Djpeg=enabled",
                      in->name);
}

#endif
