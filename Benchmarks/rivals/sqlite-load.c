// Inserts chunks of bets into an SQLite file: WAL, synchronous=FULL. SQLite has no server, so this program is the database,
// and the bets are in its memory before: no socket and no second process take part.
//
//   sqlite-load FILE CHUNKS_PER_TRANSACTION CHUNK_BYTES SECONDS PRAGMAS
//   sqlite-load --version
//
// One writer: SQLite lets one write at a time, fdatasync included, so more threads only wait for its lock (rivals.py has
// figures). Statements of 16 rows are half again as fast as of one; more rows bring little.
// The time of a chunk goes from the begin of its transaction to the end of its commit.
#define _GNU_SOURCE
#include "measure.h"
#include <sqlite3.h>
#include <sys/resource.h>

enum { rowsOfStatement = 16 };

static sqlite3 *database;

static void check(int code) {
    if (code != SQLITE_OK && code != SQLITE_DONE && code != SQLITE_ROW) fail("sqlite", sqlite3_errmsg(database));
}

static sqlite3_stmt *prepare(const char *text) {
    sqlite3_stmt *statement;
    check(sqlite3_prepare_v3(database, text, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL));
    return statement;
}

static void run(sqlite3_stmt *statement) {
    check(sqlite3_step(statement));
    check(sqlite3_reset(statement));
}

static void bindBet(sqlite3_stmt *insert, int row, int agency, const char *document) {
    int column = row * 6;
    sqlite3_bind_int(insert, column + 1, agency);
    sqlite3_bind_text(insert, column + 2, "AAAAAAAA", 8, SQLITE_STATIC);
    sqlite3_bind_text(insert, column + 3, "AAAAAAAA", 8, SQLITE_STATIC);
    sqlite3_bind_text(insert, column + 4, document, 8, SQLITE_STATIC);
    sqlite3_bind_text(insert, column + 5, "1990-05-17", 10, SQLITE_STATIC);
    sqlite3_bind_int(insert, column + 6, 1);
}

static double ownCpu(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--version") == 0) return puts(sqlite3_libversion()), 0;
    if (argc != 6) fail("usage", "sqlite-load FILE CHUNKS_PER_TRANSACTION CHUNK_BYTES SECONDS PRAGMAS");
    int chunksPerTransaction = atoi(argv[2]);
    uint32_t betCount = betsOfChunk(atol(argv[3]));
    char (*documents)[9] = malloc((size_t)betCount * 9);
    for (uint32_t bet = 0; bet < betCount; bet++) snprintf(documents[bet], 9, "%08u", bet + firstDocument);

    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    check(sqlite3_open_v2(argv[1], &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL));
    check(sqlite3_exec(database, argv[5], NULL, NULL, NULL));
    check(sqlite3_exec(database,
                       "CREATE TABLE bets (agency INTEGER, first_name TEXT, last_name TEXT, document TEXT, birthdate TEXT,"
                       " number INTEGER)", NULL, NULL, NULL));
    sqlite3_stmt *begin = prepare("BEGIN IMMEDIATE"), *commit = prepare("COMMIT");
    sqlite3_stmt *insertOne = prepare("INSERT INTO bets VALUES (?, ?, ?, ?, ?, ?)");
    char text[1024] = "INSERT INTO bets VALUES (?, ?, ?, ?, ?, ?)";
    for (int row = 1; row < rowsOfStatement; row++) strcat(text, ", (?, ?, ?, ?, ?, ?)");
    sqlite3_stmt *insertMany = prepare(text);

    double cpuBefore = ownCpu();
    uint64_t start = now(), end = start + (uint64_t)(atof(argv[4]) * 1e9);
    for (uint64_t begun; (begun = now()) < end;) {
        run(begin);
        for (int chunk = 0; chunk < chunksPerTransaction; chunk++) {
            uint32_t bet = 0;
            for (; bet + rowsOfStatement <= betCount; bet += rowsOfStatement) {
                for (int row = 0; row < rowsOfStatement; row++) bindBet(insertMany, row, chunk + 1, documents[(int)bet + row]);
                run(insertMany);
            }
            for (; bet < betCount; bet++) {
                bindBet(insertOne, 0, chunk + 1, documents[bet]);
                run(insertOne);
            }
        }
        run(commit);
        uint64_t taken = now() - begun;
        for (int chunk = 0; chunk < chunksPerTransaction; chunk++) record(taken);
    }
    double taken = (double)(now() - start) / 1e9, cpu = ownCpu() - cpuBefore;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printResult(betCount, taken, cpu, usage.ru_maxrss);
    sqlite3_finalize(begin), sqlite3_finalize(commit), sqlite3_finalize(insertOne), sqlite3_finalize(insertMany);
    check(sqlite3_close(database));
    return 0;
}
