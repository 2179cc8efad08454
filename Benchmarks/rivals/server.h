// The resources that a rival's server has used, all its processes together.
#pragma once
#include "measure.h"

// The CPU time of children that have ended, in hundredths of a second: nothing more exact is left of them.
static inline double cpuOfEndedChildren(int pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    long user = 0, kernel = 0;
    if (fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %ld %ld", &user, &kernel) != 2)
        fail(path, "not understood");
    fclose(file);
    return (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
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
    double sum = cpuOfThreads(pid) + cpuOfEndedChildren(pid);
    for (int index = 0; index < count; index++) sum += cpuOfThreads(children[index]);
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
