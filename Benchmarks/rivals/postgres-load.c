// Copies chunks of bets into PostgreSQL: COPY ... FROM STDIN, each chunk in a transaction of its own, over many connections.
//
//   postgres-load PORT CONNECTIONS CHUNK_BYTES SECONDS PID
//
// A thread for each connection, for libpq cannot pipeline COPY: so there is no window, and instead of it more connections.
// Rows are encoded before. Binary: text was slower by a tenth to a fifth.
#define _GNU_SOURCE
#include "server.h"
#include <libpq-fe.h>
#include <pthread.h>

enum { postgresDay = -3516 };  // 1990-05-17 in days from 2000-01-01

static int port;
static uint32_t betCount;
static uint64_t end;
static pthread_barrier_t ready, done, measured;

static char *append16(char *at, int value) {
    uint16_t big = htons((uint16_t)value);
    return memcpy(at, &big, 2), at + 2;
}

static char *append32(char *at, int value) {
    uint32_t big = htonl((uint32_t)value);
    return memcpy(at, &big, 4), at + 4;
}

static char *appendText(char *at, const char *text) {
    at = append32(at, 8);
    return memcpy(at, text, 8), at + 8;
}

static char *encode(int agency, size_t *count) {
    char *rows = malloc((size_t)betCount * 64 + 64), *at = rows;
    memcpy(at, "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
    at += 19;
    for (uint32_t bet = 0; bet < betCount; bet++) {
        char document[9];
        snprintf(document, sizeof document, "%08u", bet + firstDocument);
        at = append16(at, 6);
        at = append32(append32(at, 4), agency);
        at = appendText(appendText(appendText(at, "AAAAAAAA"), "AAAAAAAA"), document);
        at = append32(append32(at, 4), postgresDay);
        at = append32(append32(at, 4), 1);
    }
    at = append16(at, -1);
    *count = (size_t)(at - rows);
    return rows;
}

static void *copy(void *argument) {
    int agency = (int)(intptr_t)argument;
    char text[128];
    snprintf(text, sizeof text, "host=127.0.0.1 port=%d user=postgres dbname=postgres sslmode=disable", port);
    PGconn *connection = PQconnectdb(text);
    if (PQstatus(connection) != CONNECTION_OK) fail("connect", PQerrorMessage(connection));
    size_t count;
    char *rows = encode(agency, &count);
    pthread_barrier_wait(&ready);
    pthread_barrier_wait(&ready);  // the main thread has set `end`
    for (uint64_t begun; (begun = now()) < end;) {
        PQclear(PQexec(connection, "COPY bets FROM STDIN (FORMAT binary)"));
        if (PQputCopyData(connection, rows, (int)count) != 1 || PQputCopyEnd(connection, NULL) != 1)
            fail("copy", PQerrorMessage(connection));
        PGresult *result = PQgetResult(connection);
        if (PQresultStatus(result) != PGRES_COMMAND_OK) fail("copy", PQerrorMessage(connection));
        recordShared(now() - begun);
        PQclear(result);
        PQclear(PQgetResult(connection));
    }
    pthread_barrier_wait(&done);
    pthread_barrier_wait(&measured);  // the server's processes must live until their CPU time has been read
    PQfinish(connection);
    return NULL;
}

int main(int argc, char **argv) {
    if (argc != 6) fail("usage", "postgres-load PORT CONNECTIONS CHUNK_BYTES SECONDS PID");
    port = atoi(argv[1]);
    int threadCount = atoi(argv[2]), pid = atoi(argv[5]);
    betCount = betsOfChunk(atol(argv[3]));
    pthread_barrier_init(&ready, NULL, (unsigned)threadCount + 1);
    pthread_barrier_init(&done, NULL, (unsigned)threadCount + 1);
    pthread_barrier_init(&measured, NULL, (unsigned)threadCount + 1);
    pthread_t *threads = calloc((size_t)threadCount, sizeof *threads);
    for (int index = 0; index < threadCount; index++) {
        if (pthread_create(&threads[index], NULL, copy, (void *)(intptr_t)(index + 1)) != 0) fail("thread", strerror(errno));
    }
    pthread_barrier_wait(&ready);
    double cpuBefore = serverCpu(pid);
    uint64_t start = now();
    end = start + (uint64_t)(atof(argv[4]) * 1e9);
    pthread_barrier_wait(&ready);
    pthread_barrier_wait(&done);
    double taken = (double)(now() - start) / 1e9;
    printResult(betCount, taken, serverCpu(pid) - cpuBefore, serverKilobytes(pid));
    pthread_barrier_wait(&measured);
    for (int index = 0; index < threadCount; index++) pthread_join(threads[index], NULL);
    return 0;
}
