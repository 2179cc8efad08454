// Shared by the generators: the clock, the times of the answers, how many bets a chunk has, what a process has used, the
// line of JSON. One header, so that figures mean the same whoever printed them.
//
// Define _GNU_SOURCE before anything is included.
#pragma once
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// Of a chunk: docs/protocol.md's SEND_CHUNK, its length included, and a bet whose two names and document have 8 bytes each.
enum { headerBytes = 11, betBytes = 9 + 8 + 8 + 8, birthdate = 19900517, firstDocument = 10000000 };

static inline void fail(const char *what, const char *why) {
    fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, why);
    exit(1);
}

static inline uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

// Times in buckets of 1/64 of a power of two nanoseconds: 1.6% exact at any size.
static uint64_t buckets[64 * 64];
static uint64_t answerCount;

static inline int bucketOf(uint64_t nanoseconds) {
    if (nanoseconds < 64) nanoseconds = 64;
    int power = 63 - __builtin_clzll(nanoseconds);
    return power * 64 + (int)((nanoseconds >> (power - 6)) & 63);
}

static inline void record(uint64_t nanoseconds) {
    buckets[bucketOf(nanoseconds)]++;
    answerCount++;
}

// For generators of several threads.
static inline void recordShared(uint64_t nanoseconds) {
    __atomic_fetch_add(&buckets[bucketOf(nanoseconds)], 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&answerCount, 1, __ATOMIC_RELAXED);
}

// In milliseconds.
static inline double percentile(double part) {
    uint64_t wanted = (uint64_t)(part * (double)answerCount), seen = 0;
    for (int index = 0; index < 64 * 64; index++) {
        seen += buckets[index];
        if (seen > wanted) return (double)((64 + (uint64_t)(index % 64)) << (index / 64 - 6)) / 1e6;
    }
    return 0;
}

static inline void put32(uint8_t *bytes, uint32_t value) {
    value = htonl(value);
    memcpy(bytes, &value, 4);
}

static inline uint32_t betsOfChunk(long chunkBytes) {
    uint32_t count = (uint32_t)((chunkBytes - headerBytes) / betBytes);
    return count > 65535 ? 65535 : count;
}

// The columns of `count` bets: names and documents of 8 bytes, number 1; the first one wins. Returns the end.
static inline uint8_t *encodeColumns(uint8_t *at, uint32_t count) {
    for (uint32_t bet = 0; bet < count; bet++, at += 2) {
        uint16_t number = bet == 0 ? 7574 : 1;
        at[0] = (uint8_t)(number >> 8), at[1] = (uint8_t)number;
    }
    for (uint32_t bet = 0; bet < count; bet++, at += 4) put32(at, birthdate);
    memset(at, 8, 3 * count);
    at += 3 * count;
    memset(at, 'A', 16 * count);
    at += 16 * count;
    for (uint32_t bet = 0; bet < count; bet++, at += 8) {
        char document[9];
        snprintf(document, sizeof document, "%08u", bet + firstDocument);
        memcpy(at, document, 8);
    }
    return at;
}

// Seconds, of all threads that live, to the nanosecond: /proc/PID/stat counts in hundredths of a second.
static inline double cpuOfThreads(int pid) {
    char path[320];
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *threads = opendir(path);
    if (!threads) return 0;
    double sum = 0;
    for (struct dirent *thread; (thread = readdir(threads));) {
        if (thread->d_name[0] == '.') continue;  // /proc/PID/task/../schedstat would count the main thread again
        snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", pid, thread->d_name);
        FILE *file = fopen(path, "r");
        unsigned long long nanoseconds = 0;
        if (file && fscanf(file, "%llu", &nanoseconds) == 1) sum += (double)nanoseconds / 1e9;
        if (file) fclose(file);
    }
    closedir(threads);
    return sum;
}

// A field of a file of /proc/PID, for example kilobytes(pid, "status", "VmHWM: %ld").
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

static inline void printResult(uint32_t betCount, double seconds, double cpu, long peak) {
    double chunks = (double)answerCount, bets = chunks * betCount;
    printf("{\"chunks\": %.0f, \"bets\": %.0f, \"seconds\": %.3f, \"bets_per_second\": %.0f, \"mb_per_second\": %.1f, "
           "\"p50_ms\": %.3f, \"p99_ms\": %.3f, \"p999_ms\": %.3f, \"cpu_ms_per_million_bets\": %.2f, \"peak_kb\": %ld}\n",
           chunks, bets, seconds, bets / seconds, chunks * (double)(headerBytes + betCount * betBytes) / seconds / 1e6,
           percentile(0.5), percentile(0.99), percentile(0.999), bets > 0 ? cpu * 1e9 / bets : 0, peak);
}
