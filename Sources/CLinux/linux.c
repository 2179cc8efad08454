#define _GNU_SOURCE
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>

#include "CLinux.h"

const int clinux_o_direct = O_DIRECT;

int clinux_fallocate(int fd, int64_t offset, int64_t length) { return fallocate(fd, 0, offset, length); }

void clinux_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

void clinux_return_large_blocks(void) {
#ifdef M_MMAP_THRESHOLD
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
#endif
}
