/// What Swift's Glibc module does not offer: the CRC32C instruction, O_DIRECT, fallocate, what malloc and the program's own pages
/// keep.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// CRC-32C (Castagnoli, reflected, as in RFC 3720) of `count` bytes at `bytes`, continued from `crc` (0 to begin).
/// Uses the CPU's instruction where there is one (x86-64 with SSE4.2, arm64 with CRC), else a table.
uint32_t clinux_crc32c(uint32_t crc, const void *bytes, size_t count);

/// The table alone: what machines without the instruction run, and what the tests compare the instruction with.
uint32_t clinux_crc32c_table(uint32_t crc, const void *bytes, size_t count);

/// The CRC-32C of two runs of bytes, one after the other, from the checksum of each and the bytes of the second.
uint32_t clinux_crc32c_combine(uint32_t first, uint32_t second, size_t second_count);

/// The same without the CPU's carry-less multiplication: what other machines run.
uint32_t clinux_crc32c_combine_portable(uint32_t first, uint32_t second, size_t second_count);

/// open(2)'s O_DIRECT, whose value differs between architectures.
extern const int clinux_o_direct;

/// fallocate(2) in its plain mode: reserves blocks and extends the size; they read as zeros. 0, or -1 and errno.
int clinux_fallocate(int fd, int64_t offset, int64_t length);

/// The version that was built, from git; "unknown" in programs that do not link the target Version.
const char *clinux_build_version(void);

/// The name of an errno, for example ENOENT; NULL for a code without one, or with a C library that cannot say.
const char *clinux_errno_name(int code);

/// statfs(2)'s number of the file system that holds `path`; -1 and errno after a failure.
int64_t clinux_file_system_type(const char *path);

/// The width of a terminal in characters; 0 if it is not known.
int clinux_terminal_columns(int fd);

/// Names the calling thread, at most 15 characters, as `top -H` and `perf` show it.
void clinux_name_thread(const char *name);

/// Makes malloc(3) give blocks of 1 MiB and more back to the system when they are freed, for ever: without it glibc raises
/// that limit with each large block freed, to 32 MiB. Below 1 MiB, mapping each frame anew took half of the service's time at
/// 256 KiB.
void clinux_return_large_blocks(void);

/// Takes the pages of the program's file that are mapped out of its memory, at any moment: whatever is used again is mapped
/// again, from the page cache. Most of a program runs once, while it starts. Breakpoints of a debugger that were set before go
/// with them.
void clinux_forget_startup_pages(void);
