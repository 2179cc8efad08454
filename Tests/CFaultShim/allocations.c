// Counts what a program asks of malloc. Its total is written to FAULT_SHIM_ALLOCATIONS when the program ends. With
// FAULT_SHIM_ALLOCATION_BYTES only allocations of at least this size count.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static atomic_ulong allocations;

// Set once by the constructor.
static size_t least_bytes;

__attribute__((constructor)) static void start_counting(void) {
    const char *least = getenv("FAULT_SHIM_ALLOCATION_BYTES");
    if (least) least_bytes = strtoul(least, NULL, 10);
}

static void count(size_t size) {
    if (size >= least_bytes) atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
}

void *malloc(size_t size) { return count(size), __libc_malloc(size); }
void *calloc(size_t number, size_t size) { return count(number * size), __libc_calloc(number, size); }
void *realloc(void *pointer, size_t size) { return count(size), __libc_realloc(pointer, size); }
void *aligned_alloc(size_t alignment, size_t size) { return count(size), __libc_memalign(alignment, size); }

int posix_memalign(void **pointer, size_t alignment, size_t size) {
    count(size);
    *pointer = __libc_memalign(alignment, size);
    return *pointer ? 0 : ENOMEM;
}

__attribute__((destructor)) static void report(void) {
    const char *path = getenv("FAULT_SHIM_ALLOCATIONS");
    int fd = path ? creat(path, 0600) : -1;
    if (fd < 0) return;
    dprintf(fd, "%lu", atomic_load(&allocations));
    close(fd);
}
