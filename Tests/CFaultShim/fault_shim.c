#define _GNU_SOURCE
#include "CFaultShim.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum effect { NONE, BEFORE, AFTER, LOST, FULL, HALF, BYTE };

// Set once by the constructor.
static const char *folder, *target;
static enum effect target_effect;
static int target_errno, trace = -1;
static int is_active, has_clock;
static time_t clock_seconds;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
// Under the mutex.
static struct { char key[PATH_MAX]; int count; } counts[256];
static struct { int fd; off_t offset; size_t length; } unsynced[1024];
static int unsynced_count;
static int is_full;

__attribute__((constructor)) static void start(void) {
    folder = getenv("FAULT_SHIM_FOLDER");
    target = getenv("FAULT_SHIM_CALL");
    const char *names[] = {"", "before", "after", "lost", "full", "half", "byte"};
    const char *effect = getenv("FAULT_SHIM_EFFECT"), *code = getenv("FAULT_SHIM_ERRNO");
    for (int i = BEFORE; effect && i <= BYTE; i++)
        if (!strcmp(effect, names[i])) target_effect = i;
    target_errno = code ? atoi(code) : EIO;
    const char *path = getenv("FAULT_SHIM_TRACE");
    if (path) trace = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    is_active = folder != NULL;
    const char *clock = getenv("FAULT_SHIM_CLOCK");
    if (clock) clock_seconds = atol(clock), has_clock = 1;
    // As libfaketime does: the environment moves, and Swift's runtime no longer finds the arguments before it.
    if (getenv("FAULT_SHIM_SETENV")) setenv("FAULT_SHIM_SET", "1", 1);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = syscall(SYS_clock_gettime, clock, now);
    if (has_clock && clock == CLOCK_REALTIME) now->tv_sec = clock_seconds;
    return result;
}

// For BoringSSL, which compares a certificate's dates with it.
time_t time(time_t *result) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (result) *result = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict result, void *restrict zone) {
    (void)zone;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    result->tv_sec = now.tv_sec, result->tv_usec = now.tv_nsec / 1000;
    return 0;
}

// The path below the folder; "." for the folder itself, NULL for all others.
static const char *below(const char *path) {
    size_t length = strlen(folder);
    if (strncmp(path, folder, length)) return NULL;
    if (!path[length]) return ".";
    return path[length] == '/' ? path + length + 1 : NULL;
}

// Counts a call and says what is to become of it. `needs_room` is for a full disk.
static enum effect decide(const char *name, const char *path, int needs_room) {
    const char *relative = below(path);
    if (!relative) return NONE;
    char key[PATH_MAX], line[PATH_MAX + 64];
    snprintf(key, sizeof key, "%s %s", name, relative);
    pthread_mutex_lock(&mutex);
    int i = 0;
    while (i < 255 && counts[i].count && strcmp(counts[i].key, key)) i++;
    strcpy(counts[i].key, key);
    int length = snprintf(line, sizeof line, "! %s %d\n", key, ++counts[i].count);
    line[length - 1] = 0;
    int is_hit = target && target_effect && !strcmp(line + 2, target);
    line[length - 1] = '\n';
    enum effect effect = is_hit ? target_effect : NONE;
    if (effect == FULL) is_full = 1;
    if (is_full && needs_room) effect = FULL;
    int skip = is_hit ? 0 : 2;
    if (trace >= 0) syscall(SYS_write, trace, line + skip, length - skip);
    pthread_mutex_unlock(&mutex);
    return effect;
}

static enum effect decide_fd(const char *name, int fd, int needs_room) {
    char link[64], path[PATH_MAX];
    if (!is_active) return NONE;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return NONE;
    path[length] = 0;
    return decide(name, path, needs_room);
}

static int failed(void) {
    errno = target_errno;
    return -1;
}

#define REAL(name) \
    static __typeof__(name) *real; \
    if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

// A call without a count: fails before or after it was carried out.
#define CALL(decision, call) \
    do { \
        enum effect e = (decision); \
        if (e == BEFORE || e == FULL) return failed(); \
        int result = (call); \
        return e == AFTER && result != -1 ? failed() : result; \
    } while (0)

static int open_at(int at, const char *path, int flags, mode_t mode) {
    enum effect effect = is_active ? decide("open", path, flags & O_CREAT) : NONE;
    if (effect == BEFORE || effect == FULL) return failed();
    int fd = syscall(SYS_openat, at, path, flags, mode);
    if (effect != AFTER || fd < 0) return fd;
    close(fd);
    return failed();
}

#define MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { \
        va_list list; \
        va_start(list, flags); \
        mode = va_arg(list, mode_t); \
        va_end(list); \
    }

int open(const char *path, int flags, ...) { MODE(flags) return open_at(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return open_at(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags) return open_at(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags) return open_at(at, path, flags, mode); }
int __open_2(const char *path, int flags) { return open_at(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return open_at(AT_FDCWD, path, flags, 0); }

int mkdir(const char *path, mode_t mode) {
    CALL(is_active ? decide("mkdir", path, 1) : NONE, syscall(SYS_mkdirat, AT_FDCWD, path, mode));
}

int rename(const char *source, const char *to) {
    REAL(rename);
    CALL(is_active ? decide("rename", source, 0) : NONE, real(source, to));
}

int flock(int fd, int operation) { CALL(decide_fd("flock", fd, 0), syscall(SYS_flock, fd, operation)); }

int fstat(int fd, struct stat *status) {
    REAL(fstat);
    CALL(decide_fd("fstat", fd, 0), real(fd, status));
}

static int truncate_to(int fd, off_t size) {
    CALL(decide_fd("ftruncate", fd, 0), syscall(SYS_ftruncate, fd, size));
}
int ftruncate(int fd, off_t size) { return truncate_to(fd, size); }
int ftruncate64(int fd, off_t size) { return truncate_to(fd, size); }

static int reserve(int fd, int mode, off_t offset, off_t length) {
    CALL(decide_fd("fallocate", fd, 1), syscall(SYS_fallocate, fd, mode, offset, length));
}
int fallocate(int fd, int mode, off_t offset, off_t length) { return reserve(fd, mode, offset, length); }
int fallocate64(int fd, int mode, off_t offset, off_t length) { return reserve(fd, mode, offset, length); }

// Half of the bytes, in whole sectors where the page cache is passed by; at least something.
static size_t half(int fd, size_t count) {
    size_t unit = syscall(SYS_fcntl, fd, F_GETFL) & O_DIRECT ? 512 : 1;
    size_t bytes = count / 2 / unit * unit;
    return bytes ? bytes : count;
}

static ssize_t read_at(int fd, void *buffer, size_t count, off_t offset) {
    enum effect effect = decide_fd("pread", fd, 0);
    if (effect == BEFORE || effect == AFTER || effect == FULL) return failed();
    // Reads whole and hands out less: the end of the file may come before half of what was asked for.
    ssize_t done = syscall(SYS_pread64, fd, buffer, count, offset);
    if (done <= 0) return done;
    return effect == BYTE ? 1 : effect == HALF ? (ssize_t)half(fd, done) : done;
}
ssize_t pread(int fd, void *buffer, size_t count, off_t offset) { return read_at(fd, buffer, count, offset); }
ssize_t pread64(int fd, void *buffer, size_t count, off_t offset) { return read_at(fd, buffer, count, offset); }

static ssize_t write_at(int fd, const void *buffer, size_t count, off_t offset) {
    enum effect effect = decide_fd("pwrite", fd, 1);
    if (effect == BEFORE || effect == FULL) return failed();
    if (effect == HALF) count = half(fd, count);
    if (effect == BYTE) {
        // One byte of a direct file can only be written through the page cache, as some file systems do at their end.
        int flags = syscall(SYS_fcntl, fd, F_GETFL);
        syscall(SYS_fcntl, fd, F_SETFL, flags & ~O_DIRECT);
        ssize_t done = syscall(SYS_pwrite64, fd, buffer, (size_t)1, offset);
        syscall(SYS_fcntl, fd, F_SETFL, flags);
        return done;
    }
    ssize_t done = syscall(SYS_pwrite64, fd, buffer, count, offset);
    if (is_active && done > 0 && target_effect == LOST) {
        pthread_mutex_lock(&mutex);
        int i = unsynced_count < 1023 ? unsynced_count++ : 1023;
        unsynced[i].fd = fd, unsynced[i].offset = offset, unsynced[i].length = done;
        pthread_mutex_unlock(&mutex);
    }
    return effect == AFTER && done >= 0 ? failed() : done;
}
ssize_t pwrite(int fd, const void *buffer, size_t count, off_t offset) {
    return write_at(fd, buffer, count, offset);
}
ssize_t pwrite64(int fd, const void *buffer, size_t count, off_t offset) {
    return write_at(fd, buffer, count, offset);
}

// Forgets what was written to the file since its last sync; where the sync fails, the disk forgets it too.
static void forget_unsynced(int fd, int is_lost) {
    pthread_mutex_lock(&mutex);
    int kept = 0;
    for (int i = 0; i < unsynced_count; i++) {
        if (unsynced[i].fd != fd) {
            unsynced[kept++] = unsynced[i];
            continue;
        }
        void *zeros;
        if (!is_lost || posix_memalign(&zeros, 4096, unsynced[i].length)) continue;
        memset(zeros, 0, unsynced[i].length);
        syscall(SYS_pwrite64, fd, zeros, unsynced[i].length, unsynced[i].offset);
        free(zeros);
    }
    unsynced_count = kept;
    pthread_mutex_unlock(&mutex);
}

static int sync_file(const char *name, long number, int fd) {
    enum effect effect = decide_fd(name, fd, 0);
    if (is_active && target_effect == LOST) forget_unsynced(fd, effect == LOST);
    if (effect == LOST || effect == BEFORE || effect == FULL) return failed();
    int result = syscall(number, fd);
    return effect == AFTER && !result ? failed() : result;
}
int fdatasync(int fd) { return sync_file("fdatasync", SYS_fdatasync, fd); }
int fsync(int fd) { return sync_file("fsync", SYS_fsync, fd); }
