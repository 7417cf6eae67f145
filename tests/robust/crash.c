/* Checkpoints survive their writer: one that is killed at any moment, runs out
 * of space at any byte, or writes beside others. */
#include "support/session.h"
#include "support/support.h"
#include "support/tap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

static char dir[256], path[300], previous[310];
static struct prism_ctx *ctx;
static struct prism_dev *dev;
static struct experiment p;

enum { STEPS = 50, KILLS = 60, ROUND = 12 };

static void open_all(void)
{
    ctx = open_ctx();
    dev = open_dev(ctx, "ref", NULL,
                   1); /* ref starts no threads, so children of a fork may use the device */
    p = small_experiment(ctx, dev, PRISM_PRECISION_FP32);
    p.par.decoder = (struct prism_decoder_params){.latent_channels = 4,
                                                  .n_channels = 4,
                                                  .channels = {4, 4, 2, 1},
                                                  .output_activation = PRISM_OUTPUT_NONE};
    p.par.training.init_steps = 5;
    p.par.training.max_steps = STEPS - 5;
    p.par.training.average = 0.5;
}

/* The number of entries of dir that begin with prefix. */
static int count_files(const char *prefix)
{
    int n = 0;
    DIR *d = opendir(dir);
    for (const struct dirent *e; d && (e = readdir(d));)
        n += !strncmp(e->d_name, prefix, strlen(prefix)) && strcmp(e->d_name, ".") &&
             strcmp(e->d_name, "..");
    if (d)
        closedir(d);
    return n;
}

static uint64_t run_to_end(struct prism_session *s)
{
    while (s->trainer.st.phase != PRISM_PHASE_DONE)
        MUST(ctx, prism_session_step(s));
    return session_hash(s);
}

static int is_there(void)
{
    return !access(path, F_OK);
}

/* ---- killed ---- */

/* Continues from the checkpoint and saves after every step, for ever, by itself
 * or in the background. It writes to `ready` before each save. */
static void write_for_ever(int ready, bool background)
{
    struct prism_session *s = new_session(&p);
    if (is_there())
        MUST(ctx, prism_session_load(s, path));
    for (int i = 0;; i++) {
        MUST(ctx, prism_session_step(s));
        if (i == 1 && write(ready, "", 1) != 1)
            _exit(1);
        if (background)
            MUST(ctx, prism_session_save_begin(s, path, "note", NULL, NULL));
        else
            MUST(ctx, prism_session_save(s, path, "note"));
    }
}

static void kill_writer(double after_s, bool background)
{
    const struct timespec wait = {.tv_nsec = (long)(1e9 * after_s)};
    int ready[2];
    char byte;
    fflush(stdout);
    if (pipe(ready)) {
        printf("Bail out! no pipe\n");
        exit(1);
    }
    pid_t child = fork();
    if (child == 0)
        write_for_ever(ready[1], background);
    close(ready[1]);
    if (read(ready[0], &byte, 1) == 1)
        nanosleep(&wait, NULL);
    close(ready[0]);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static void killed_at_random(void)
{
    struct prism_session *s = new_session(&p);
    const uint64_t whole = run_to_end(s);
    int lost = 0, back = 0, other = 0, left = 0, further = 0;
    int64_t before = 0;
    prism_session_destroy(&s);
    for (uint64_t i = 0; i < KILLS; i++) {
        if (i % ROUND == 0) { /* from the start again */
            unlink(path);
            unlink(previous);
            before = 0;
        }
        kill_writer(0.012 * prismi_rng_uniform(1, 1, i), i % 2); /* a save takes a few ms */
        left += count_files(".state.prism-") > 0;
        s = new_session(&p);
        if (prism_session_load(s, path)) {
            printf("# %s\n", prism_ctx_error(ctx)->text);
            lost++;
        } else {
            back += s->trainer.st.step < before;
            further += s->trainer.st.step > before;
            before = s->trainer.st.step;
            other += run_to_end(s) != whole;
        }
        prism_session_destroy(&s);
    }
    tap(!lost && !back && !other,
        "killed %d times while saving: %d lost, %d went back, %d ended in other bits", KILLS, lost,
        back, other);
    tap(further >= KILLS / ROUND,
        "%d of the killed writers had come further than the one before; %d left a temporary",
        further, left);
    s = new_session(&p);
    MUST(ctx, prism_session_save(s, path, NULL));
    prism_session_destroy(&s);
    tap(count_files(".state.prism-") == 0, "the next save removes what they left");
}

/* ---- leftovers ---- */

static void make(const char *name)
{
    char file[600];
    snprintf(file, sizeof file, "%s/%s", dir, name);
    int fd = open(file, O_WRONLY | O_CREAT, 0600);
    if (fd >= 0)
        close(fd);
}

static void only_leftovers_are_removed(void)
{
    static const char *const others[] = {".target.prism-abcde", ".target.prism-abcdefg",
                                         ".target.abcdef", ".other.prism-abcdef",
                                         "target.prism-abcdef"};
    char fifo[300], folder[300], alias[300];
    struct prismi_file *a, *b;
    char target[300];
    for (int i = 0; i < 5; i++)
        make(others[i]);
    make(".target.prism-abcdef");
    make(".target.prism-ghijkl");
    snprintf(target, sizeof target, "%s/target", dir);
    snprintf(fifo, sizeof fifo, "%s/.target.prism-fififi", dir);
    snprintf(folder, sizeof folder, "%s/.target.prism-folder", dir);
    snprintf(alias, sizeof alias, "%s/.target.prism-linked", dir);
    bool made =
        !mkfifo(fifo, 0600) && !mkdir(folder, 0700) && !symlink("target.prism-abcdef", alias);
    MUST(ctx, prismi_file_create(ctx, target, &a));
    tap(made && count_files(".target.prism-abcdef") == 1 &&
            count_files(".target.prism-ghijkl") == 0,
        "a killed writer's temporaries are removed");
    int n = 0;
    for (int i = 0; i < 5; i++)
        n += count_files(others[i]) > 0;
    tap(n == 5 && !access(fifo, F_OK) && !access(folder, F_OK) && !access(alias, F_OK),
        "%d of 5 other files are kept, and what is "
        "no file",
        n);
    MUST(ctx, prismi_file_create(ctx, target, &b));
    prismi_file_write(a, "first", 5);
    prismi_file_write(b, "second", 6);
    int first = prismi_file_commit(a, false), second = prismi_file_commit(b, false);
    struct stat st;
    tap(!first && !second && !stat(target, &st) && st.st_size == 6,
        "a living writer's temporary is kept");
}

/* Processes that write the same file again and again remove leftovers while
 * others create files. */
static void writers_beside_each_other(void)
{
    enum { WRITERS = 3, TURNS = 1000 };
    pid_t child[WRITERS];
    char target[300];
    int failed = 0;
    snprintf(target, sizeof target, "%s/busy", dir);
    fflush(stdout);
    for (int i = 0; i < WRITERS; i++) {
        child[i] = fork();
        if (child[i])
            continue;
        for (int turn = 0; turn < TURNS; turn++) {
            struct prismi_file *f;
            if (prismi_file_create(ctx, target, &f) || prismi_file_write(f, "text", 4))
                _exit(1);
            if (turn % 4)
                prismi_file_abort(f);
            else if (prismi_file_commit(f, false))
                _exit(2);
        }
        _exit(0);
    }
    for (int i = 0; i < WRITERS; i++) {
        int status = 1;
        waitpid(child[i], &status, 0);
        failed += status != 0;
    }
    tap(!failed && count_files(".busy.") == 0,
        "%d processes that write the same file %d times: %d failed", WRITERS, TURNS, failed);
}

/* ---- no space ---- */

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    setrlimit(RLIMIT_FSIZE, &limit);
}

static void full_at_any_write(void)
{
    struct prism_session *s = new_session(&p);
    struct stat st = {0};
    int wrong_status = 0, silent = 0, changed = 0, left = 0, n = 0;
    unlink(path);
    run_steps(s, 7);
    MUST(ctx, prism_session_save(s, path, NULL));
    const uint64_t kept = session_hash(s);
    run_steps(s, 1);
    const uint64_t now = session_hash(s);
    stat(path, &st);
    signal(SIGXFSZ, SIG_IGN);
    for (int64_t limit = 0; limit < st.st_size; limit += limit < 64 ? 7 : st.st_size / 60) {
        n++;
        PRISM_FAIL(ctx, PRISM_EINVAL, "before");
        limit_files((rlim_t)limit);
        int status = prism_session_save(s, path, NULL);
        limit_files(RLIM_INFINITY);
        wrong_status += status != PRISM_EIO;
        silent += !strstr(prism_ctx_error(ctx)->text, path) ||
                  !strstr(prism_ctx_error(ctx)->text, strerror(EFBIG));
        left += count_files(".state.") > 0;
        changed += session_hash(s) != now;
        MUST(ctx, prism_session_load(s, path));
        changed += session_hash(s) != kept;
        run_steps(s, 1);
    }
    signal(SIGXFSZ, SIG_DFL);
    tap(!wrong_status && !silent && n > 50,
        "a disk full at any of %d places: %d other statuses, %d without a sentence", n,
        wrong_status, silent);
    tap(!left && !changed,
        "... %d temporaries left, %d times the checkpoint or the session had changed", left,
        changed);
    MUST(ctx, prism_session_save(s, path, NULL));
    MUST(ctx, prism_session_load(s, path));
    tap(session_hash(s) == now, "with space again, the same session is saved");
    prism_session_destroy(&s);
}

int main(void)
{
    support_tempdir(dir, sizeof dir);
    snprintf(path, sizeof path, "%s/state", dir);
    snprintf(previous, sizeof previous, "%s.1", path);
    open_all();
    killed_at_random();
    full_at_any_write();
    only_leftovers_are_removed();
    writers_beside_each_other();
    release_experiment(&p);
    prism_dev_close(&dev);
    prism_ctx_destroy(&ctx);
    support_remove(dir);
    return tap_end();
}
