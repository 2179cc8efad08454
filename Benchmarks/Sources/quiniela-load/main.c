// Sends chunks of bets that were encoded before, over many connections, and measures how long their answers take.
//
//   quiniela-load PORT[,PORT...] CONNECTIONS WINDOW CHUNK_BYTES SECONDS [RATE] [PID] [CHUNKS] [DRAW]
//
// With several ports the agencies are distributed over them: 1 to the first, 2 to the second.
// With CHUNKS every connection sends that many instead of for SECONDS, and its last one says so: then its agency has finished.
// Closed loop: every connection keeps WINDOW chunks unacknowledged. With a RATE (chunks a second over all connections) it is
// an open loop: chunks are due at fixed times, and a time counts from when the chunk was due, so that waiting is not left out.
// PID: the service's, for its CPU time and peak memory. One line of JSON comes out. One thread, epoll.
//
// A chunk is docs/protocol.md's SEND_CHUNK. It is never copied: all connections send the same bytes, with another header.
#define _GNU_SOURCE
#include "measure.h"
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#ifdef LOAD_TLS
#include <openssl/ssl.h>
#endif

enum { answerBytes = 19, maxWindow = 1024 };

typedef struct {
    int fd;
#ifdef LOAD_TLS
    SSL *tls;
#endif
    uint32_t sequence;       // of the next chunk
    uint32_t inFlight;       // sent, at least in part, and not answered
    uint32_t due;            // open loop: chunks that should have been sent
    size_t sent;             // bytes of the current chunk
    uint64_t begun[maxWindow];  // when each chunk in flight was due, a ring
    uint32_t head;
    uint64_t dueTimes[maxWindow];  // open loop: of the chunks in `due`, a ring
    uint32_t dueHead;
    uint8_t answers[answerBytes * 64];
    size_t answered;         // bytes of an answer that is not whole
    bool waitsForRoom;
} Connection;

// After `headerBytes` of room for a header.
static uint8_t *chunk;
static uint8_t *bets;
static size_t betsBytes;
static uint32_t betCount;

static void encodeBets(size_t chunkBytes) {
    betCount = betsOfChunk((long)chunkBytes);
    betsBytes = (size_t)betCount * betBytes;
    chunk = malloc(headerBytes + betsBytes);
    bets = chunk + headerBytes;
    encodeColumns(bets, betCount);
}

#ifdef LOAD_TLS
static SSL_CTX *context;

static void makeContext(void) {
    context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    const char *ca = getenv("LOAD_CA"), *cert = getenv("LOAD_CERT"), *key = getenv("LOAD_KEY");
    if (!ca || SSL_CTX_load_verify_locations(context, ca, NULL) != 1) fail("LOAD_CA", "the root cannot be read");
    if (cert && SSL_CTX_use_certificate_chain_file(context, cert) != 1) fail("LOAD_CERT", "it cannot be read");
    if (key && SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) fail("LOAD_KEY", "it cannot be read");
}
#endif

// Like write(2) and read(2): -1 with EAGAIN if the socket takes or has nothing.
static ssize_t sendBytes(Connection *connection, const void *bytes, size_t count) {
#ifdef LOAD_TLS
    int done = SSL_write(connection->tls, bytes, (int)count);
    if (done > 0) return done;
    int error = SSL_get_error(connection->tls, done);
    errno = error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ ? EAGAIN : EPIPE;
    return -1;
#else
    return write(connection->fd, bytes, count);
#endif
}

static ssize_t receiveBytes(Connection *connection, void *bytes, size_t count) {
#ifdef LOAD_TLS
    int done = SSL_read(connection->tls, bytes, (int)count);
    if (done > 0) return done;
    int error = SSL_get_error(connection->tls, done);
    errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : EPIPE;
    return error == SSL_ERROR_ZERO_RETURN ? 0 : -1;
#else
    return read(connection->fd, bytes, count);
#endif
}

static int join(Connection *connection, int port, uint32_t agency, const char *draw, uint32_t *sequence) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) fail("connect", strerror(errno));
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    connection->fd = fd;
#ifdef LOAD_TLS
    connection->tls = SSL_new(context);
    SSL_set_fd(connection->tls, fd);
    if (SSL_connect(connection->tls) != 1) fail("handshake", "it failed");
#endif
    size_t drawBytes = strlen(draw), helloBytes = 12 + drawBytes;
    uint8_t hello[12 + 64] = {0, 0, 0, (uint8_t)(8 + drawBytes), 1, 1};
    put32(hello + 6, agency);
    hello[10] = (uint8_t)drawBytes;
    memcpy(hello + 11, draw, drawBytes);
    uint8_t welcome[512];
    if (sendBytes(connection, hello, helloBytes) != (ssize_t)helloBytes) fail("hello", strerror(errno));
    ssize_t count = 0;
    while (count < 4 || count < 4 + (ssize_t)welcome[3]) {
        ssize_t more = receiveBytes(connection, welcome + count, sizeof welcome - (size_t)count);
        if (more <= 0) fail("welcome", strerror(errno));
        count += more;
    }
    if (welcome[4] != 0x81) fail("join", "not a WELCOME");
    memcpy(sequence, welcome + 5, 4);
    *sequence = ntohl(*sequence);
    return fd;
}

static bool isOver;          // only what is begun is finished
static uint32_t chunksEach;  // 0: as many as the time allows

// Sends as much as the window and the socket take.
static void fillWindow(Connection *connection, uint32_t window, bool isOpenLoop, uint64_t time) {
    while (true) {
        if (connection->sent == 0) {
            if (isOver || (chunksEach > 0 && connection->sequence > chunksEach)) return;
            if (connection->inFlight == window || (isOpenLoop && connection->due == 0)) return;
            uint64_t begun = time;
            if (isOpenLoop) {
                begun = connection->dueTimes[connection->dueHead % maxWindow];
                connection->dueHead++;
                connection->due--;
            }
            connection->begun[(connection->head + connection->inFlight) % maxWindow] = begun;
            connection->inFlight++;
        }
        uint8_t *header = chunk;
        put32(header, (uint32_t)(headerBytes - 4 + betsBytes));
        header[4] = connection->sequence == chunksEach ? 3 : 2;
        put32(header + 5, connection->sequence);
        header[9] = (uint8_t)(betCount >> 8), header[10] = (uint8_t)betCount;
        ssize_t count = sendBytes(connection, chunk + connection->sent, headerBytes + betsBytes - connection->sent);
        if (count < 0) {
            if (errno != EAGAIN) fail("send", strerror(errno));
            connection->waitsForRoom = true;
            return;
        }
        connection->sent += (size_t)count;
        if (connection->sent < headerBytes + betsBytes) continue;
        connection->sent = 0;
        connection->sequence++;
    }
}

// Returns whether there may be more.
static bool receive(Connection *connection, uint64_t time) {
    ssize_t count = receiveBytes(connection, connection->answers + connection->answered,
                                 sizeof connection->answers - connection->answered);
    if (count < 0 && errno == EAGAIN) return false;
    if (count <= 0) fail("receive", "the service closed");
    size_t bytes = connection->answered + (size_t)count, at = 0;
    for (; bytes - at >= answerBytes; at += answerBytes) {
        if (connection->answers[at + 4] != 0x82) fail("receive", "not a CHUNK_PROCESSED");
        record(time - connection->begun[connection->head % maxWindow]);
        connection->head++;
        connection->inFlight--;
    }
    memmove(connection->answers, connection->answers + at, bytes - at);
    connection->answered = bytes - at;
    return true;
}

int main(int argc, char **argv) {
    if (argc < 6) {
        fprintf(stderr, "usage: quiniela-load PORT[,PORT...] CONNECTIONS WINDOW CHUNK_BYTES SECONDS [RATE] [PID] [CHUNKS] [DRAW]\n");
        return 64;
    }
    int ports[16], portCount = 0, connectionCount = atoi(argv[2]);
    for (char *port = strtok(argv[1], ","); port && portCount < 16; port = strtok(NULL, ",")) ports[portCount++] = atoi(port);
    if (portCount == 0) fail("PORT", "it is not a port, or ports with commas between them");
    uint32_t window = (uint32_t)atoi(argv[3]);
    double seconds = atof(argv[5]), rate = argc > 6 ? atof(argv[6]) : 0;
    int pid = argc > 7 ? atoi(argv[7]) : 0;
    chunksEach = argc > 8 ? (uint32_t)atoi(argv[8]) : 0;
    const char *draw = argc > 9 ? argv[9] : "";
    if (strlen(draw) > 64) fail("draw", "more than 64 characters");
    if (window > maxWindow) window = maxWindow;
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_TIMERSLACK, 1UL);
    encodeBets((size_t)atol(argv[4]));
#ifdef LOAD_TLS
    makeContext();
#endif

    int epoll = epoll_create1(0);
    Connection *connections = calloc((size_t)connectionCount, sizeof *connections);
    for (int index = 0; index < connectionCount; index++) {
        join(&connections[index], ports[index % portCount], (uint32_t)index + 1, draw, &connections[index].sequence);
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = &connections[index]};
        epoll_ctl(epoll, EPOLL_CTL_ADD, connections[index].fd, &event);
        fcntl(connections[index].fd, F_SETFL, O_NONBLOCK);
    }
    double cpuBefore = cpuOfThreads(pid);
    uint64_t start = now(), end = start + (uint64_t)(seconds * 1e9), duePast = 0;
    struct epoll_event events[256];
    while (true) {
        uint64_t time = now();
        uint64_t wanted = (uint64_t)chunksEach * (uint64_t)connectionCount;
        isOver = wanted > 0 ? answerCount == wanted : time >= end;
        if (isOver) {
            uint64_t open = 0;
            for (int index = 0; index < connectionCount; index++) open += connections[index].inFlight;
            if (open == 0 || time > end + 30000000000) break;
        }
        if (rate > 0 && !isOver) {
            uint64_t due = (uint64_t)((double)(time - start) * rate / 1e9);
            for (; duePast < due; duePast++) {
                Connection *connection = &connections[duePast % (uint64_t)connectionCount];
                if (connection->due == maxWindow) continue;  // beyond help: it shows in the rate
                connection->dueTimes[(connection->dueHead + connection->due) % maxWindow] =
                    start + (uint64_t)((double)duePast * 1e9 / rate);
                connection->due++;
            }
        }
        for (int index = 0; index < connectionCount; index++) {
            Connection *connection = &connections[index];
            if (!connection->waitsForRoom) fillWindow(connection, window, rate > 0, time);
        }
        // Open loop: until the next chunk is due. It must not spin: the service has the same two cores.
        uint64_t wait = 10000000;
        if (rate > 0 && !isOver) {
            uint64_t due = start + (uint64_t)((double)(duePast + 1) * 1e9 / rate), before = now();
            wait = due > before ? due - before : 0;
        }
        struct timespec timeout = {.tv_nsec = (long)wait};
        int count = epoll_pwait2(epoll, events, 256, &timeout, NULL);
        time = now();
        for (int index = 0; index < count; index++) {
            Connection *connection = events[index].data.ptr;
            if (events[index].events & EPOLLOUT) connection->waitsForRoom = false;
            if (events[index].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) while (receive(connection, time)) {}
        }
    }
    double taken = (double)(now() - start) / 1e9;
    printResult(betCount, taken, cpuOfThreads(pid) - cpuBefore, kilobytes(pid, "status", "VmHWM: %ld"));
    return 0;
}
