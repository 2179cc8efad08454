#define _GNU_SOURCE
#include <sys/timex.h>
#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "CLinux.h"

const int clinux_o_direct = O_DIRECT;

// The target Version defines the strong symbol; programs without it, for example the fuzzers, use this one.
__attribute__((weak)) const void *quiniela_build_version(void) { return "unknown"; }

const char *clinux_build_version(void) { return quiniela_build_version(); }

const char *clinux_errno_name(int code) {
#if __GLIBC_PREREQ(2, 32)
    return strerrorname_np(code);
#else
    (void)code;
    return NULL;
#endif
}

int64_t clinux_file_system_type(const char *path) {
    struct statfs status;
    return statfs(path, &status) ? -1 : (int64_t)(uint32_t)status.f_type;
}

int clinux_terminal_columns(int fd) {
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) ? 0 : size.ws_col;
}

int clinux_fallocate(int fd, int64_t offset, int64_t length) { return fallocate(fd, 0, offset, length); }

void clinux_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

void clinux_tune_malloc(void) {
#ifdef M_MMAP_THRESHOLD
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    mallopt(M_TRIM_THRESHOLD, 4 << 20);
#endif
}

// The first object is the program itself. Segments that are never written have the contents of the file, so the kernel
// can reload their pages. Those with relocations are writable at this point, and are left alone.
static int forget_unwritten_pages(struct dl_phdr_info *object, size_t size, void *unused) {
    (void)size, (void)unused;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int index = 0; index < object->dlpi_phnum; index++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[index];
        if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W)) continue;
        uintptr_t begin = (object->dlpi_addr + segment->p_vaddr) / page * page;
        uintptr_t end = object->dlpi_addr + segment->p_vaddr + segment->p_memsz;
        madvise((void *)begin, (end - begin + page - 1) / page * page, MADV_DONTNEED);
    }
    return 1;
}

void clinux_forget_startup_pages(void) { dl_iterate_phdr(forget_unwritten_pages, NULL); }

int clinux_clock_is_synchronised(void) {
  struct timex clock = {0};
  return adjtimex(&clock) != TIME_ERROR;
}
