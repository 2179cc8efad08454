// What the rivals' clients share: the clock, the times of the answers, the bets, the server's CPU time, the line of JSON.
// Times as in quiniela-load, so that the figures mean the same; CPU time in hundredths of a second, which children need.
#pragma once
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { headerBytes = 11, betBytes = 9 + 8 + 8 + 8, birthdate = 19900517, firstDocument = 10000000 };

// Times in buckets of 1/64 of a power of two nanoseconds: 1.6% exact at any size. Threads share them.
static uint64_t buckets[64 * 64];
static uint64_t answerCount;

static inline void fail(const char *what, const char *why) {
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static inline uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static inline void record(uint64_t nanoseconds) {
    if (nanoseconds < 64) nanoseconds = 64;
    int power = 63 - __builtin_clzll(nanoseconds);
    __atomic_fetch_add(&buckets[power * 64 + ((nanoseconds >> (power - 6)) & 63)], 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&answerCount, 1, __ATOMIC_RELAXED);
}

static inline double percentile(double part) {
    uint64_t wanted = (uint64_t)(part * (double)answerCount), seen = 0;
    for (int index = 0; index < 64 * 64; index++) {
        seen += buckets[index];
        if (seen > wanted) return (double)((64 + (uint64_t)(index % 64)) << (index / 64 - 6)) / 1e6;
    }
    return 0;
}

// As many bets as quiniela-load puts into a chunk of so many bytes.
static inline uint32_t betsOfChunk(long chunkBytes) {
    uint32_t count = (uint32_t)((chunkBytes - headerBytes) / betBytes);
    return count > 65535 ? 65535 : count;
}

// The CPU time of a server: its process, its children that live, and those that have ended.
static inline double cpuOfProcess(int pid, int countsEnded) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    unsigned long user = 0, kernel = 0;
    long endedUser = 0, endedKernel = 0;
    if (fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld", &user, &kernel, &endedUser,
               &endedKernel) != 4)
        fail(path, "not understood");
    fclose(file);
    unsigned long ticks = user + kernel + (countsEnded ? (unsigned long)(endedUser + endedKernel) : 0);
    return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

static inline long kilobytes(int pid, const char *name, const char *pattern) {
    char path[64], line[256];
    long value = 0;
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    while (fgets(line, sizeof line, file)) sscanf(line, pattern, &value);
    fclose(file);
    return value;
}

static inline int childrenOf(int pid, int *children, int room) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
    FILE *file = fopen(path, "r");
    int count = 0;
    while (file && count < room && fscanf(file, "%d", &children[count]) == 1) count++;
    if (file) fclose(file);
    return count;
}

static inline double serverCpu(int pid) {
    int children[4096], count = childrenOf(pid, children, 4096);
    double sum = cpuOfProcess(pid, 1);
    for (int index = 0; index < count; index++) sum += cpuOfProcess(children[index], 0);
    return sum;
}

// The peak of a server of one process. Of one with children their shares at the end, added (Pss): there is no peak of that,
// and peaks added up would count the memory that they share once for each.
static inline long serverKilobytes(int pid) {
    int children[4096], count = childrenOf(pid, children, 4096);
    if (count == 0) return kilobytes(pid, "status", "VmHWM: %ld");
    long sum = kilobytes(pid, "smaps_rollup", "Pss: %ld");
    for (int index = 0; index < count; index++) sum += kilobytes(children[index], "smaps_rollup", "Pss: %ld");
    return sum;
}

static inline void printResult(uint32_t betCount, double seconds, double cpu, long peak) {
    double chunks = (double)answerCount, bets = chunks * betCount;
    printf("{\"chunks\": %.0f, \"bets\": %.0f, \"seconds\": %.3f, \"bets_per_second\": %.0f, \"mb_per_second\": %.1f, "
           "\"p50_ms\": %.3f, \"p99_ms\": %.3f, \"p999_ms\": %.3f, \"cpu_ms_per_million_bets\": %.2f, \"peak_kb\": %ld}\n",
           chunks, bets, seconds, bets / seconds, chunks * (double)(headerBytes + betCount * betBytes) / seconds / 1e6,
           percentile(0.5), percentile(0.99), percentile(0.999), bets > 0 ? cpu * 1e9 / bets : 0, peak);
}
