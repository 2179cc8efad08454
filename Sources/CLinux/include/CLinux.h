/// C shims for what the Glibc module lacks: the CRC-32C instruction, O_DIRECT, fallocate, malloc tuning, releasing
/// start-up pages.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// CRC-32C (Castagnoli, reflected, as in RFC 3720) of `count` bytes at `bytes`, continued from `crc` (0 to begin).
/// Uses the CPU's instruction if there is one (x86-64 with SSE4.2, arm64 with CRC), otherwise a table.
uint32_t clinux_crc32c(uint32_t crc, const void *bytes, size_t count);

/// The same with the table only: for machines without the instruction, and for tests to compare with.
uint32_t clinux_crc32c_table(uint32_t crc, const void *bytes, size_t count);

/// The CRC-32C of two concatenated runs of bytes, from the checksum of each and the byte count of the second.
uint32_t clinux_crc32c_combine(uint32_t first, uint32_t second, size_t second_count);

/// The same without the CPU's carry-less multiplication, for other machines.
uint32_t clinux_crc32c_combine_portable(uint32_t first, uint32_t second, size_t second_count);

// Compresses whole blocks of 64 bytes into the state of a SHA-256.
void clinux_sha256(uint32_t state[8], const void *bytes, size_t blocks);

// The same on CPUs without the instructions.
void clinux_sha256_portable(uint32_t state[8], const void *bytes, size_t blocks);

/// O_DIRECT of open(2), whose value differs between architectures.
extern const int clinux_o_direct;

/// fallocate(2) in mode 0: reserves blocks, which read as zeros, and extends the size. Returns 0, or -1 with errno.
int clinux_fallocate(int fd, int64_t offset, int64_t length);

/// The built version, from git; "unknown" in programs that do not link the target Version.
const char *clinux_build_version(void);

/// The name of an errno, for example ENOENT; NULL for a code without a name, or if the C library cannot name it.
const char *clinux_errno_name(int code);

/// The type of the file system of `path`, as statfs(2) numbers it; -1 with errno after a failure.
int64_t clinux_file_system_type(const char *path);

/// The width of a terminal in characters; 0 if unknown.
int clinux_terminal_columns(int fd);

/// Names the calling thread, at most 15 characters, as `top -H` and `perf` show it.
void clinux_name_thread(const char *name);

/// Whether the kernel considers the wall clock synchronised.
int clinux_clock_is_synchronised(void);

/// Permanently makes malloc(3) return blocks of 1 MiB and more to the system when they are freed.
///
/// Otherwise glibc raises that limit with each large block freed, up to 32 MiB. A lower limit is slower: at 256 KiB,
/// mapping each frame anew took half of the service's time.
///
/// Also makes each arena keep up to 4 MiB of freed memory at its end, as much as the frames of some dozens of chunks: with
/// glibc's 128 KiB their pages are released and faulted in again and again.
void clinux_tune_malloc(void);

/// Releases the mapped pages of the program's file, at any moment; pages that are used again are mapped again from the
/// page cache. Most of a program's code runs only once, at its start. Breakpoints set before by a debugger are lost.
void clinux_forget_startup_pages(void);
