// Stores bets on JetStream with as little work as any program has: the bytes, the stream and the promise of bet-ingest.
//
//   bare-publisher SERVERS PKI USER publish DRAW CONNECTIONS AGENCIES WINDOW CHUNK_BYTES SECONDS [MESSAGES]
//   bare-publisher SERVERS PKI USER request SUBJECT [JSON]     prints the reply
//
// SERVERS is HOST:PORT,HOST:PORT,…; PKI the folder of scripts/cluster; USER ingest, or operator for what a node may not do.
// The agencies are distributed over CONNECTIONS, which stand for nodes. With MESSAGES it ends after that many, not after
// SECONDS. DRAW must be a new one. Prints a line of JSON; its CPU seconds are those from the first message on.
//
// Each agency has a subject and one message in flight, published under the condition that the subject's last message is the
// one acknowledged before. A message has WINDOW chunks, or as many as fit into 900,000 bytes. Their content is that of
// quiniela-load, because the servers compress what they send to each other. The bets are in memory: this program receives,
// checks and hashes nothing, and publishes the next message from the callback of the acknowledgement.
#define _GNU_SOURCE
#include "measure.h"
#include <nats/nats.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/resource.h>

// Of AgencyMessage and RecordHeader, without their content.
enum { messageHeaderBytes = 189, recordHeaderBytes = 36, maxRecordBytes = 900000, maxServers = 16 };

typedef struct {
    natsConnection *connection;
    char inbox[32];
} Connection;

typedef struct {
    Connection *connection;
    char subject[128], reply[48];
    uint64_t sequence;  // of its last message
    uint64_t begun;
} Agency;

static char *bytes;
static int byteCount;
static Agency *agencies;
static uint64_t end, messageLimit, begunCount, againCount;
static int openCount;  // messages in flight
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;

static void check(natsStatus status, const char *what) {
    if (status != NATS_OK) fail(what, nats_GetLastError(NULL) ? nats_GetLastError(NULL) : natsStatus_GetText(status));
}

// The options of NATSConnection.swift.
static natsConnection *join(char *servers, const char *folder, const char *user) {
    natsOptions *options;
    natsConnection *connection;
    char root[4096], certificate[4096], key[4096], names[maxServers][280];
    const char *urls[maxServers];
    int count = 0;
    char *copy = strdup(servers);
    for (char *server = strtok(copy, ","); server && count < maxServers; server = strtok(NULL, ","), count++) {
        snprintf(names[count], sizeof names[count], "tls://%s", server);
        urls[count] = names[count];
    }
    free(copy);
    snprintf(root, sizeof root, "%s/root.pem", folder);
    snprintf(certificate, sizeof certificate, "%s/%s.pem", folder, user);
    snprintf(key, sizeof key, "%s/%s.key", folder, user);
    check(natsOptions_Create(&options), "options");
    check(natsOptions_SetServers(options, urls, count), servers);
    check(natsOptions_SetSecure(options, true), "TLS");
    check(natsOptions_LoadCATrustedCertificates(options, root), root);
    check(natsOptions_LoadCertificatesChain(options, certificate, key), certificate);
    check(natsOptions_SetTimeout(options, 2000), "options");
    check(natsOptions_SetIOBufSize(options, 1 << 20), "options");
    check(natsConnection_Connect(&connection, options), servers);
    natsOptions_Destroy(options);
    return connection;
}

static void request(natsConnection *connection, const char *subject, const char *json, natsMsg **reply) {
    check(natsConnection_Request(reply, connection, subject, json, (int)strlen(json), 10000), subject);
}

// Sends an agency's next message, or the same one again.
static void publish(Agency *agency) {
    natsMsg *message;
    char sequence[24];
    snprintf(sequence, sizeof sequence, "%llu", (unsigned long long)agency->sequence);
    check(natsMsg_Create(&message, agency->subject, agency->reply, bytes, byteCount), "message");
    check(natsMsgHeader_Set(message, "Nats-Expected-Last-Subject-Sequence", sequence), "header");
    check(natsConnection_PublishMsg(agency->connection->connection, message), "publish");
    natsMsg_Destroy(message);
}

static void publishNext(Agency *agency) {
    agency->begun = now();
    uint64_t number = __atomic_fetch_add(&begunCount, 1, __ATOMIC_RELAXED);
    if (messageLimit > 0 ? number < messageLimit : agency->begun < end) return publish(agency);
    pthread_mutex_lock(&lock);
    if (--openCount == 0) pthread_cond_signal(&wake);
    pthread_mutex_unlock(&lock);
}

static void receive(natsConnection *connection, natsSubscription *subscription, natsMsg *message, void *context) {
    (void)connection, (void)subscription;
    Agency *agency = &agencies[atoi(natsMsg_GetSubject(message) + strlen(((Connection *)context)->inbox) + 1)];
    char answer[512];
    snprintf(answer, sizeof answer, "%.*s", natsMsg_GetDataLength(message), natsMsg_GetData(message));
    const char *sequence = strstr(answer, "\"seq\":"), *status = NULL;
    natsMsgHeader_Get(message, "Status", &status);
    if (!status && sequence && !strstr(answer, "\"error\"")) {
        agency->sequence = strtoull(sequence + 6, NULL, 10);
        recordShared(now() - agency->begun);
        publishNext(agency);
    } else if (status || strstr(answer, "\"err_code\":10164")) {
        // No leader yet, or "ask again".
        __atomic_fetch_add(&againCount, 1, __ATOMIC_RELAXED);
        nats_Sleep(1);
        publish(agency);
    } else {
        fail(agency->subject, answer);
    }
    natsMsg_Destroy(message);
}

static double ownCpu(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

// Returns the chunks of a message.
static uint32_t encode(uint32_t window, uint32_t betCount) {
    uint32_t recordBytes = recordHeaderBytes + betCount * betBytes;
    uint32_t count = recordBytes * window > maxRecordBytes ? maxRecordBytes / recordBytes : window;
    if (count == 0) fail("CHUNK_BYTES", "no chunk of this size fits into a message");
    byteCount = (int)(messageHeaderBytes + count * recordBytes);
    bytes = calloc((size_t)byteCount, 1);
    for (uint32_t chunk = 0; chunk < count; chunk++)
        encodeColumns((uint8_t *)bytes + messageHeaderBytes + chunk * recordBytes + recordHeaderBytes, betCount);
    return count;
}

int main(int argc, char **argv) {
    bool isRequest = argc >= 6 && argc <= 7 && strcmp(argv[4], "request") == 0;
    if (!isRequest && !(argc >= 11 && argc <= 12 && strcmp(argv[4], "publish") == 0))
        fail("usage",
             "bare-publisher SERVERS PKI USER publish DRAW CONNECTIONS AGENCIES WINDOW CHUNK_BYTES SECONDS [MESSAGES], or "
             "bare-publisher SERVERS PKI USER request SUBJECT [JSON]");
    natsMsg *reply;
    if (isRequest) {
        request(join(argv[1], argv[2], argv[3]), argv[5], argc > 6 ? argv[6] : "", &reply);
        return printf("%.*s\n", natsMsg_GetDataLength(reply), natsMsg_GetData(reply)), 0;
    }
    const char *draw = argv[5];
    int connectionCount = atoi(argv[6]), agencyCount = atoi(argv[7]);
    uint32_t betCount = betsOfChunk(atol(argv[9])), chunks = encode((uint32_t)atoi(argv[8]), betCount);
    messageLimit = argc > 11 ? strtoull(argv[11], NULL, 10) : 0;

    Connection *connections = calloc((size_t)connectionCount, sizeof *connections);
    agencies = calloc((size_t)agencyCount, sizeof *agencies);
    for (int index = 0; index < connectionCount; index++) {
        Connection *connection = &connections[index];
        natsSubscription *subscription;
        char wildcard[40];
        snprintf(connection->inbox, sizeof connection->inbox, "_INBOX.bare-%d-%d", getpid(), index);
        snprintf(wildcard, sizeof wildcard, "%s.*", connection->inbox);
        connection->connection = join(argv[1], argv[2], argv[3]);
        check(natsConnection_Subscribe(&subscription, connection->connection, wildcard, receive, connection), "subscribe");
        check(natsSubscription_SetPendingLimits(subscription, -1, -1), "subscribe");
    }
    // The settings of EngineReplies.swift.
    char subject[128], settings[1024];
    snprintf(subject, sizeof subject, "$JS.API.STREAM.CREATE.QUINIELA_%s", draw);
    snprintf(settings, sizeof settings,
             "{\"name\":\"QUINIELA_%s\",\"subjects\":[\"quiniela.%s.*\"],\"retention\":\"limits\",\"storage\":\"file\","
             "\"discard\":\"new\",\"num_replicas\":3,\"max_consumers\":-1,\"max_msgs\":-1,\"max_bytes\":-1,\"max_age\":0,"
             "\"max_msg_size\":-1,\"max_msgs_per_subject\":-1,\"deny_delete\":true,\"allow_direct\":true,"
             "\"allow_rollup_hdrs\":false,\"duplicate_window\":1000000000}", draw, draw);
    request(connections[0].connection, subject, settings, &reply);
    if (memmem(natsMsg_GetData(reply), (size_t)natsMsg_GetDataLength(reply), "\"error\"", 7))
        fail(subject, natsMsg_GetData(reply));
    natsMsg_Destroy(reply);
    for (int index = 0; index < agencyCount; index++) {
        Agency *agency = &agencies[index];
        agency->connection = &connections[index % connectionCount];
        snprintf(agency->subject, sizeof agency->subject, "quiniela.%s.%d", draw, index + 1);
        snprintf(agency->reply, sizeof agency->reply, "%s.%d", agency->connection->inbox, index);
    }

    double cpuBefore = ownCpu();
    uint64_t start = now();
    end = start + (uint64_t)(atof(argv[10]) * 1e9);
    openCount = agencyCount;
    for (int index = 0; index < agencyCount; index++) publishNext(&agencies[index]);
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += atol(argv[10]) + 60;
    pthread_mutex_lock(&lock);
    while (openCount > 0)
        if (pthread_cond_timedwait(&wake, &lock, &limit) != 0) fail("publish", "no acknowledgement for a minute");
    double taken = (double)(now() - start) / 1e9, messages = (double)answerCount;
    printf("{\"bytes\": %.0f, \"messages\": %.0f, \"chunks\": %.0f, \"bets\": %.0f, \"seconds\": %.3f, "
           "\"bets_per_second\": %.0f, \"cpu_seconds\": %.3f, \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"again\": %llu}\n",
           messages * byteCount, messages, messages * chunks, messages * chunks * betCount, taken,
           messages * chunks * betCount / taken, ownCpu() - cpuBefore, percentile(0.5), percentile(0.99),
           (unsigned long long)againCount);
    return 0;
}
