// Sends requests that were encoded before, over many connections, and measures how long their answers take: the client of the
// rivals that are reached over a plain socket. A closed loop as quiniela-load's: every connection keeps WINDOW chunks
// unacknowledged. One thread, epoll.
//
//   stream-load redis|redis-bets|nats|course PORT CONNECTIONS WINDOW CHUNK_BYTES SECONDS PID
//
// redis       XADD of one entry for each chunk; its field is the agency, its value the bytes that Quiniela would get
// redis-bets  XADD of one entry for each bet, pipelined; a chunk is answered when its last bet is
// nats        PUB of one message for each chunk to bets.AGENCY, with a reply subject, where JetStream acknowledges
// course      4 bytes of length and a line of CSV for each bet
#define _GNU_SOURCE
#include "server.h"
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum { maxWindow = 1024, answerRoom = 64 << 10 };
typedef enum { redis, redisBets, nats, course } Kind;

typedef struct {
    int fd;
    char head[128];
    size_t headCount;
    char *body;  // with all that follows it; connections share it where no agency is in it
    size_t bodyCount;
    size_t sent;                // bytes of the current request
    uint32_t inFlight;          // chunks sent, at least in part, and not answered
    uint64_t begun[maxWindow];  // when each of them was, a ring
    uint32_t oldest;            // of the ring
    uint32_t answers;           // of the chunk that is next: redis-bets has one for each bet
    char input[answerRoom];
    size_t inputCount;  // bytes of a line that is not whole
    bool waitsForRoom;
} Connection;

static Kind kind;
static uint32_t betCount, answersPerChunk = 1;

// The content of quiniela-load, and the end of line that Redis and NATS want after it.
static char *encodeBets(size_t *count) {
    *count = (size_t)betCount * betBytes;
    char *columns = malloc(*count + 3);
    memcpy(encodeColumns((uint8_t *)columns, betCount), "\r\n", 2);
    *count += 2;
    return columns;
}

static char *encodeText(int agency, size_t *count) {
    char *text = malloc((size_t)betCount * 256), *at = text;
    char number[12];
    int digits = snprintf(number, sizeof number, "%d", agency);
    for (uint32_t bet = 0; bet < betCount; bet++) {
        uint32_t document = bet + firstDocument;
        if (kind == course)
            at += sprintf(at, "%d,AAAAAAAA,AAAAAAAA,%08u,1990-05-17,1\n", agency, document);
        else
            at += sprintf(at,
                          "*15\r\n$4\r\nXADD\r\n$4\r\nbets\r\n$1\r\n*\r\n$6\r\nagency\r\n$%d\r\n%d\r\n$5\r\nfirst\r\n$8\r\n"
                          "AAAAAAAA\r\n$4\r\nlast\r\n$8\r\nAAAAAAAA\r\n$8\r\ndocument\r\n$8\r\n%08u\r\n$9\r\nbirthdate\r\n"
                          "$10\r\n1990-05-17\r\n$6\r\nnumber\r\n$1\r\n1\r\n",
                          digits, agency, document);
    }
    *count = (size_t)(at - text);
    return text;
}

static void encode(Connection *connection, int agency, const Connection *first) {
    bool namesAgency = kind == redisBets || kind == course;
    if (namesAgency) {
        connection->body = encodeText(agency, &connection->bodyCount);
    } else if (connection == first) {
        connection->body = encodeBets(&connection->bodyCount);
    } else {
        connection->body = first->body;
        connection->bodyCount = first->bodyCount;
    }
    char *head = connection->head, number[12];
    size_t room = sizeof connection->head;
    int digits = snprintf(number, sizeof number, "%d", agency), count = 0;
    if (kind == redis) {
        count = snprintf(head, room, "*5\r\n$4\r\nXADD\r\n$4\r\nbets\r\n$1\r\n*\r\n$%d\r\n%d\r\n$%zu\r\n", digits, agency,
                         connection->bodyCount - 2);
    } else if (kind == nats) {
        count = snprintf(head, room, "PUB bets.%d _R.%d %zu\r\n", agency, agency, connection->bodyCount - 2);
    } else if (kind == course) {
        uint32_t length = htonl((uint32_t)connection->bodyCount);
        memcpy(head, &length, 4);
        count = 4;
    }
    connection->headCount = (size_t)count;
}

static int join(int port, int agency) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) fail("connect", strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (kind == nats) {
        dprintf(fd, "CONNECT {\"verbose\":false,\"pedantic\":false}\r\nSUB _R.%d 1\r\nPING\r\n", agency);
        char answer[4096] = "";
        for (size_t count = 0; !strstr(answer, "PONG\r\n");) {
            ssize_t more = read(fd, answer + count, sizeof answer - 1 - count);
            if (more <= 0) fail("nats", "closed");
            count += (size_t)more;
        }
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

// Sends as much as the window and the socket take.
static void fillWindow(Connection *connection, uint32_t window, uint64_t time, bool isOver) {
    while (true) {
        if (connection->sent == 0) {
            if (connection->inFlight == window || isOver) return;
            connection->begun[(connection->oldest + connection->inFlight) % maxWindow] = time;
            connection->inFlight++;
        }
        size_t inHead = connection->sent < connection->headCount ? connection->sent : connection->headCount;
        size_t inBody = connection->sent - inHead;
        struct iovec parts[2] = {{connection->head + inHead, connection->headCount - inHead},
                                 {connection->body + inBody, connection->bodyCount - inBody}};
        ssize_t count = writev(connection->fd, parts, 2);
        if (count < 0) {
            if (errno != EAGAIN) fail("send", strerror(errno));
            connection->waitsForRoom = true;
            return;
        }
        connection->sent += (size_t)count;
        if (connection->sent == connection->headCount + connection->bodyCount) connection->sent = 0;
    }
}

// Whether a line is the answer to a request. Answers come in the order of the requests, from every rival.
static bool isAnswer(const char *line) {
    switch (kind) {
    case redis:
    case redisBets:  // "$15", then the entry's id
        if (*line == '-') fail("redis", line);
        return *line == '$';
    case nats:  // "MSG _R.1 1 30", then {"stream":"BETS","seq":1}. A PING may stay unanswered for four minutes.
        if (*line == '-' || (*line == '{' && strstr(line, "\"error\""))) fail("nats", line);
        return *line == '{';
    case course:
        if (strcmp(line, "ok") != 0) fail("course", line);
        return true;
    }
    return false;
}

// Returns whether there may be more.
static bool receive(Connection *connection, uint64_t time) {
    ssize_t count = read(connection->fd, connection->input + connection->inputCount, answerRoom - connection->inputCount);
    if (count < 0 && errno == EAGAIN) return false;
    if (count <= 0) fail("receive", "the server closed");
    char *at = connection->input, *end = at + connection->inputCount + count, *stop;
    for (; (stop = memchr(at, '\n', (size_t)(end - at))); at = stop + 1) {
        *stop = 0;
        if (stop > at && stop[-1] == '\r') stop[-1] = 0;
        if (!isAnswer(at) || ++connection->answers < answersPerChunk) continue;
        connection->answers = 0;
        record(time - connection->begun[connection->oldest++ % maxWindow]);
        connection->inFlight--;
    }
    connection->inputCount = (size_t)(end - at);
    memmove(connection->input, at, connection->inputCount);
    return true;
}

int main(int argc, char **argv) {
    if (argc != 8) fail("usage", "stream-load redis|redis-bets|nats|course PORT CONNECTIONS WINDOW CHUNK_BYTES SECONDS PID");
    kind = !strcmp(argv[1], "redis") ? redis : !strcmp(argv[1], "redis-bets") ? redisBets : !strcmp(argv[1], "nats") ? nats
                                                                                                                : course;
    int port = atoi(argv[2]), connectionCount = atoi(argv[3]), pid = atoi(argv[7]);
    uint32_t window = (uint32_t)atoi(argv[4]);
    if (window > maxWindow) window = maxWindow;
    betCount = betsOfChunk(atol(argv[5]));
    if (kind == redisBets) answersPerChunk = betCount;
    signal(SIGPIPE, SIG_IGN);

    int epoll = epoll_create1(0);
    Connection *connections = calloc((size_t)connectionCount, sizeof *connections);
    for (int index = 0; index < connectionCount; index++) {
        encode(&connections[index], index + 1, connections);
        connections[index].fd = join(port, index + 1);
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = &connections[index]};
        epoll_ctl(epoll, EPOLL_CTL_ADD, connections[index].fd, &event);
    }
    double cpuBefore = serverCpu(pid);
    uint64_t start = now(), end = start + (uint64_t)(atof(argv[6]) * 1e9);
    struct epoll_event events[256];
    while (true) {
        uint64_t time = now(), open = 0;
        bool isOver = time >= end;
        for (int index = 0; index < connectionCount; index++) {
            Connection *connection = &connections[index];
            if (!connection->waitsForRoom) fillWindow(connection, window, time, isOver);
            open += connection->inFlight;
        }
        if (isOver && open == 0) break;
        if (time > end + 60000000000) fail("receive", "no answer for a minute");
        int count = epoll_wait(epoll, events, 256, 10);
        time = now();
        for (int index = 0; index < count; index++) {
            Connection *connection = events[index].data.ptr;
            if (events[index].events & EPOLLOUT) connection->waitsForRoom = false;
            if (events[index].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) while (receive(connection, time)) {}
        }
    }
    double taken = (double)(now() - start) / 1e9;
    printResult(betCount, taken, serverCpu(pid) - cpuBefore, serverKilobytes(pid));
    return 0;
}
